package intoto

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/in-toto/in-toto-golang/in_toto"
)

// keyIDHashes is what in-toto's own tools write; the value is part of what a key id is the digest of.
var keyIDHashes = []string{"sha256", "sha512"}

// KeyID is what in-toto calls the public key: a digest of its canonical JSON. publicPEM is SubjectPublicKeyInfo in PEM.
func KeyID(publicPEM []byte) (string, error) {
	k, err := newKey(publicPEM)
	return k.KeyID, err
}

// newKey describes a public key as in-toto does.
func newKey(publicPEM []byte) (in_toto.Key, error) {
	block, _ := pem.Decode(publicPEM)
	if block == nil {
		return in_toto.Key{}, errors.New("describing a key: it is no PEM block")
	}
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return in_toto.Key{}, fmt.Errorf("describing a key: %w", err)
	}
	scheme, err := schemeOf(public)
	if err != nil {
		return in_toto.Key{}, err
	}
	var k in_toto.Key
	if err := k.LoadKeyReader(bytes.NewReader(publicPEM), scheme, keyIDHashes); err != nil {
		return in_toto.Key{}, fmt.Errorf("describing a key: %w", err)
	}
	return k, nil
}

func schemeOf(public any) (string, error) {
	switch k := public.(type) {
	case *ecdsa.PublicKey:
		return fmt.Sprintf("ecdsa-sha2-nistp%d", k.Curve.Params().BitSize), nil
	case ed25519.PublicKey:
		return "ed25519", nil
	case *rsa.PublicKey:
		return "rsassa-pss-sha256", nil
	}
	return "", fmt.Errorf("describing a key: layouts have no keys of the type %T", public)
}

// der is the key as SubjectPublicKeyInfo. A private half, or a certificate, is refused: neither has a place in a layout.
func der(k in_toto.Key) ([]byte, error) {
	if k.KeyVal.Private != "" || k.KeyVal.Certificate != "" {
		return nil, errors.New("it holds more than a public key")
	}
	var public any
	if k.KeyType == "ed25519" {
		raw, err := hex.DecodeString(k.KeyVal.Public)
		if err != nil || len(raw) != ed25519.PublicKeySize {
			return nil, errors.New("it is no ed25519 key in hexadecimal")
		}
		public = ed25519.PublicKey(raw)
	} else {
		block, rest := pem.Decode([]byte(k.KeyVal.Public))
		if block == nil || len(bytes.TrimSpace(rest)) > 0 {
			return nil, errors.New("it is not one PEM block")
		}
		var err error
		if public, err = x509.ParsePKIXPublicKey(block.Bytes); err != nil {
			return nil, err
		}
	}
	if scheme, err := schemeOf(public); err != nil || scheme != k.Scheme {
		return nil, fmt.Errorf("the scheme is %.40q, the key says otherwise (%T)", k.Scheme, public)
	}
	return x509.MarshalPKIXPublicKey(public)
}
