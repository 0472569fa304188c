package signing

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/lazyregexp"
	"github.com/selfsame-build/selfsame/signing/pkcs11uri"
	"github.com/selfsame-build/selfsame/signing/plugin"
	"github.com/selfsame-build/selfsame/trust"
)

// tokenProgram is the NAME of our own program for PKCS #11 tokens, sigstore-kms-p11.
const tokenProgram = "p11"

// OpenOptions is what opening a key needs besides its name.
type OpenOptions struct {
	// Role is what the signer may say.
	Role trust.Role
	// Password opens an encrypted key file, or is a token's PIN.
	Password []byte
	// Programs starts the programs that hold keys.
	Programs plugin.Programs
}

// Ref is the name of a key, in one of three forms:
//
//	FILE                               a PEM file
//	pkcs11:token=T;object=O?...        a key on a token (RFC 7512), held by the program sigstore-kms-p11
//	NAME://RESOURCE[#sha256=HINT]      a key in a KMS, held by the program sigstore-kms-NAME
//
// HINT is trust.Key.Hint, and pins the key: KMS keys have versions, and a name may mean another one tomorrow.
type Ref struct {
	// File is set for a file, Program and Resource for the others.
	File, Program, Resource string
	// Pin is the hint that the key must have; empty: any.
	Pin string
	// AsksPIN says that the key is on a token whose PIN the name does not tell where to find.
	AsksPIN bool
}

var programRef = lazyregexp.New(`^([a-z0-9][a-z0-9-]*)://(.*)$`)

// ParseRef reads the name of a key. Diagnostic: A0580.
func ParseRef(ref string) (Ref, error) {
	name, pin, pinned := strings.Cut(ref, "#sha256=")
	m := programRef.FindStringSubmatch(name)
	switch {
	case strings.HasPrefix(ref, pkcs11uri.Scheme):
		u, err := pkcs11uri.Parse(name)
		if err != nil {
			return Ref{}, diag.Errorf(codeReference, "%w", err).WithHelp("write it as pkcs11:token=LABEL;object=LABEL?module-path=/PATH/TO/MODULE.so")
		}
		return Ref{Program: tokenProgram, Resource: name, Pin: pin, AsksPIN: u.PINFile == ""}, checkPin(pin, pinned)
	case m != nil && m[2] != "":
		return Ref{Program: m[1], Resource: m[2], Pin: pin}, checkPin(pin, pinned)
	case m != nil, ref == "":
		return Ref{}, diag.Errorf(codeReference, "%q names no key", ref).WithHelp("give a file, pkcs11:... or NAME://...")
	}
	return Ref{File: ref}, nil
}

func checkPin(pin string, pinned bool) error {
	if pinned && !isHint(pin) {
		return diag.Errorf(codeReference, "what follows #sha256= is not the hash of a public key").WithHelp("`selfsame key show KEY` prints it")
	}
	return nil
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

// OpenVerifier opens a public key. A file must hold a public key; a key in a KMS must be pinned. Diagnostics as of Open, and A0503 for a
// private key.
func OpenVerifier(ctx context.Context, ref string, o OpenOptions) (*Verifier, error) {
	r, err := ParseRef(ref)
	if err != nil {
		return nil, err
	}
	if r.File != "" {
		data, err := readKey(r.File)
		if err != nil {
			return nil, err
		}
		return LoadVerifier(data)
	}
	if r.Pin == "" && r.Program != tokenProgram {
		return nil, diag.Errorf(codeReference, "`%s` does not say which key it is", ref).
			WithWhy("a KMS may have another version of the key under that name tomorrow, and whoever may rotate it would decide what verifies").
			WithHelp("add #sha256=... as `selfsame key show " + ref + "` prints it")
	}
	_, public, err := r.remote(ctx, o)
	return public, err
}

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

// readKey reads a file within bounds.
func readKey(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, diag.Errorf(codeKeyUnreadable, "reading the key: %w", err).WithHelp(helpUnread(err))
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading the key: %w", err)
	}
	return data, nil
}

// helpUnread is the next step after a key's file could not be opened.
func helpUnread(err error) string {
	if errors.Is(err, fs.ErrPermission) {
		return "run it as a user who may read the file"
	}
	return "check the path; `" + helpNewKey + "` makes a pair to sign with"
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
	if err == nil && (len(sig) > maxSignature || r.public.verifier.VerifySignature(bytes.NewReader(sig), bytes.NewReader(message)) != nil) {
		err = diag.Errorf(codePinned, "what came back is not a signature by %s (%s)", r.public.info.Hint, how.name).
			WithWhy("the key was rotated since it was opened, or its program signs in another way than sigstore's clients verify")
	}
	r.fail = err
	return sig, err
}

// isHint tells whether text is base64(sha256).
func isHint(text string) bool {
	sum, err := base64.StdEncoding.Strict().DecodeString(text)
	return err == nil && len(sum) == 32
}
