package inputs

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	digest "github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"github.com/selfsame-build/selfsame/internal/atomicfile"
)

// Open gives the blob's bytes and its size. The reader hashes what it hands out and ends with ErrCorrupt in place of
// io.EOF when the bytes are not the named ones, so act on content only after reaching the end. Errors are ErrMissing, or
// the operating system's. Opening counts as a use for GC.
func (s *Store) Open(d digest.Digest) (io.ReadCloser, int64, error) {
	path, err := s.path(d)
	if err != nil {
		return nil, 0, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, 0, &BlobError{d, ErrMissing}
	}
	if err != nil {
		return nil, 0, fmt.Errorf("opening blob: %w", err)
	}
	fi, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	touch(path)
	return &blobReader{s: s, f: f, want: d, hash: sha256.New()}, fi.Size(), nil
}

// touch marks a use by setting the file's times to the kernel's now. A read-only store cannot be marked; that only
// makes GC less clever.
func touch(path string) { _ = unix.Utimes(path, nil) }

// blobReader hashes as it reads.
type blobReader struct {
	s    *Store
	f    *os.File
	want digest.Digest
	hash hash.Hash
}

func (r *blobReader) Read(p []byte) (int, error) {
	n, err := r.f.Read(p)
	r.hash.Write(p[:n])
	if err == io.EOF && digest.NewDigest(digest.SHA256, r.hash) != r.want {
		r.s.damage(r.want)
		err = &BlobError{r.want, ErrCorrupt}
	}
	return n, err
}

func (r *blobReader) Close() error { return r.f.Close() }

// Verify reads the whole blob and returns ErrMissing or ErrCorrupt if it is not what its digest says.
func (s *Store) Verify(d digest.Digest) error {
	r, _, err := s.Open(d)
	if err != nil {
		return err
	}
	defer r.Close()
	if _, err := io.Copy(io.Discard, r); err != nil {
		s.forget(d)
		return err
	}
	s.remember(d)
	return nil
}

// verifyOnce is Verify, unless this process has read the blob in full before.
func (s *Store) verifyOnce(d digest.Digest) error {
	s.checkMu.Lock()
	ok := s.verified[d]
	s.checkMu.Unlock()
	if ok && s.Has(d) {
		return nil
	}
	return s.Verify(d)
}

// Damaged lists the blobs that this process read and found not to be what their digests say, those since replaced or
// removed left out. Whoever has another source for them removes them here and puts them anew.
func (s *Store) Damaged() []digest.Digest {
	s.checkMu.Lock()
	defer s.checkMu.Unlock()
	return slices.Sorted(maps.Keys(s.damaged))
}

func (s *Store) damage(d digest.Digest) {
	s.checkMu.Lock()
	defer s.checkMu.Unlock()
	s.damaged[d] = true
}

func (s *Store) remember(d digest.Digest) {
	s.checkMu.Lock()
	defer s.checkMu.Unlock()
	s.verified[d] = true
	delete(s.damaged, d)
}

func (s *Store) forget(d digest.Digest) {
	s.checkMu.Lock()
	defer s.checkMu.Unlock()
	delete(s.verified, d)
}

// blobWriter is a blob in the making: a temporary file that commit renames to its digest.
type blobWriter struct {
	s     *Store
	f     *os.File
	hash  hash.Hash
	size  int64
	limit int64
	done  bool
}

// create starts a blob of at most limit bytes.
func (s *Store) create(limit int64) (*blobWriter, error) {
	f, err := os.CreateTemp(filepath.Join(s.dir, "tmp"), "blob-*")
	if err != nil {
		return nil, fmt.Errorf("storing content: %w", err)
	}
	s.checkMu.Lock()
	s.writing[f.Name()] = true
	s.checkMu.Unlock()
	return &blobWriter{s: s, f: f, hash: sha256.New(), limit: limit}, nil
}

// Write adds p, or fails with ErrTooLarge.
func (w *blobWriter) Write(p []byte) (int, error) {
	if w.size+int64(len(p)) > w.limit {
		return 0, fmt.Errorf("%w (%d bytes)", ErrTooLarge, w.limit)
	}
	n, err := w.f.Write(p)
	w.hash.Write(p[:n])
	w.size += int64(n)
	return n, err
}

// commit flushes the blob, if it is to outlive a power cut, and gives it its name.
func (w *blobWriter) commit() (Blob, error) {
	b := Blob{digest.NewDigest(digest.SHA256, w.hash), w.size}
	path, err := w.s.path(b.Digest)
	if err != nil {
		return Blob{}, err
	}
	w.s.mu.RLock()
	defer w.s.mu.RUnlock()
	commit := atomicfile.Commit
	if w.s.fleeting {
		commit = atomicfile.CommitUnflushed
	}
	if err := commit(w.f, path, 0o444); err != nil {
		return Blob{}, fmt.Errorf("storing content: %w", err)
	}
	w.done = true
	w.s.remember(b.Digest)
	return b, nil
}

// abort throws the blob away unless it was committed. Call it always.
func (w *blobWriter) abort() {
	if !w.done {
		_ = w.f.Close()
		_ = os.Remove(w.f.Name())
	}
	w.s.checkMu.Lock()
	delete(w.s.writing, w.f.Name())
	w.s.checkMu.Unlock()
}
