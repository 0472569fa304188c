package builder

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"github.com/selfsame-build/selfsame/builder/graph"
	"github.com/selfsame-build/selfsame/recipes/lock"
)

// claims are slices of the lock that this build alone may run steps for.
//
// BuildKit runs a step that two solves have in common once, for both, and asks the policy of either about each request: the
// answers of one build's input server would end up in the other, and a request that failed would be missed by the build that did
// not serve it. So a second build waits until the first has run its networked steps, and then finds them in the cache. Other
// builds go on beside it.
type claims struct{ f *os.File }

// claim waits until no other process has any of the drafts' slices. The kernel gives up the claims of a process that dies.
func (h *Host) claim(ctx context.Context, l *lock.Lock, drafts map[string]*graph.Draft) (*claims, error) {
	path := filepath.Join(filepath.Dir(h.Daemons.Dir), "claims")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("making the builders' folder: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // below our own state folder
	if err != nil {
		return nil, fmt.Errorf("opening the builds' claims: %w", err)
	}
	c := &claims{f}
	said := false
	for _, at := range offsets(l, drafts) { // in one order everywhere, so that no two builds wait for each other
		for {
			ok, err := c.try(at)
			if err != nil {
				return nil, errors.Join(err, f.Close())
			}
			if ok {
				break
			}
			if !said {
				h.notice("waiting for another build of the same inputs")
				said = true
			}
			select {
			case <-ctx.Done():
				return nil, errors.Join(context.Cause(ctx), f.Close())
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
	return c, nil
}

// try claims one byte of the file, which stands for one slice (open file description locks, fcntl(2)).
func (c *claims) try(at int64) (bool, error) {
	err := unix.FcntlFlock(c.f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK, Start: at, Len: 1})
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) || errors.Is(err, unix.EINTR) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("claiming inputs: %w", err)
	}
	return true, nil
}

// release lets others go on.
func (c *claims) release() { _ = c.f.Close() }

// offsets are the places in the file of all slices that the drafts' steps have in the lock, sorted.
func offsets(l *lock.Lock, drafts map[string]*graph.Draft) []int64 {
	var out []int64
	for platform, d := range drafts {
		for _, s := range d.Steps {
			if slice := l.StepDigest(platform, s.Name); slice != "" {
				out = append(out, offset(slice))
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// offset is a slice's place: 62 bits of its digest.
func offset(slice digest.Digest) int64 {
	raw, err := hex.DecodeString(slice.Encoded())
	if err != nil || len(raw) < 8 {
		return 0
	}
	return int64(binary.BigEndian.Uint64(raw) >> 2) //nolint:gosec // 62 bits fit
}
