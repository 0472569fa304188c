//go:build !front

package signing

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"strings"

	"github.com/sigstore/sigstore/pkg/cryptoutils"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// makers make keys, by algorithm: the default first.
var makers = []struct {
	algorithm
	make func() (crypto.Signer, error)
}{
	{ecdsaP256, ellipticKey(elliptic.P256())},
	{ecdsaP384, ellipticKey(elliptic.P384())},
	{pureEd25519, func() (crypto.Signer, error) {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	}},
	{rsa3072, rsaKey(3072)},
	{rsa4096, rsaKey(4096)},
}

func ellipticKey(c elliptic.Curve) func() (crypto.Signer, error) {
	return func() (crypto.Signer, error) { return ecdsa.GenerateKey(c, rand.Reader) }
}

func rsaKey(bits int) func() (crypto.Signer, error) {
	return func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, bits) }
}

// Algorithms are the names of the algorithms that NewKeyOf makes keys for, the default first.
func Algorithms() []string {
	var out []string
	for _, m := range makers {
		out = append(out, m.name)
	}
	return out
}

func makerOf(name string) (func() (crypto.Signer, error), error) {
	for _, m := range makers {
		if m.name == name {
			return m.make, nil
		}
	}
	return nil, diag.Errorf(codeAlgorithm, "no key is made for the algorithm %q", name).
		WithHelp("choose one of " + strings.Join(Algorithms(), ", "))
}

// NewKey makes a key pair of the default algorithm; see NewKeyOf.
func NewKey(password []byte) (privPEM, pubPEM []byte, err error) {
	return NewKeyOf(DefaultAlgorithm, password)
}

// NewKeyOf makes a key pair for one of Algorithms in PEM: the private half in the format of `cosign generate-key-pair` ("ENCRYPTED SIGSTORE
// PRIVATE KEY": scrypt and secretbox over PKCS #8), the public half as SubjectPublicKeyInfo. An empty password encrypts with the empty
// password, as cosign does. There is no source of randomness to pass: since Go 1.26 key generation takes only the system's.
func NewKeyOf(algorithm string, password []byte) (privPEM, pubPEM []byte, err error) {
	generate, err := makerOf(algorithm)
	if err != nil {
		return nil, nil, err
	}
	if password == nil {
		password = []byte{} // nil would mean: leave the key in the clear
	}
	key, err := generate()
	if err != nil {
		return nil, nil, fmt.Errorf("making a key pair: %w", err)
	}
	der, err := cryptoutils.MarshalPrivateKeyToEncryptedDER(key, func(bool) ([]byte, error) { return password, nil })
	if err != nil {
		return nil, nil, fmt.Errorf("encrypting the new key: %w", err)
	}
	if pubPEM, err = cryptoutils.MarshalPublicKeyToPEM(key.Public()); err != nil {
		return nil, nil, fmt.Errorf("encoding the public key: %w", err)
	}
	return cryptoutils.PEMEncode(cryptoutils.EncryptedSigstorePrivateKeyPEMType, der), pubPEM, nil
}

// NewEphemeral makes a signer, of the default algorithm, whose key is nowhere but in this process: for rehearsals, which must sign for real and
// for nobody.
func NewEphemeral() (*Signer, error) {
	private, err := ellipticKey(elliptic.P256())()
	if err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	return signerOf(private)
}
