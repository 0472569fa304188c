package inputs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"

	digest "github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"github.com/selfsame-build/selfsame/internal/flock"
)

// Collected is what GC did; sizes are in bytes.
type Collected struct {
	Removed      int
	RemovedBytes int64
	Kept         int
	KeptBytes    int64
}

// GC removes blobs, the longest unused first, until the store holds at most maxBytes. Blobs for which keep says true
// stay whatever their size. It needs the store alone: while another process has it open, GC fails with ErrBusy, because
// a running build may be about to read what it would remove. Temporary files of writers that died are removed too.
func (s *Store) GC(ctx context.Context, keep func(digest.Digest) bool, maxBytes int64) (Collected, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := flock.Lock(s.lock, unix.LOCK_EX|unix.LOCK_NB); err != nil {
		err = errors.Join(flock.Lock(s.lock, unix.LOCK_SH), err) // a failed upgrade may have dropped the shared lock
		if errors.Is(err, unix.EWOULDBLOCK) {
			return Collected{}, ErrBusy
		}
		return Collected{}, fmt.Errorf("locking store: %w", err)
	}
	defer func() { _ = flock.Lock(s.lock, unix.LOCK_SH) }()
	blobs, err := s.list()
	if err != nil {
		return Collected{}, err
	}
	return s.collect(ctx, blobs, keep, maxBytes)
}

// used is one blob with its size and the time of its last use.
type used struct {
	digest digest.Digest
	size   int64
	nanos  int64
}

// list reads the blobs folder.
func (s *Store) list() ([]used, error) {
	dir := filepath.Join(s.dir, "blobs", "sha256")
	names, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("listing store: %w", err)
	}
	var blobs []used
	for _, n := range names {
		d := digest.NewDigestFromEncoded(digest.SHA256, n.Name())
		fi, err := n.Info()
		if d.Validate() != nil || err != nil {
			continue
		}
		blobs = append(blobs, used{d, fi.Size(), fi.ModTime().UnixNano()})
	}
	sort.Slice(blobs, func(i, j int) bool { return blobs[i].nanos < blobs[j].nanos })
	return blobs, nil
}

// collect removes from the front of blobs. s.mu is held.
func (s *Store) collect(ctx context.Context, blobs []used, keep func(digest.Digest) bool, maxBytes int64) (Collected, error) {
	var c Collected
	for _, b := range blobs {
		c.Kept, c.KeptBytes = c.Kept+1, c.KeptBytes+b.size
	}
	for _, b := range blobs {
		if err := ctx.Err(); err != nil {
			return c, err
		}
		if c.KeptBytes <= maxBytes {
			break
		}
		if keep != nil && keep(b.digest) {
			continue
		}
		if err := s.Remove(b.digest); err != nil {
			return c, err
		}
		c.Removed, c.RemovedBytes = c.Removed+1, c.RemovedBytes+b.size
		c.Kept, c.KeptBytes = c.Kept-1, c.KeptBytes-b.size
	}
	return c, s.sweep()
}

// sweep removes temporary files whose writers died: while GC holds the store alone, live ones can only be this process's,
// and those are known by name.
func (s *Store) sweep() error {
	dir := filepath.Join(s.dir, "tmp")
	names, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("listing store: %w", err)
	}
	s.checkMu.Lock()
	defer s.checkMu.Unlock()
	for _, n := range names {
		path := filepath.Join(dir, n.Name())
		if s.writing[path] {
			continue
		}
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("removing a dead writer's file: %w", err)
		}
	}
	return nil
}

// openLock opens the store's lock file and takes it shared, waiting while another process collects.
func openLock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	if err := flock.Lock(f, unix.LOCK_SH); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
