// Package breakglass reads the signed statements that let an image run for some hours, whatever the policy says. They lie in a folder,
// because in an emergency the registry may be what is down; who can write there decides nothing, whose signature they bear does.
package breakglass

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	digest "github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/trust"
)

// The bounds of a folder.
const (
	maxFiles = 256
	maxFile  = 256 << 10
	maxAhead = 10 * time.Minute // how far ahead of this clock one may have been issued
)

// Grant is a statement that holds.
type Grant struct {
	ID         string        `json:"id"` // sha256 of the signed bytes, 16 digits
	Name       string        `json:"name"`
	Digest     digest.Digest `json:"digest"`
	Namespaces []string      `json:"namespaces"`
	Owner      string        `json:"owner"`
	Reason     string        `json:"reason"`
	SignedBy   string        `json:"signedBy"` // the trust file's name for the signer
	Issued     time.Time     `json:"issued"`
	Expires    time.Time     `json:"expires"`
}

// Folder is the statements of a folder. nil is an empty one. It is safe for use by many at once.
type Folder struct {
	Dir string
	now atomic.Pointer[[]Grant]
}

// Who is whose word counts: the signers of the trust file with the role break-glass.
type Who struct {
	Trust   signing.Trust
	Signers []trust.Signer
	// Owners are the roster's: somebody who is one of them, too, may not break glass.
	Owners []trust.Signer
	// Denied says why a signer's word does not count any more, at the time that somebody trusted vouches for; empty: it does. nil: no deny
	// list is in force.
	Denied func(by trust.Party, at time.Time) string
}

// Read reads the folder anew. What does not hold is in the error, a line each, and opens nothing; the others count all the same. A folder
// that cannot be read opens nothing at all.
func (f *Folder) Read(who Who, now time.Time) error {
	if f == nil {
		return nil
	}
	var grants []Grant
	var failed []error
	entries, err := os.ReadDir(f.Dir)
	if errors.Is(err, os.ErrNotExist) {
		err = nil // it is made when it is needed
	}
	if err == nil && len(entries) > 4*maxFiles {
		err = fmt.Errorf("there are %d files in %s", len(entries), f.Dir)
	}
	if err != nil {
		f.now.Store(&grants)
		return fmt.Errorf("reading break-glass statements: %w", err)
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".json") || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if len(grants)+len(failed) == maxFiles {
			failed = append(failed, fmt.Errorf("more than %d statements", maxFiles))
			break
		}
		data, err := bounded(filepath.Join(f.Dir, e.Name()))
		if err == nil {
			var g Grant
			if g, err = who.Open(data, now); err == nil {
				grants = append(grants, g)
				continue
			}
		}
		failed = append(failed, fmt.Errorf("%s: %w", diag.Printable(e.Name()), err))
	}
	f.now.Store(&grants)
	return errors.Join(failed...)
}

// Open checks one statement: signature, deny list, role, signer's window and names, subject, time. Somebody of whom it cannot be said who he is
// (trust.Ambiguous) opens nothing.
func (w Who) Open(bundle []byte, now time.Time) (Grant, error) {
	signed, err := w.Trust.Verify(bundle)
	if err != nil {
		return Grant{}, err
	}
	s, err := signed.Statement()
	if err != nil {
		return Grant{}, err
	}
	b, image, err := s.BreakGlass()
	if err != nil {
		return Grant{}, err
	}
	by, err := w.may(signed.By, signed.Time, image.Name)
	switch {
	case err != nil:
		return Grant{}, err
	case !now.Before(b.Expires):
		return Grant{}, fmt.Errorf("it expired at %s", b.Expires.Format(time.RFC3339))
	case b.Issued.After(now.Add(maxAhead)):
		return Grant{}, fmt.Errorf("it was issued at %s, which lies ahead", b.Issued.Format(time.RFC3339))
	}
	sum := sha256.Sum256(signed.Payload)
	return Grant{ID: hex.EncodeToString(sum[:8]), Name: image.Name, Digest: image.SHA256(), Namespaces: b.Namespaces, Owner: b.Owner, Reason: b.Reason,
		SignedBy: by.Name, Issued: b.Issued, Expires: b.Expires}, nil
}

// may finds the entry under which somebody breaks glass for a repository, having signed at a time that somebody trusted vouches for.
func (w Who) may(by trust.Party, at time.Time, name string) (trust.Signer, error) {
	if err := trust.Ambiguous(by, w.Signers, w.Owners); err != nil {
		return trust.Signer{}, err
	}
	if w.Denied != nil {
		if why := w.Denied(by, at); why != "" {
			return trust.Signer{}, fmt.Errorf("%s is denied: %s", by, why)
		}
	}
	i := slices.IndexFunc(w.Signers, func(s trust.Signer) bool {
		return s.May(trust.BreakGlass) && s.Is(by) && s.SpeaksFor(name) && s.Timing(at) == trust.InTime
	})
	if i < 0 {
		return trust.Signer{}, fmt.Errorf("%s may not break glass for %s", by, name)
	}
	return w.Signers[i], nil
}

// Active are the statements that count now.
func (f *Folder) Active(now time.Time) []Grant {
	if f == nil || f.now.Load() == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(*f.now.Load()), func(g Grant) bool { return !now.Before(g.Expires) })
}

// Find gives the statement that lets the image run in a namespace (empty: there is none), if there is one. anywhere is for a gate that does
// not know the namespace and is followed by one that does.
func (f *Folder) Find(name string, d digest.Digest, namespace string, anywhere bool, now time.Time) (Grant, bool) {
	if namespace == "" {
		namespace = provenance.OutsideNamespaces
	}
	for _, g := range f.Active(now) {
		if g.Name == name && g.Digest == d && (anywhere || slices.Contains(g.Namespaces, namespace)) {
			return g, true
		}
	}
	return Grant{}, false
}

// bounded reads a regular file, following links: that is how Kubernetes mounts a ConfigMap.
func bounded(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0) //nolint:gosec // below the operator's folder
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // nothing was written
	st, err := f.Stat()
	if err != nil || !st.Mode().IsRegular() || st.Size() > maxFile {
		return nil, fmt.Errorf("no regular file of at most %d bytes", maxFile)
	}
	return io.ReadAll(io.LimitReader(f, maxFile))
}
