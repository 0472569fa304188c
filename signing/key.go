package signing

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"strings"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/trust"
)

// maxKeyFile bounds a PEM file in bytes; an RSA key of 4096 bits in cosign's format has about 4,500.
const maxKeyFile = 64 << 10

// Verifier holds one public key. It is safe for concurrent use.
type Verifier struct {
	public    crypto.PublicKey
	algorithm algorithm
	info      trust.Key
	pem       []byte
}

// Key names the key.
func (v *Verifier) Key() trust.Key { return v.info }

// PEM is the public key as SubjectPublicKeyInfo in PEM.
func (v *Verifier) PEM() []byte { return bytes.Clone(v.pem) }

// LoadVerifier reads a public key (SubjectPublicKeyInfo in PEM, one block). A private key is refused, A0503: whoever is
// handed one to verify with can also sign. Other diagnostics: A0501 not a public key, A0504 a kind of key that is not
// supported.
func LoadVerifier(pubPEM []byte) (*Verifier, error) {
	block, err := onePEM(pubPEM, "public key")
	if err != nil {
		return nil, err
	}
	if strings.Contains(block.Type, "PRIVATE KEY") {
		return nil, diag.Errorf(codePrivateGiven, "this is a private key; verifying takes the public one").
			WithWhy("a verifier that holds the private key could have made the evidence itself").
			WithHelp("pass the public half: the file that ends in .pub")
	}
	key, err := parsePublic(block)
	if err != nil {
		return nil, diag.Errorf(codeKeyUnreadable, "reading the public key: %w", err).WithHelp(helpNewKey)
	}
	return newVerifier(key)
}

func newVerifier(public crypto.PublicKey) (*Verifier, error) {
	how, err := algorithmOf(public)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, fmt.Errorf("encoding the public key: %w", err)
	}
	sum := sha256.Sum256(der)
	return &Verifier{
		public: public, algorithm: how, pem: pem.EncodeToMemory(&pem.Block{Type: publicKeyPEM, Bytes: der}),
		info: trust.Key{Hint: base64.StdEncoding.EncodeToString(sum[:]), Algorithm: how.name},
	}, nil
}

// holds tells whether sig is the key's signature over message: ECDSA in ASN.1, RSA by PKCS #1 v1.5, Ed25519 as below.
func (v *Verifier) holds(message, sig []byte) bool {
	if len(sig) > maxSignature {
		return false
	}
	switch key := v.public.(type) {
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(key, v.algorithm.digest(message), sig)
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(key, v.algorithm.hash, v.algorithm.digest(message), sig) == nil
	case ed25519.PublicKey:
		return holdsEd25519(key, message, sig)
	}
	return false // algorithmOf lets no other key through
}

// holdsEd25519 takes Ed25519 and Ed25519ph. We sign the former, which is what stock cosign verifies; stock cosign signs the latter, since
// its log takes nothing else. RFC 8032 (section 4, "dom2") keeps the two apart, so that no signature of one is one of the other.
func holdsEd25519(key ed25519.PublicKey, message, sig []byte) bool {
	sum := sha512.Sum512(message)
	return ed25519.VerifyWithOptions(key, sum[:], sig, &ed25519.Options{Hash: crypto.SHA512}) == nil || ed25519.Verify(key, message, sig)
}

// The two forms of a public key in PEM (RFC 7468 section 13, RFC 8017 appendix A.1.1).
const (
	publicKeyPEM    = "PUBLIC KEY"
	rsaPublicKeyPEM = "RSA PUBLIC KEY"
)

func parsePublic(block *pem.Block) (crypto.PublicKey, error) {
	switch block.Type {
	case publicKeyPEM:
		return x509.ParsePKIXPublicKey(block.Bytes)
	case rsaPublicKeyPEM:
		return x509.ParsePKCS1PublicKey(block.Bytes)
	}
	return nil, fmt.Errorf("a PEM block of the type %q", clip(block.Type))
}

// onePEM takes a file that holds exactly one PEM block: a second key in the file would be one that nobody looked at.
func onePEM(data []byte, what string) (*pem.Block, error) {
	if len(data) > maxKeyFile {
		return nil, diag.Errorf(codeKeyUnreadable, "the %s has %d bytes, the limit is %d", what, len(data), maxKeyFile).WithHelp(helpNewKey)
	}
	block, rest := pem.Decode(data)
	if block == nil || len(block.Headers) != 0 || len(bytes.TrimSpace(rest)) != 0 {
		return nil, diag.Errorf(codeKeyUnreadable, "the %s is not one PEM block", what).WithHelp(helpNewKey)
	}
	return block, nil
}
