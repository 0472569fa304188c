package pkcs11uri

import (
	"reflect"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	slot := uint(7)
	for text, want := range map[string]URI{
		"pkcs11:token=release;object=signing": {Token: "release", Object: "signing"},
		"pkcs11:object=a%20b%3B;type=private": {Object: "a b;"},
		"pkcs11:id=%01%FF":                    {ID: []byte{1, 255}},
		"pkcs11:token=T;manufacturer=M;serial=S;model=X;slot-id=7;object=O;type=public": {Token: "T", Manufacturer: "M", Serial: "S", Model: "X", Slot: &slot, Object: "O"},
		"pkcs11:object=o?pin-source=file:/run/pin&module-path=/usr/lib/x.so":            {Object: "o", PINFile: "/run/pin", Module: "/usr/lib/x.so"},
		"pkcs11:object=o?pin-source=file:///run/pin":                                    {Object: "o", PINFile: "/run/pin"},
		"pkcs11:object=o?pin-source=/run/pin":                                           {Object: "o", PINFile: "/run/pin"},
	} {
		got, err := Parse(text)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
}

func TestRefused(t *testing.T) {
	for text, want := range map[string]string{
		"":                                           "begin with",
		"PKCS11:object=o":                            "begin with",
		"pkcs11:":                                    "names no key",
		"pkcs11:token=t":                             "names no key",
		"pkcs11:object=":                             "empty",
		"pkcs11:object":                              "not NAME=VALUE",
		"pkcs11:object=o;":                           "not NAME=VALUE",
		"pkcs11:object=o;object=p":                   "twice",
		"pkcs11:object=o;token=t;token=t":            "twice",
		"pkcs11:object=o;x-vendor=1":                 "not known",
		"pkcs11:object=o;type=cert":                  "not a key pair",
		"pkcs11:object=o;slot-id=-1":                 "not a number",
		"pkcs11:object=o;slot-id=99999999999":        "not a number",
		"pkcs11:object=a b":                          "must be written %20",
		"pkcs11:object=ä":                            "must be written %C3",
		"pkcs11:object=%zz":                          "not %XX",
		"pkcs11:object=%2":                           "middle of",
		"pkcs11:object=o?pin-value=1234":             "pin-source=file",
		"pkcs11:object=o?pin-source=|/bin/askpw":     "absolute path",
		"pkcs11:object=o?pin-source=pin":             "absolute path",
		"pkcs11:object=o?module-path=x.so":           "absolute path",
		"pkcs11:object=o?module-name=x":              "not known",
		"pkcs11:object=o?token=t":                    "not known",
		"pkcs11:object=" + strings.Repeat("o", 4096): "the limit is",
	} {
		_, err := Parse(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v, want %q", text, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "1234") {
			t.Errorf("the PIN is in the message: %v", err)
		}
	}
}

// FuzzParse: no text makes the parser panic, names a key without saying which, or takes a PIN.
func FuzzParse(f *testing.F) {
	f.Add("pkcs11:token=release;object=a%20b;id=%01?pin-source=file:/p&module-path=/m")
	f.Add("pkcs11:object=%")
	f.Fuzz(func(t *testing.T, text string) {
		u, err := Parse(text)
		if err == nil && (u.Object == "" && len(u.ID) == 0 || strings.Contains(text, "pin-value=") && !strings.Contains(text, "%")) {
			t.Fatalf("%q: %+v", text, u)
		}
		if err != nil && !reflect.DeepEqual(u, URI{}) {
			t.Fatalf("%q: %+v with %v", text, u, err)
		}
	})
}
