package signing_test

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/signing/plugin"
	"github.com/selfsame-build/selfsame/trust"
)

// softHSM is a token that is a folder.
type softHSM struct {
	t      *testing.T
	dir    string
	module string
	env    []string
	calls  string // a line for every call of our program
}

// TestTokens builds our program for tokens once.
func TestTokens(t *testing.T) {
	program := filepath.Join(t.TempDir(), "p11")
	build := exec.Command("go", "build", "-o", program, "../cmd/sigstore-kms-p11")
	build.Env = append(os.Environ(), "CGO_ENABLED=1")
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip("SKIPPED: gcc is not installed: run make deps")
	}
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building our program for tokens: %v\n%s", err, out)
	}
	t.Run("keys", func(t *testing.T) { testTokenKeys(t, newSoftHSM(t, program)) })
	t.Run("faults", func(t *testing.T) { testTokenFaults(t, newSoftHSM(t, program)) })
	t.Run("protocol", func(t *testing.T) { testTokenProtocol(t, program) })
}

// newSoftHSM makes a machine with tokens.
func newSoftHSM(t *testing.T, program string) *softHSM {
	t.Helper()
	if _, err := exec.LookPath("softhsm2-util"); err != nil {
		t.Skip("SKIPPED: softhsm2 is not installed: run make deps")
	}
	h := &softHSM{t: t, dir: t.TempDir()}
	for _, m := range []string{"/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so"} {
		if _, err := os.Stat(m); err == nil {
			h.module = m
		}
	}
	if h.module == "" {
		t.Skip("SKIPPED: the module of softhsm2 is not where it usually is")
	}
	if err := os.Mkdir(filepath.Join(h.dir, "tokens"), 0o700); err != nil {
		t.Fatal(err)
	}
	conf := h.write("softhsm2.conf", "directories.tokendir = "+filepath.Join(h.dir, "tokens")+"\n")
	h.env = append(os.Environ(), "SOFTHSM2_CONF="+conf)
	h.calls = h.write("calls", "")
	h.write("sigstore-kms-p11", "#!/bin/sh\nprintf '%s\\n' \"$2\" >> '"+h.calls+"'\nexec '"+program+"' \"$@\"\n")
	return h
}

func (h *softHSM) write(name, text string) string {
	h.t.Helper()
	path := filepath.Join(h.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		h.t.Fatal(err)
	}
	return path
}

func (h *softHSM) util(args ...string) string {
	h.t.Helper()
	cmd := exec.Command("softhsm2-util", args...)
	cmd.Env = h.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		h.t.Fatalf("softhsm2-util %q: %v\n%s", args, err, out)
	}
	return string(out)
}

// token makes a token with the PIN 1234.
func (h *softHSM) token(label string) {
	h.t.Helper()
	h.util("--init-token", "--free", "--label", label, "--pin", "1234", "--so-pin", "567890")
}

// add puts a private key and its public half on a token.
func (h *softHSM) add(token, label, id string, key any) {
	h.t.Helper()
	file := h.write("import.pem", string(pem.EncodeToMemory(pkcs8(h.t, key))))
	h.util("--import", file, "--token", token, "--label", label, "--id", id, "--pin", "1234")
}

func (h *softHSM) uri(path, query string) string {
	return "pkcs11:" + path + "?module-path=" + h.module + query
}

func (h *softHSM) options(pin string) signing.OpenOptions {
	return signing.OpenOptions{Role: trust.Release, Password: []byte(pin), Programs: plugin.Programs{
		Env: h.env, Find: func(name string) (string, error) { return exec.LookPath(filepath.Join(h.dir, name)) },
	}}
}

// testTokenKeys signs with each kind of key on a token, in ways that our verifier and sigstore's take.
func testTokenKeys(t *testing.T, h *softHSM) {
	h.token("release")
	ids := 0
	for name, key := range someKeys(t) {
		ids++
		h.add("release", name, fmt.Sprintf("%02d", ids), key)
		t.Run(name, func(t *testing.T) {
			uri := h.uri("token=release;object="+name, "")
			s, err := signing.Open(t.Context(), uri, h.options("1234"))
			if err != nil {
				t.Fatal(err)
			}
			if s.Key().Algorithm != name || s.Role() != trust.Release {
				t.Errorf("%v as %q", s.Key(), s.Role())
			}
			bundle, err := signing.Sign(t.Context(), s, said["provenance"])
			if err != nil {
				t.Fatal(err)
			}
			v, err := signing.OpenVerifier(t.Context(), uri, h.options(""))
			if err != nil {
				t.Fatalf("without a PIN: %v", err)
			}
			if payload, by, err := verifyKey(bundle, v); err != nil || by != s.Key() || !bytes.Equal(payload, said["provenance"]) {
				t.Errorf("%v, %v", by, err)
			}
			if name == "ecdsa-sha2-256-nistp256" {
				acceptedBySigstoreGo(t, bundle, v)
			}
			if _, err := signing.Sign(t.Context(), s, said["mismatch"]); err == nil {
				t.Error("a finding is signed with a release key on a token")
			}
		})
	}
}

// wrongPIN is nothing that a time or a hash beside it could contain by chance.
const wrongPIN = "no such PIN"

// testTokenFaults: each ends in one diagnostic, and a wrong PIN is shown to the token once.
func testTokenFaults(t *testing.T, h *softHSM) {
	h.token("release")
	h.token("twin")
	h.token("twin")
	keys := someKeys(t)
	h.add("release", "signing", "01", keys["ecdsa-sha2-256-nistp256"])
	h.add("release", "double", "02", p256(t))
	h.add("release", "double", "03", p256(t))
	h.add("release", "weak", "04", rsa2048(t))
	serial := regexp.MustCompile(`Serial number:\s+(\S+)\s+Initialized:.*\s+User PIN init\.:.*\s+Label:\s+release`).FindStringSubmatch(h.util("--show-slots"))
	if serial == nil {
		t.Fatal("softhsm2-util shows no serial number")
	}
	good := h.uri("token=release;object=signing", "")
	pinFile := h.write("pin", "1234\n")
	for name, c := range map[string]struct {
		ref, pin string
		code     diag.Code
		want     string
	}{
		"as it is":             {good, "1234", "", ""},
		"PIN from a file":      {h.uri("token=release;object=signing", "&pin-source=file:"+pinFile), "wrong", "", ""},
		"by id":                {h.uri("token=release;object=double;id=%03", ""), "1234", "", ""},
		"by serial":            {h.uri("serial="+serial[1]+";object=signing", ""), "1234", "", ""},
		"wrong PIN":            {good, wrongPIN, "A0502", "PIN is wrong or missing"},
		"no PIN":               {good, "", "A0502", "PIN is wrong or missing"},
		"no PIN file":          {h.uri("token=release;object=signing", "&pin-source=/no/such/pin"), "1234", "A0582", "reading the PIN"},
		"no such token":        {h.uri("token=gone;object=signing", ""), "1234", "A0582", "no token matches"},
		"two of one label":     {h.uri("token=twin;object=signing", ""), "1234", "A0582", "2 tokens match the URI: add serial="},
		"another serial":       {h.uri("token=release;serial=0000;object=signing", ""), "1234", "A0582", "no token matches"},
		"no such key":          {h.uri("token=release;object=gone", ""), "1234", "A0582", "no public key"},
		"two keys":             {h.uri("token=release;object=double", ""), "1234", "A0582", "add id="},
		"a weak key":           {h.uri("token=release;object=weak", ""), "1234", "A0504", "2048 bits does not sign"},
		"no module":            {"pkcs11:token=release;object=signing", "1234", "A0582", "no module is named"},
		"a module that is not": {"pkcs11:object=signing?module-path=" + pinFile, "1234", "A0582", "cannot be loaded"},
		"no such module":       {"pkcs11:object=signing?module-path=/no/such.so", "1234", "A0582", "finding the module"},
		"a PIN in the URI":     {h.uri("token=release;object=signing", "&pin-value=1234"), "", "A0580", "pin-value would show"},
		"another key pinned":   {good + "#sha256=" + newKey(t).Key().Hint, "1234", "A0583", "not the pinned"},
		"a pin that is none":   {good + "#sha256=abc", "1234", "A0580", "not the hash"},
	} {
		t.Run(name, func(t *testing.T) {
			h.write("calls", "")
			s, err := signing.Open(t.Context(), c.ref, h.options(c.pin))
			calls, readErr := os.ReadFile(h.calls)
			if readErr != nil {
				t.Fatal(readErr)
			}
			if strings.Contains(string(calls), wrongPIN) {
				t.Errorf("a PIN among the arguments: %s", calls)
			}
			if n := strings.Count(string(calls), `"methodName":"signMessage"`); n > 1 {
				t.Errorf("the token was asked for %d signatures", n)
			}
			if c.code == "" {
				if err != nil {
					t.Fatal(err)
				}
				if _, err := signing.Sign(t.Context(), s, said["provenance"]); err != nil {
					t.Error(err)
				}
				return
			}
			wantCode(t, err, c.code)
			var d *diag.Diagnostic
			if !errors.As(err, &d) || !strings.Contains(d.Summary, c.want) || strings.Contains(d.Summary+d.Why+d.Help, wrongPIN) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

// testTokenProtocol starts our program as something else would.
func testTokenProtocol(t *testing.T, program string) {
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no arguments":       {nil, "is started by selfsame and cosign"},
		"another protocol":   {[]string{"v2", "{}"}, `the protocol "v2" is not spoken here`},
		"no options":         {[]string{"v1", "{}"}, "not those of the protocol"},
		"no JSON":            {[]string{"v1", "x"}, "not those of the protocol"},
		"no method":          {[]string{"v1", `{"initOptions":{"keyResourceID":"object=o"}}`}, "not those of the protocol"},
		"not a key":          {[]string{"v1", `{"initOptions":{"keyResourceID":"token=o"},"methodName":"publicKey","publicKey":{"publicKeyOptions":{"rpcOptions":{}}}}`}, "names no key"},
		"a key to be made":   {[]string{"v1", `{"initOptions":{"keyResourceID":"object=o"},"methodName":"createKey","createKey":{"algorithm":"x"}}`}, "no module is named"},
		"a method of theirs": {[]string{"v1", `{"initOptions":{"keyResourceID":"object=o"},"methodName":"decrypt"}`}, "no module is named"},
	} {
		out, _ := exec.Command(program, c.args...).Output() //nolint:errcheck // the answer says it
		var answer struct{ ErrorMessage string }
		if err := json.Unmarshal(out, &answer); err != nil || !strings.Contains(answer.ErrorMessage, c.want) {
			t.Errorf("%s: %s (%v), want %q", name, out, err, c.want)
		}
	}
}
