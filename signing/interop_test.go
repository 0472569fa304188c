package signing_test

import (
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/verify"
	"github.com/sigstore/sigstore/pkg/signature"

	"github.com/selfsame-build/selfsame/signing"
)

// TestStockBundles verifies what stock cosign v3.1.3 and sigstore-go v1.3.0 signed.
func TestStockBundles(t *testing.T) {
	dir := filepath.Join("..", "..", "shared", "vectors", "lab-interop")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("SKIPPED: no test vectors of other programs: %v", err)
	}
	read := func(name string) []byte {
		raw, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	for bundle, key := range map[string]string{
		"cosign-app.1.sigstore.json": "cosign.pub", "cosign-app.2.sigstore.json": "cosign.pub",
		"cosign-neg.1.sigstore.json": "cosign.pub", "mine.sigstore.json": "mine.pub",
	} {
		v, err := signing.LoadVerifier(read(key))
		if err != nil {
			t.Fatal(err)
		}
		payload, _, err := verifyKey(read(bundle), v)
		if err != nil {
			t.Errorf("%s: %v", bundle, err)
			continue
		}
		subject, _, _ := strings.Cut(bundle, ".")
		want := strings.TrimPrefix(strings.TrimSpace(string(read(subject+".subject"))), "sha256:")
		if !strings.Contains(string(payload), want) {
			t.Errorf("%s: %s is not in the payload", bundle, want)
		}
	}
	v, err := signing.LoadVerifier(read("mine.pub"))
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = verifyKey(read("cosign-app.1.sigstore.json"), v)
	wantCode(t, err, "A0507")
	_, _, err = verifyKey(read("keyless.sigstore.json"), v)
	wantCode(t, err, "A0508")
}

// TestSigstoreGoAccepts has sigstore-go, the library below cosign, verify a bundle of ours, with each kind of key.
func TestSigstoreGoAccepts(t *testing.T) {
	for name, key := range someKeys(t) {
		t.Run(name, func(t *testing.T) {
			s, err := signing.LoadSigner(pem.EncodeToMemory(pkcs8(t, key)), nil)
			if err != nil {
				t.Fatal(err)
			}
			acceptedBySigstoreGo(t, sign(t, s, statement), s.Verifier())
		})
	}
}

// acceptedBySigstoreGo loads the key as sigstore's registry says, without our code.
func acceptedBySigstoreGo(t *testing.T, ours []byte, key *signing.Verifier) {
	t.Helper()
	b := bundle.Bundle{Bundle: &protobundle.Bundle{}}
	if err := b.UnmarshalJSON(ours); err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(key.PEM())
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	sv, err := signature.LoadDefaultVerifier(public)
	if err != nil {
		t.Fatal(err)
	}
	material := root.NewTrustedPublicKeyMaterial(func(hint string) (root.TimeConstrainedVerifier, error) {
		if hint != key.Key().Hint {
			t.Errorf("hint %q, want %q", hint, key.Key().Hint)
		}
		return root.NewExpiringKey(sv, time.Time{}, time.Time{}), nil
	})
	v, err := verify.NewVerifier(material, verify.WithNoObserverTimestamps())
	if err != nil {
		t.Fatal(err)
	}
	subject, err := hex.DecodeString("1b65ebf924809c08abafb361776930bd1f06cb49405a24c09f4943afa23ca148")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(&b, verify.NewPolicy(verify.WithArtifactDigest("sha256", subject), verify.WithKey())); err != nil {
		t.Error(err)
	}
	if _, err := v.Verify(&b, verify.NewPolicy(verify.WithArtifactDigest("sha256", make([]byte, 32)), verify.WithKey())); err == nil {
		t.Error("sigstore-go accepts any subject: this test proves nothing")
	}
}
