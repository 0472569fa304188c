//go:build !front

package signing

import (
	"bytes"
	"context"
	"sync"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/signing/plugin"
	"github.com/selfsame-build/selfsame/trust"
)

// OpenOptions is what opening a key needs besides its name.
type OpenOptions struct {
	// Role is what the signer may say.
	Role trust.Role
	// Password opens an encrypted key file, or is a token's PIN.
	Password []byte
	// Programs starts the programs that hold keys.
	Programs plugin.Programs
}

// Open opens a private key, wherever it is, to sign in o.Role. A key that another program holds makes one signature over a text that is no
// statement, so that a wrong PIN or a key that cannot sign is known before a build, and not after it. Every signature of such a program is
// checked. Diagnostics: A0501 to A0504 the key, A0580 its name, A0581 its program is missing, A0582 it refused, A0583 another key than the
// pinned one, A0585 it does not work.
func Open(ctx context.Context, ref string, o OpenOptions) (*Signer, error) {
	r, err := ParseRef(ref)
	if err != nil {
		return nil, err
	}
	if r.File != "" {
		data, err := readKey(r.File)
		if err != nil {
			return nil, err
		}
		s, err := LoadSigner(data, o.Password)
		if err != nil {
			return nil, err
		}
		return s.For(o.Role), nil
	}
	key, public, err := r.remote(ctx, o)
	if err != nil {
		return nil, err
	}
	s, err := newSigner(public, (&remote{key: key, public: public}).sign)
	if err != nil {
		return nil, err
	}
	if _, err := s.sign(ctx, []byte(probe)); err != nil {
		return nil, err
	}
	return s.For(o.Role), nil
}

// probe is signed once to see that a key signs. It is no DSSE envelope (those begin with "DSSEv1 "), so no bundle can be made of it.
const probe = "selfsame: a first signature, to see that this key signs; it says nothing\n"

// PublicKey is the public half of any key that ref may name, private files included.
func PublicKey(ctx context.Context, ref string, o OpenOptions) (*Verifier, error) {
	r, err := ParseRef(ref)
	if err != nil {
		return nil, err
	}
	if r.File == "" {
		_, public, err := r.remote(ctx, o)
		return public, err
	}
	data, err := readKey(r.File)
	if err != nil {
		return nil, err
	}
	if bytes.Contains(data, []byte(" PRIVATE KEY-----")) {
		s, err := LoadSigner(data, o.Password)
		if err != nil {
			return nil, err
		}
		return s.Verifier(), nil
	}
	return LoadVerifier(data)
}

// remote asks the key's program for the public key.
func (r Ref) remote(ctx context.Context, o OpenOptions) (*plugin.Key, *Verifier, error) {
	var pin []byte
	if r.Program == tokenProgram {
		pin = o.Password
	}
	key, err := o.Programs.Open(r.Program, r.Resource, pin)
	if err != nil {
		return nil, nil, err
	}
	data, err := key.PublicKey(ctx)
	if err != nil {
		return nil, nil, err
	}
	public, err := LoadVerifier(data)
	if err != nil {
		return nil, nil, err
	}
	if r.Pin != "" && public.info.Hint != r.Pin {
		return nil, nil, diag.Errorf(codePinned, "the key is %s, and not the pinned %s", public.info.Hint, r.Pin).
			WithWhy("the name means another key, or another version of it, than when it was pinned")
	}
	return key, public, nil
}

// remote is a private key that another program holds.
type remote struct {
	key    *plugin.Key
	public *Verifier

	mu   sync.Mutex // a token has one session at a time
	fail error      // the first failure: a PIN that was wrong is not tried again, for tokens lock
}

func (r *remote) sign(ctx context.Context, message []byte) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail != nil {
		return nil, r.fail
	}
	how := r.public.algorithm
	sig, err := r.key.Sign(ctx, how.hash, how.digest(message), message)
	if err == nil && !r.public.holds(message, sig) {
		err = diag.Errorf(codePinned, "what came back is not a signature by %s (%s)", r.public.info.Hint, how.name).
			WithWhy("the key was rotated since it was opened, or its program signs in another way than sigstore's clients verify")
	}
	r.fail = err
	return sig, err
}
