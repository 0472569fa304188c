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

	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	"github.com/sigstore/sigstore/pkg/signature"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// DefaultAlgorithm is what a new key has unless another is asked for: the one algorithm that every sigstore client reads without being
// told anything.
const DefaultAlgorithm = "ecdsa-sha2-256-nistp256"

// minExponent is the smallest public exponent of an RSA key (FIPS 186-5, 5.4: "the exponent e shall be an odd, positive integer such that
// 2^16 < e < 2^256").
const minExponent = 1<<16 + 1

// minSigningBits is the shortest RSA modulus that signs. 2048 bits have a strength of 112, which NIST ends in 2030 (SP 800-131A); evidence is
// read for longer. Verifying takes what sigstore's registry lists, 2048 among it: other people's keys are what they are.
const minSigningBits = 3072

// algorithm is how a kind of key signs. There is one for each kind: were there two, a bundle, which names only the key, would not say which.
// The names and the choices are those of sigstore's algorithm registry (signature.GetDefaultPublicKeyDetails).
type algorithm struct {
	name string
	// hash is what is signed of the message; 0: the message itself.
	hash crypto.Hash
	make func() (crypto.Signer, error) // nil: such keys are read, not made
}

var algorithms = []algorithm{
	registered(protocommon.PublicKeyDetails_PKIX_ECDSA_P256_SHA_256, ellipticKey(elliptic.P256())),
	registered(protocommon.PublicKeyDetails_PKIX_ECDSA_P384_SHA_384, ellipticKey(elliptic.P384())),
	registered(protocommon.PublicKeyDetails_PKIX_ED25519, func() (crypto.Signer, error) {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	}),
	registered(protocommon.PublicKeyDetails_PKIX_RSA_PKCS1V15_2048_SHA256, nil),
	registered(protocommon.PublicKeyDetails_PKIX_RSA_PKCS1V15_3072_SHA256, rsaKey(3072)),
	registered(protocommon.PublicKeyDetails_PKIX_RSA_PKCS1V15_4096_SHA256, rsaKey(4096)),
}

// registered takes name and hash from sigstore's registry; that it has them is for a test to see.
func registered(details protocommon.PublicKeyDetails, mk func() (crypto.Signer, error)) algorithm {
	entry, err := signature.GetAlgorithmDetails(details)
	if err != nil {
		return algorithm{name: details.String(), make: mk}
	}
	name, _ := signature.FormatSignatureAlgorithmFlag(details)
	return algorithm{name: name, hash: entry.GetHashType(), make: mk}
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
	for _, a := range algorithms {
		if a.make != nil {
			out = append(out, a.name)
		}
	}
	return out
}

func algorithmNamed(name string) (algorithm, error) {
	for _, a := range algorithms {
		if a.name == name && a.make != nil {
			return a, nil
		}
	}
	return algorithm{}, diag.Errorf(codeAlgorithm, "no key is made for the algorithm %q", name).
		WithHelp("choose one of " + strings.Join(Algorithms(), ", "))
}

// algorithmOf finds how a public key signs. Diagnostic: A0504 a kind of key, a size or an exponent that is not taken.
func algorithmOf(public crypto.PublicKey) (algorithm, error) {
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		if key.Curve != elliptic.P256() && key.Curve != elliptic.P384() {
			return algorithm{}, unsupported("an ECDSA key on the curve " + key.Params().Name)
		}
	case *rsa.PublicKey:
		if key.E < minExponent || key.E%2 == 0 {
			return algorithm{}, unsupported(fmt.Sprintf("an RSA key with the exponent %d", key.E))
		}
		if bits := key.N.BitLen(); bits != 2048 && bits != 3072 && bits != 4096 {
			return algorithm{}, unsupported(fmt.Sprintf("an RSA key of %d bits", bits))
		}
	case ed25519.PublicKey:
	default:
		return algorithm{}, unsupported(fmt.Sprintf("a key of type %T", public))
	}
	entry, err := signature.GetDefaultAlgorithmDetails(public)
	if err != nil {
		return algorithm{}, unsupported(fmt.Sprintf("a key of type %T", public))
	}
	name, err := signature.FormatSignatureAlgorithmFlag(entry.GetSignatureAlgorithm())
	if err != nil {
		return algorithm{}, fmt.Errorf("naming the algorithm of a key: %w", err)
	}
	return algorithm{name: name, hash: entry.GetHashType()}, nil
}

// digest is what is signed of message.
func (a algorithm) digest(message []byte) []byte {
	if a.hash == 0 {
		return message
	}
	h := a.hash.New()
	h.Write(message)
	return h.Sum(nil)
}

func unsupported(what string) error {
	return diag.Errorf(codeAlgorithm, "%s is not supported", what).
		WithWhy("supported are ECDSA on P-256 and P-384, Ed25519, and RSA of 2048 (only to verify), 3072 and 4096 bits").
		WithHelp(helpNewKey)
}
