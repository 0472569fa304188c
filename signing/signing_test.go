package signing_test

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/trust"
)

const statement = `{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"app","digest":{"sha256":"` +
	`1b65ebf924809c08abafb361776930bd1f06cb49405a24c09f4943afa23ca148"}}],"predicateType":"https://slsa.dev/provenance/v1","predicate":{"n":9007199254740993}}`

func newKey(t testing.TB) *signing.Signer {
	t.Helper()
	private, _, err := signing.NewKey([]byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := signing.LoadSigner(private, []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func sign(t testing.TB, s *signing.Signer, payload string) []byte {
	t.Helper()
	b, err := signing.SignUnchecked(t.Context(), s, []byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func wantCode(t *testing.T, err error, code diag.Code) {
	t.Helper()
	for _, d := range diag.All(err) {
		if d.Code == code {
			if _, listed := diag.Lookup(code); !listed {
				t.Errorf("%s has no page", code)
			}
			return
		}
	}
	t.Errorf("error %v, want diagnostic %s", err, code)
}

// verifyKey checks a bundle against keys alone.
func verifyKey(bundle []byte, keys ...*signing.Verifier) ([]byte, trust.Key, error) {
	got, err := signing.Trust{Keys: keys}.Verify(bundle)
	return got.Payload, got.By.Key, err
}

func TestSignVerify(t *testing.T) {
	key, stranger := newKey(t), newKey(t)
	bundle := sign(t, key, statement)
	if again := sign(t, key, statement); !bytes.Equal(bundle, again) {
		t.Error("signing twice gave two bundles")
	}
	payload, by, err := verifyKey(bundle, stranger.Verifier(), key.Verifier())
	if err != nil || string(payload) != statement || by != key.Key() {
		t.Errorf("payload %s by %v, %v", payload, by, err)
	}
	_, by, err = verifyKey(bundle, stranger.Verifier())
	wantCode(t, err, "A0507")
	if !errors.Is(err, signing.ErrOtherKey) || by != (trust.Key{Hint: key.Key().Hint}) {
		t.Errorf("%v, by %v", err, by)
	}
	_, _, err = verifyKey(bundle)
	wantCode(t, err, "A0507")
	var shape struct {
		DsseEnvelope struct{ Signatures []map[string]string }
	}
	if err := json.Unmarshal(bundle, &shape); err != nil || len(shape.DsseEnvelope.Signatures) != 1 || shape.DsseEnvelope.Signatures[0]["keyid"] != "" {
		t.Errorf("%s", bundle)
	}
}

// Provenance of 50,000 inputs has 45 MB and more than a million values.
func TestLargeStatement(t *testing.T) {
	key := newKey(t)
	large := `{"a":[` + strings.Repeat(`"0123456789012345678901234567",`, 1_400_000) + `0]}`
	payload, _, err := verifyKey(sign(t, key, large), key.Verifier())
	if err != nil || string(payload) != large {
		t.Errorf("%d bytes of %d came back: %v", len(payload), len(large), err)
	}
}

// TestRefusals changes one thing at a time in a good bundle (the list of trust.md, N6 and N9).
func TestRefusals(t *testing.T) {
	key := newKey(t)
	good := string(sign(t, key, statement))
	payload := base64.StdEncoding.EncodeToString([]byte(statement))
	one := good[strings.Index(good, `[{"sig"`)+1 : strings.Index(good, `}]`)+1]
	swap := func(old, new string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("%s is not in the bundle", old)
		}
		return strings.Replace(good, old, new, 1)
	}
	other := sign(t, key, strings.Replace(statement, "app", "abc", 1))
	var otherSig struct {
		DsseEnvelope struct{ Signatures []struct{ Sig string } }
	}
	if err := json.Unmarshal(other, &otherSig); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		bundle string
		want   diag.Code
	}{
		"two signatures":         {swap(one, one+","+one), "A0505"},
		"no signature":           {swap(one, ""), "A0505"},
		"keyid":                  {swap(`{"sig"`, `{"keyid":"`+key.Key().Hint+`","sig"`), "A0505"},
		"payload type":           {swap(signing.PayloadType, "application/vnd.in-toto.provenance+json"), "A0505"},
		"media type":             {swap("v0.3", "v0.2"), "A0505"},
		"unknown field":          {swap(`{"mediaType"`, `{"x":1,"mediaType"`), "A0505"},
		"folded key":             {swap(`"dsseEnvelope"`, `"dsseenvelope"`), "A0505"},
		"duplicate key":          {swap(`"payloadType"`, `"payload":"e30=","payloadType"`), "A0505"},
		"trailing data":          {good + "{}", "A0505"},
		"no envelope":            {`{"mediaType":"` + signing.BundleMediaType + `","verificationMaterial":{"publicKey":{"hint":"x"}}}`, "A0505"},
		"no hint":                {swap(`{"publicKey":{"hint":"`+key.Key().Hint+`"}}`, `{}`), "A0505"},
		"a hint that is no hash": {swap(key.Key().Hint, "AAAA"), "A0505"},
		"another hint":           {swap(key.Key().Hint, base64.StdEncoding.EncodeToString(make([]byte, 32))), ""},
		"certificate":            {swap(`{"publicKey"`, `{"certificate":{"rawBytes":""},"publicKey"`), "A0508"},
		"message signature":      {swap(`"dsseEnvelope"`, `"messageSignature":{},"dsseEnvelope"`), "A0508"},
		"log entries":            {swap(`{"publicKey"`, `{"tlogEntries":[{"logIndex":"1"}],"publicKey"`), ""},
		"line break in base64":   {swap(payload[:8], payload[:8]+`\n`), "A0505"},
		"payload changed":        {swap(payload, base64.StdEncoding.EncodeToString([]byte(strings.Replace(statement, "app", "apq", 1)))), "A0506"},
		"another signature":      {swap(one, `{"sig":"`+otherSig.DsseEnvelope.Signatures[0].Sig+`"}`), "A0506"},
		"nothing":                {"", "A0505"},
		"null":                   {"null", "A0505"},
		"65 MiB":                 {swap(payload, strings.Repeat("A", 87<<20)), "A0505"},
		"depth 9000":             {strings.Repeat("[", 9000) + strings.Repeat("]", 9000), "A0505"},
		"depth inside":           {swap(`{"publicKey"`, `{"tlogEntries":[`+strings.Repeat("[", 9000)+strings.Repeat("]", 9000)+`],"publicKey"`), "A0505"},
	} {
		payload, by, err := verifyKey([]byte(c.bundle), key.Verifier())
		switch {
		case c.want == "" && (err != nil || string(payload) != statement || by != key.Key()):
			t.Errorf("%s: %v", name, err)
		case c.want != "":
			t.Run(name, func(t *testing.T) { wantCode(t, err, c.want) })
			if payload != nil {
				t.Errorf("%s: a payload all the same", name)
			}
			if len(err.Error()) > 1000 {
				t.Errorf("%s: an error of %d bytes", name, len(err.Error()))
			}
		}
	}
}

// TestPayloadThatIsNoStrictJSON: what a trusted key signed is refused too, and Sign does not make it.
func TestPayloadThatIsNoStrictJSON(t *testing.T) {
	key := newKey(t)
	for _, p := range []string{``, `{"a":1,"a":2}`, `{} {}`, "{\"a\":\"\xff\"}", `{"a":"\ud800"}`, strings.Repeat("[", 65) + strings.Repeat("]", 65), `"` + strings.Repeat("x", signing.MaxPayload) + `"`} {
		if _, err := signing.Sign(t.Context(), key.For(trust.Release), []byte(p)); err == nil {
			t.Errorf("signed %.40q", p)
		}
		if _, err := signing.SignUnchecked(t.Context(), key, []byte(p)); err == nil {
			t.Errorf("signed %.40q without a look at its meaning", p)
		}
	}
}

func TestKeys(t *testing.T) {
	private, public, err := signing.NewKey([]byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(private, []byte("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n")) {
		t.Errorf("not cosign's format: %.60s", private)
	}
	verifier, err := signing.LoadVerifier(public)
	if err != nil || !bytes.Equal(verifier.PEM(), public) {
		t.Fatalf("%v", err)
	}
	signer, err := signing.LoadSigner(private, []byte("secret"))
	if err != nil || signer.Key() != verifier.Key() {
		t.Errorf("the halves differ: %v", err)
	}
	_, err = signing.LoadSigner(private, []byte("Secret"))
	wantCode(t, err, "A0502")
	_, err = signing.LoadSigner(private, nil)
	wantCode(t, err, "A0502")
	_, err = signing.LoadSigner(public, nil)
	wantCode(t, err, "A0501")
	_, err = signing.LoadVerifier(private)
	wantCode(t, err, "A0503")
	for _, bad := range []string{"", "x", string(public) + string(public), string(public) + "x", strings.Repeat("x", 1<<20), "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"} {
		_, err = signing.LoadVerifier([]byte(bad))
		wantCode(t, err, "A0501")
		_, err = signing.LoadSigner([]byte(bad), nil)
		wantCode(t, err, "A0501")
	}
	empty, _, err := signing.NewKey(nil)
	if err != nil || !bytes.Contains(empty, []byte("ENCRYPTED")) {
		t.Errorf("without a password: %v", err)
	}
	if _, err := signing.LoadSigner(empty, nil); err != nil {
		t.Errorf("empty password: %v", err)
	}
}

func pkcs8(t *testing.T, key any) *pem.Block {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return &pem.Block{Type: "PRIVATE KEY", Bytes: der}
}

// FuzzVerify: whatever is done to a bundle, it is refused or its payload is the one that was signed. See FuzzVerifyCertificate for what is fuzzed.
func FuzzVerify(f *testing.F) {
	f.Add(uint(0), []byte{})
	f.Add(uint(40), []byte(`{"`))
	f.Add(uint(300), []byte("AAAA"))
	var key *signing.Signer
	var good []byte
	f.Fuzz(func(t *testing.T, at uint, with []byte) {
		if good == nil {
			key = newKey(t)
			good = sign(t, key, statement)
		}
		payload, by, err := verifyKey(overwritten(good, at, with), key.Verifier())
		if err == nil && (string(payload) != statement || by != key.Key()) {
			t.Fatalf("accepted %q", payload)
		}
		if err != nil && payload != nil {
			t.Fatal("a payload with an error")
		}
	})
}

// FuzzLoadKeys: no file makes the loaders panic, or gives a key of another kind.
func FuzzLoadKeys(f *testing.F) {
	private, pub, err := signing.NewKey([]byte("x"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(pub)
	f.Add(private[:100])
	f.Fuzz(func(t *testing.T, data []byte) {
		if v, err := signing.LoadVerifier(data); err == nil && !slices.Contains(append(signing.Algorithms(), "rsa-sign-pkcs1-2048-sha256"), v.Key().Algorithm) {
			t.Fatal(fmt.Sprint(v.Key()))
		}
	})
}

// TestEveryFlippedByte flips each bit of each byte of a bundle.
func TestEveryFlippedByte(t *testing.T) {
	key := newKey(t)
	good := sign(t, key, statement)
	accepted := 0
	for i := range good {
		for bit := range 8 {
			data := bytes.Clone(good)
			data[i] ^= 1 << bit
			payload, _, err := verifyKey(data, key.Verifier())
			if err == nil {
				accepted++
				if string(payload) != statement {
					t.Fatalf("byte %d bit %d: another payload", i, bit)
				}
			}
		}
	}
	t.Logf("%d of %d flips leave the payload as it is and the signature good (all in the unsigned hint)", accepted, 8*len(good))
}

func BenchmarkVerify(b *testing.B) {
	key := newKey(b)
	bundle := sign(b, key, statement)
	for b.Loop() {
		if _, _, err := verifyKey(bundle, key.Verifier()); err != nil {
			b.Fatal(err)
		}
	}
}
