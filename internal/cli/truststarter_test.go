package cli

import (
	"testing"

	"github.com/selfsame-build/selfsame/signing"
)

// TestTrustFileForAToken: a key that is no file stands in the trust file itself.
func TestTrustFileForAToken(t *testing.T) {
	w := newTrusting(t)
	_, public, err := signing.NewKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	v, err := signing.LoadVerifier(public)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"pkcs11:token=release;object=key?module-path=/usr/lib/softhsm.so", "awskms://alias/release"} {
		text, err := startTrust("trust.yaml", key, v)
		if err != nil {
			t.Fatal(err)
		}
		w.write("trust.yaml", text)
		w.must(0, "1 file, 1 signer or owner", "trust", "check", "trust.yaml")
	}
}
