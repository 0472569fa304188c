//go:build cgo

package token

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/sigstore/sigstore/pkg/signature/kms/cliplugin/common"
	"github.com/sigstore/sigstore/pkg/signature/kms/cliplugin/handler"

	"github.com/selfsame-build/selfsame/signing/pkcs11uri"
)

// maxMessage bounds what is signed in bytes, as signing.MaxPayload with its envelope does.
const maxMessage = 64<<20 + 1<<10

// Process is the process that serves one call.
type Process struct {
	Args   []string // with the program's name
	In     io.Reader
	Out    io.Writer
	PIN    string // used where the URI has no pin-source
	Module string // used where the URI has no module-path
}

// Serve answers one call of sigstore's plugin protocol and gives the exit code: 0, or 1 with the error in the answer.
func (p Process) Serve() int {
	if err := p.serve(); err != nil {
		_ = handler.WriteErrorResponse(p.Out, err)
		return 1
	}
	return 0
}

func (p Process) serve() error {
	if len(p.Args) != 3 {
		return errors.New("this program is started by selfsame and cosign, for keys on PKCS #11 tokens: --key 'pkcs11:token=...' and --key 'p11://token=...'")
	}
	if p.Args[1] != common.ProtocolVersion {
		return fmt.Errorf("the protocol %q is not spoken here, only %s", p.Args[1], common.ProtocolVersion)
	}
	args, err := handler.GetPluginArgs(p.Args)
	if err != nil || args.InitOptions == nil || args.MethodArgs == nil {
		return errors.New("the arguments are not those of the protocol")
	}
	uri, err := pkcs11uri.Parse(pkcs11uri.Scheme + strings.TrimPrefix(args.InitOptions.KeyResourceID, pkcs11uri.Scheme))
	if err != nil {
		return err
	}
	s, err := open(uri, p.Module, p.PIN)
	if err != nil {
		return err
	}
	defer s.close()
	resp, err := handler.Dispatch(p.Out, p.In, args, key{s})
	if err == nil && resp.ErrorMessage != "" {
		return nil // it is written already
	}
	return err
}

// key answers the protocol's methods.
type key struct{ *session }

// PublicKey reads the public key.
func (k key) PublicKey(...signature.PublicKeyOption) (crypto.PublicKey, error) { return k.public() }

// SignMessage signs the digest that the caller passed, or the message.
func (k key) SignMessage(message io.Reader, opts ...signature.SignOption) ([]byte, error) {
	public, err := k.public()
	if err != nil {
		return nil, err
	}
	var digest []byte
	for _, o := range opts {
		o.ApplyDigest(&digest)
	}
	data, err := io.ReadAll(io.LimitReader(message, maxMessage+1))
	if err != nil || len(data) > maxMessage {
		return nil, fmt.Errorf("reading the message: more than %d bytes, or %w", maxMessage, err)
	}
	if want := hashOf(public); len(digest) == 0 && want != 0 {
		h := want.New()
		h.Write(data)
		digest = h.Sum(nil)
	} else if want != 0 && len(digest) != want.Size() {
		return nil, fmt.Errorf("a digest of %d bytes, this key signs %d", len(digest), want.Size())
	}
	return k.sign(public, digest, data)
}

// hashOf is what sigstore's registry hashes with for a kind of key.
func hashOf(public crypto.PublicKey) crypto.Hash {
	switch key := public.(type) {
	case ed25519.PublicKey:
		return 0
	case *ecdsa.PublicKey:
		switch key.Curve {
		case elliptic.P384():
			return crypto.SHA384
		case elliptic.P521():
			return crypto.SHA512
		}
	}
	return crypto.SHA256
}

// VerifySignature checks with the public key, here and not on the token.
func (k key) VerifySignature(sig, message io.Reader, opts ...signature.VerifyOption) error {
	public, err := k.public()
	if err != nil {
		return err
	}
	v, err := signature.LoadVerifier(public, hashOf(public))
	if err != nil {
		return err
	}
	return v.VerifySignature(sig, message, opts...)
}

// CreateKey is refused: a token's own tools make its keys.
func (k key) CreateKey(context.Context, string) (crypto.PublicKey, error) {
	return nil, errors.New("keys are made by the token's own tools, for instance pkcs11-tool --keypairgen")
}

// CryptoSigner is not part of the protocol.
func (k key) CryptoSigner(context.Context, func(error)) (crypto.Signer, crypto.SignerOpts, error) {
	return nil, nil, errors.New("not part of the protocol")
}

// SupportedAlgorithms names none, since no key is made.
func (k key) SupportedAlgorithms() []string { return nil }

// DefaultAlgorithm names none, since no key is made.
func (k key) DefaultAlgorithm() string { return "" }
