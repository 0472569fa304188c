// Package signingtest makes keys for tests.
package signingtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"testing"

	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/trust"
)

// NewPair makes a P-256 key and gives both halves in PEM. The private one is in the clear: opening one that is encrypted takes long on purpose.
func NewPair(tb testing.TB) (private, public []byte) {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	half, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		tb.Fatal(err)
	}
	other, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		tb.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: half}), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: other})
}

// NewSigner makes such a key, which signs in a role; with none it signs nothing that a role is asked about.
func NewSigner(tb testing.TB, role trust.Role) *signing.Signer {
	tb.Helper()
	private, _ := NewPair(tb)
	s, err := signing.LoadSigner(private, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return s.For(role)
}
