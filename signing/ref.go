package signing

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/lazyregexp"
	"github.com/selfsame-build/selfsame/signing/pkcs11uri"
)

// tokenProgram is the NAME of our own program for PKCS #11 tokens, sigstore-kms-p11.
const tokenProgram = "p11"

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

// isHint tells whether text is base64(sha256).
func isHint(text string) bool {
	sum, err := base64.StdEncoding.Strict().DecodeString(text)
	return err == nil && len(sum) == 32
}
