package signing

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"strings"

	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"github.com/sigstore/sigstore/pkg/signature"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/trust"
)

// maxKeyFile bounds a PEM file in bytes; a P-256 key in cosign's format has about 650.
const maxKeyFile = 64 << 10

// Signer holds one private key, or what it takes to sign without one (NewKeyless). It is safe for concurrent use.
type Signer struct {
	private *ecdsa.PrivateKey
	public  *Verifier
	keyless *keyless // nil: there is a key
}

// Verifier holds one public key. It is safe for concurrent use.
type Verifier struct {
	verifier signature.Verifier
	info     trust.Key
	pem      []byte
}

// Key names the key.
func (v *Verifier) Key() trust.Key { return v.info }

// PEM is the public key as SubjectPublictrust.Key in PEM.
func (v *Verifier) PEM() []byte { return bytes.Clone(v.pem) }

// Verifier is the public half of the key; nil for a signer without one.
func (s *Signer) Verifier() *Verifier { return s.public }

// Key names the key; the zero Key for a signer without one.
func (s *Signer) Key() trust.Key {
	if s.public == nil {
		return trust.Key{}
	}
	return s.public.info
}

// NewKey makes an ECDSA P-256 key pair in PEM: the private half in the format of `cosign generate-key-pair` ("ENCRYPTED
// SIGSTORE PRIVATE KEY": scrypt and secretbox over PKCS #8), the public half as SubjectPublictrust.Key. An empty password
// encrypts with the empty password, as cosign does. There is no source of randomness to pass: since Go 1.26 key generation
// takes only the system's.
func NewKey(password []byte) (privPEM, pubPEM []byte, err error) {
	if password == nil {
		password = []byte{} // nil would mean: leave the key in the clear
	}
	privPEM, pubPEM, err = cryptoutils.GeneratePEMEncodedECDSAKeyPair(elliptic.P256(), func(bool) ([]byte, error) { return password, nil })
	if err != nil {
		return nil, nil, fmt.Errorf("making a key pair: %w", err)
	}
	return privPEM, pubPEM, nil
}

// LoadSigner reads a private key: cosign's encrypted format (both of its PEM names), or plain PKCS #8 or SEC 1, for which
// password is not used. Diagnostics: A0501 not a private key, A0502 wrong password, A0504 not ECDSA P-256.
func LoadSigner(privPEM, password []byte) (*Signer, error) {
	block, err := onePEM(privPEM, "private key")
	if err != nil {
		return nil, err
	}
	if strings.Contains(block.Type, "PUBLIC KEY") {
		return nil, diag.Errorf(codeKeyUnreadable, "a public key cannot sign").
			WithHelp("pass the private half: the file that ends in .key")
	}
	encrypted := strings.HasPrefix(block.Type, "ENCRYPTED ")
	if password == nil {
		password = []byte{}
	}
	key, err := cryptoutils.UnmarshalPEMToPrivateKey(pem.EncodeToMemory(block), func(bool) ([]byte, error) { return password, nil })
	switch {
	case err != nil && encrypted:
		return nil, diag.Errorf(codePassword, "decrypting the private key: %w", err).
			WithWhy("the password is wrong, or the file is damaged").
			WithHelp("set SELFSAME_KEY_PASSWORD, or type the password when asked")
	case err != nil:
		return nil, diag.Errorf(codeKeyUnreadable, "reading the private key: %w", err).WithHelp(helpNewKey)
	}
	private, ok := key.(*ecdsa.PrivateKey)
	if !ok || private.Curve != elliptic.P256() {
		return nil, unsupported(key)
	}
	public, err := newVerifier(private.Public())
	if err != nil {
		return nil, err
	}
	return &Signer{private: private, public: public}, nil
}

// LoadVerifier reads a public key (SubjectPublictrust.Key in PEM, one block). A private key is refused, A0503: whoever is
// handed one to verify with can also sign. Other diagnostics: A0501 not a public key, A0504 not ECDSA P-256.
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
	key, err := cryptoutils.UnmarshalPEMToPublicKey(pem.EncodeToMemory(block))
	if err != nil {
		return nil, diag.Errorf(codeKeyUnreadable, "reading the public key: %w", err).WithHelp(helpNewKey)
	}
	if public, ok := key.(*ecdsa.PublicKey); !ok || public.Curve != elliptic.P256() {
		return nil, unsupported(key)
	}
	return newVerifier(key)
}

func newVerifier(public crypto.PublicKey) (*Verifier, error) {
	der, err := cryptoutils.MarshalPublicKeyToDER(public)
	if err != nil {
		return nil, fmt.Errorf("encoding the public key: %w", err)
	}
	verifier, err := signature.LoadVerifier(public, crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("loading the public key: %w", err)
	}
	sum := sha256.Sum256(der)
	info := trust.Key{Hint: base64.StdEncoding.EncodeToString(sum[:]), Algorithm: "ecdsa-p256-sha256"}
	return &Verifier{verifier: verifier, info: info, pem: cryptoutils.PEMEncode(cryptoutils.PublicKeyPEMType, der)}, nil
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

func unsupported(key any) error {
	return diag.Errorf(codeAlgorithm, "unsupported key type %T", key).
		WithWhy("only ECDSA on the curve P-256 is taken, the one algorithm that every sigstore client reads").
		WithHelp(helpNewKey)
}
