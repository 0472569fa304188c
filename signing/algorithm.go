package signing

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	_ "crypto/sha512" // SHA-384
	"fmt"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// minExponent is the smallest public exponent of an RSA key (FIPS 186-5, 5.4: "the exponent e shall be an odd, positive integer such that
// 2^16 < e < 2^256").
const minExponent = 1<<16 + 1

// algorithm is how a kind of key signs. There is one for each kind: were there two, a bundle, which names only the key, would not say which.
// Names and choices are those of sigstore's algorithm registry (signature.GetDefaultAlgorithmDetails), which TestRegistryOfAlgorithms asks: to ask
// it here would make every program that verifies set up all of protobuf.
type algorithm struct {
	name string
	// hash is what is signed of the message; 0: the message itself.
	hash crypto.Hash
}

var (
	ecdsaP256   = algorithm{DefaultAlgorithm, crypto.SHA256}
	ecdsaP384   = algorithm{"ecdsa-sha2-384-nistp384", crypto.SHA384}
	pureEd25519 = algorithm{"ed25519", 0}
	rsa2048     = algorithm{"rsa-sign-pkcs1-2048-sha256", crypto.SHA256}
	rsa3072     = algorithm{"rsa-sign-pkcs1-3072-sha256", crypto.SHA256}
	rsa4096     = algorithm{"rsa-sign-pkcs1-4096-sha256", crypto.SHA256}
)

// DefaultAlgorithm is what a new key has unless another is asked for: the one algorithm that every sigstore client reads without being
// told anything.
const DefaultAlgorithm = "ecdsa-sha2-256-nistp256"

// algorithmOf finds how a public key signs. Diagnostic: A0504 a kind of key, a size or an exponent that is not taken.
func algorithmOf(public crypto.PublicKey) (algorithm, error) {
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		switch key.Curve {
		case elliptic.P256():
			return ecdsaP256, nil
		case elliptic.P384():
			return ecdsaP384, nil
		}
		return algorithm{}, unsupported("an ECDSA key on the curve " + key.Params().Name)
	case *rsa.PublicKey:
		if key.E < minExponent || key.E%2 == 0 {
			return algorithm{}, unsupported(fmt.Sprintf("an RSA key with the exponent %d", key.E))
		}
		switch bits := key.N.BitLen(); bits {
		case 2048:
			return rsa2048, nil
		case 3072:
			return rsa3072, nil
		case 4096:
			return rsa4096, nil
		default:
			return algorithm{}, unsupported(fmt.Sprintf("an RSA key of %d bits", bits))
		}
	case ed25519.PublicKey:
		return pureEd25519, nil
	}
	return algorithm{}, unsupported(fmt.Sprintf("a key of type %T", public))
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
