//go:build !front

package signing

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"fmt"
	"io"
	"strings"

	"github.com/sigstore/sigstore/pkg/cryptoutils"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/trust"
)

// Signer holds one private key, or speaks to whoever holds it, or has what it takes to sign without one (NewKeyless), and knows the role that it signs in. It is safe for concurrent use.
type Signer struct {
	public *Verifier
	role   trust.Role
	// sign signs message. It is deterministic for keys in files.
	sign func(ctx context.Context, message []byte) ([]byte, error)
	// anew signs so that no signature comes twice; nil: as sign.
	anew    func(ctx context.Context, message []byte) ([]byte, error)
	keyless *keyless // nil: there is a key
	stamps  *stamper // nil: the key's signatures say nothing of when
}

// Verifier is the public half of the key; nil for a signer without one.
func (s *Signer) Verifier() *Verifier { return s.public }

// Key names the key; the zero Key for a signer without one.
func (s *Signer) Key() trust.Key {
	if s.public == nil {
		return trust.Key{}
	}
	return s.public.info
}

// Who is who will sign: the key, or, without one, whom the instance's certificate names, which is asked for now and signed under later. What
// the instance answered is checked when something is signed under it, and not before. A certificate that names nobody is an error: nobody is no
// party that rules could be asked about. Diagnostics: A0552 to A0554.
func (s *Signer) Who(ctx context.Context) (trust.Party, error) {
	if s.keyless == nil {
		return trust.Party{Key: s.Key()}, nil
	}
	id, err := s.keyless.who(ctx)
	if err != nil {
		return trust.Party{}, err
	}
	return trust.Party{Identity: id}, nil
}

// By is who has signed a bundle of this signer's: its key, or, without one, whom the instance's certificate names.
func (s *Signer) By(bundle []byte) (trust.Party, error) {
	if s.keyless == nil {
		return trust.Party{Key: s.Key()}, nil
	}
	return s.keyless.by(bundle)
}

// Role is what Sign lets the key say; empty: nothing.
func (s *Signer) Role() trust.Role { return s.role }

// For is the same key in a role. A key should have one role only, in all its life.
func (s *Signer) For(role trust.Role) *Signer {
	c := *s
	c.role = role
	return &c
}

// LoadSigner reads a private key: cosign's encrypted format (both of its PEM names), or plain PKCS #8, SEC 1 or PKCS #1, for which
// password is not used. The signer has no role yet; give it one with For. Diagnostics: A0501 not a private key, A0502 wrong password, A0504
// a kind of key that does not sign.
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
	private, ok := key.(crypto.Signer)
	if !ok {
		return nil, unsupported(fmt.Sprintf("a key of type %T", key))
	}
	return signerOf(private)
}

// minSigningBits is the shortest RSA modulus that signs. 2048 bits have a strength of 112, which NIST ends in 2030 (SP 800-131A); evidence is
// read for longer. Verifying takes what sigstore's registry lists, 2048 among it: other people's keys are what they are.
const minSigningBits = 3072

// signerOf signs with a key in memory.
func signerOf(private crypto.Signer) (*Signer, error) {
	public, err := newVerifier(private.Public())
	if err != nil {
		return nil, err
	}
	with := func(random io.Reader) func(context.Context, []byte) ([]byte, error) {
		return func(_ context.Context, message []byte) ([]byte, error) {
			return private.Sign(random, public.algorithm.digest(message), public.algorithm.hash)
		}
	}
	// nil: ECDSA by RFC 6979, RSA by PKCS #1 v1.5. Both, and Ed25519, give one signature for one message.
	s, err := newSigner(public, with(nil))
	if err != nil {
		return nil, err
	}
	s.anew = with(rand.Reader)
	return s, nil
}

// newSigner refuses keys that verify but are too weak to sign anything new.
func newSigner(public *Verifier, sign func(context.Context, []byte) ([]byte, error)) (*Signer, error) {
	if key, ok := public.public.(*rsa.PublicKey); ok && key.N.BitLen() < minSigningBits {
		return nil, diag.Errorf(codeAlgorithm, "an RSA key of %d bits does not sign", key.N.BitLen()).
			WithWhy("NIST ends signing with 2048 bits in 2030 (SP 800-131A), and evidence is read for longer; such keys still verify").
			WithHelp(helpNewKey)
	}
	return &Signer{public: public, sign: sign}, nil
}
