package signing_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"testing"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"github.com/sigstore/sigstore/pkg/cryptoutils"

	"github.com/selfsame-build/selfsame/signing"
)

// plain is a key as the DSSE library's users hand it over, without a name.
type plain struct{ key *ecdsa.PublicKey }

func (p plain) KeyID() (string, error)   { return "", nil }
func (p plain) Public() crypto.PublicKey { return p.key }
func (p plain) Verify(_ context.Context, data, sig []byte) error {
	if sum := sha256.Sum256(data); !ecdsa.VerifyASN1(p.key, sum[:], sig) {
		return errors.New("the signature does not hold")
	}
	return nil
}

// TestBare: a bundle's envelope by itself verifies in the library that slsa-verifier uses.
func TestBare(t *testing.T) {
	key := newKey(t)
	raw, err := signing.Bare(sign(t, key, statement))
	if err != nil {
		t.Fatal(err)
	}
	var e dsse.Envelope
	if err := json.Unmarshal(raw, &e); err != nil {
		t.Fatal(err)
	}
	public, err := cryptoutils.UnmarshalPEMToPublicKey(key.Verifier().PEM())
	if err != nil {
		t.Fatal(err)
	}
	v, err := dsse.NewEnvelopeVerifier(plain{public.(*ecdsa.PublicKey)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(t.Context(), &e); err != nil {
		t.Error(err)
	}
	if payload, err := e.DecodeB64Payload(); err != nil || string(payload) != statement {
		t.Errorf("%s %v", payload, err)
	}
	_, err = signing.Bare([]byte("{}"))
	wantCode(t, err, "A0505")
}
