//go:build !front

package signing

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"fmt"
	"io"
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore/pkg/signature"
)

// keyed is a trusted root that also knows one key, under whatever hint: the hint is not signed.
type keyed struct {
	root.TrustedMaterial
	key *Verifier
}

// PublicKeyVerifier is the one key. When it may be believed is for package trust to say, not for sigstore.
func (k keyed) PublicKeyVerifier(string) (root.TimeConstrainedVerifier, error) {
	verifier, err := loadVerifier(k.key.public, k.key.algorithm)
	if err != nil {
		return nil, fmt.Errorf("loading a public key: %w", err)
	}
	return root.NewExpiringKey(verifier, time.Time{}, time.Time{}), nil
}

// loadVerifier is a key as sigstore-go wants it.
func loadVerifier(public crypto.PublicKey, how algorithm) (signature.Verifier, error) {
	key, ok := public.(ed25519.PublicKey)
	if !ok {
		return signature.LoadVerifier(public, how.hash)
	}
	pure, err := signature.LoadED25519Verifier(key)
	if err != nil {
		return nil, err
	}
	prehashed, err := signature.LoadED25519phVerifier(key)
	return eitherEd25519{pure, prehashed}, err
}

// eitherEd25519 takes what holdsEd25519 takes.
type eitherEd25519 struct {
	signature.Verifier
	prehashed signature.Verifier
}

func (e eitherEd25519) VerifySignature(sig, message io.Reader, opts ...signature.VerifyOption) error {
	s, err := io.ReadAll(io.LimitReader(sig, maxSignature))
	if err != nil {
		return err
	}
	m, err := io.ReadAll(message)
	if err != nil {
		return err
	}
	if e.prehashed.VerifySignature(bytes.NewReader(s), bytes.NewReader(m), opts...) == nil {
		return nil
	}
	return e.Verifier.VerifySignature(bytes.NewReader(s), bytes.NewReader(m), opts...)
}
