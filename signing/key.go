package signing

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"strings"

	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"github.com/sigstore/sigstore/pkg/signature"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/trust"
)

// maxKeyFile bounds a PEM file in bytes; an RSA key of 4096 bits in cosign's format has about 4,500.
const maxKeyFile = 64 << 10

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

// Verifier holds one public key. It is safe for concurrent use.
type Verifier struct {
	public    crypto.PublicKey
	verifier  signature.Verifier
	algorithm algorithm
	info      trust.Key
	pem       []byte
}

// Key names the key.
func (v *Verifier) Key() trust.Key { return v.info }

// PEM is the public key as SubjectPublicKeyInfo in PEM.
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

// NewKey makes a key pair of the default algorithm; see NewKeyOf.
func NewKey(password []byte) (privPEM, pubPEM []byte, err error) {
	return NewKeyOf(DefaultAlgorithm, password)
}

// NewKeyOf makes a key pair for one of Algorithms in PEM: the private half in the format of `cosign generate-key-pair` ("ENCRYPTED SIGSTORE
// PRIVATE KEY": scrypt and secretbox over PKCS #8), the public half as SubjectPublicKeyInfo. An empty password encrypts with the empty
// password, as cosign does. There is no source of randomness to pass: since Go 1.26 key generation takes only the system's.
func NewKeyOf(algorithm string, password []byte) (privPEM, pubPEM []byte, err error) {
	a, err := algorithmNamed(algorithm)
	if err != nil {
		return nil, nil, err
	}
	if password == nil {
		password = []byte{} // nil would mean: leave the key in the clear
	}
	key, err := a.make()
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
	key, err := cryptoutils.UnmarshalPEMToPublicKey(pem.EncodeToMemory(block))
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
	der, err := cryptoutils.MarshalPublicKeyToDER(public)
	if err != nil {
		return nil, fmt.Errorf("encoding the public key: %w", err)
	}
	verifier, err := loadVerifier(public, how)
	if err != nil {
		return nil, fmt.Errorf("loading the public key: %w", err)
	}
	sum := sha256.Sum256(der)
	return &Verifier{
		public: public, verifier: verifier, algorithm: how, pem: cryptoutils.PEMEncode(cryptoutils.PublicKeyPEMType, der),
		info: trust.Key{Hint: base64.StdEncoding.EncodeToString(sum[:]), Algorithm: how.name},
	}, nil
}

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

// eitherEd25519 takes Ed25519 and Ed25519ph. We sign the former, which is what stock cosign verifies; stock cosign signs the latter, since
// its log takes nothing else. RFC 8032 (section 4, "dom2") keeps the two apart, so that no signature of one is one of the other.
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
