package inputs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/internal/atomicfile"
)

// What can be wrong with a blob. Errors of this package wrap one of them in a *BlobError that carries the digest.
var (
	// ErrMissing: the store does not hold the blob.
	ErrMissing = errors.New("blob is not in the store")
	// ErrCorrupt: the stored bytes are not the ones that the digest names.
	ErrCorrupt = errors.New("stored blob does not match its digest")
	// ErrTooLarge: a stream was longer than its caller allowed.
	ErrTooLarge = errors.New("content is larger than allowed")
	// ErrBusy: another process is using the store, so nothing may be collected now.
	ErrBusy = errors.New("store is in use by another process")
)

// BlobError says which blob is missing or corrupt. errors.Is finds ErrMissing or ErrCorrupt in it.
type BlobError struct {
	Digest digest.Digest
	Err    error
}

// Error is "sha256:...: what is wrong".
func (e *BlobError) Error() string { return e.Digest.String() + ": " + e.Err.Error() }

// Unwrap gives ErrMissing or ErrCorrupt.
func (e *BlobError) Unwrap() error { return e.Err }

// Blob is content by its digest (sha256) and size in bytes.
type Blob struct {
	Digest digest.Digest
	Size   int64
}

// Store is a content-addressed folder: an OCI image layout (image-spec image-layout.md) with an empty index, because the
// locks name what is in use. Many processes may share one; all methods are safe for concurrent use.
type Store struct {
	dir  string
	lock *os.File // shared flock while open, exclusive while collecting
	// fleeting is a store that is thrown away before anything else happens to the machine: no write waits for the disk.
	fleeting bool

	mu       sync.RWMutex // read: any use of blobs; write: GC
	checkMu  sync.Mutex
	verified map[digest.Digest]bool // blobs hashed once by this process
	damaged  map[digest.Digest]bool // blobs found to be others than they are called
	writing  map[string]bool        // temporary files that this process is filling
}

// Open opens the store in dir, making it if there is none. It waits while another process collects garbage.
// Close releases it.
func Open(dir string) (*Store, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("opening store: %w", err)
	}
	for _, d := range []string{"blobs/sha256", "tmp"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return nil, fmt.Errorf("making store: %w", err)
		}
	}
	f, err := openLock(filepath.Join(dir, "store.lock"))
	if err != nil {
		return nil, fmt.Errorf("locking store %s: %w", dir, err)
	}
	s := &Store{dir: dir, lock: f, verified: map[digest.Digest]bool{}, damaged: map[digest.Digest]bool{}, writing: map[string]bool{}}
	if err := s.layout(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return s, nil
}

// OpenFleeting is Open for a store that its only user throws away. What is put there is whole or not there for everybody who looks, but not after
// a power cut, when nobody does.
func OpenFleeting(dir string) (*Store, error) {
	s, err := Open(dir)
	if err == nil {
		s.fleeting = true
	}
	return s, err
}

// Close releases the store's lock, so that another process may collect garbage. Readers still open stay usable.
func (s *Store) Close() error { return s.lock.Close() }

// Dir is the store's folder, absolute.
func (s *Store) Dir() string { return s.dir }

// layout writes oci-layout and an empty index.json where they are missing.
func (s *Store) layout() error {
	files := map[string]string{
		ocispec.ImageLayoutFile: `{"imageLayoutVersion":"` + ocispec.ImageLayoutVersion + `"}`,
		ocispec.ImageIndexFile:  `{"schemaVersion":2,"mediaType":"` + ocispec.MediaTypeImageIndex + `","manifests":[]}`,
	}
	for name, text := range files {
		path := filepath.Join(s.dir, name)
		if _, err := os.Stat(path); err == nil {
			continue
		}
		if err := atomicfile.Write(path, []byte(text), 0o644); err != nil {
			return fmt.Errorf("making store: %w", err)
		}
	}
	return nil
}

func (s *Store) path(d digest.Digest) (string, error) {
	if err := d.Validate(); err != nil || d.Algorithm() != digest.SHA256 {
		return "", fmt.Errorf("%q is no sha256 digest", d)
	}
	return filepath.Join(s.dir, "blobs", "sha256", d.Encoded()), nil
}

// Put streams r into the store and returns what it was. More than limit bytes is ErrTooLarge; on any error, also a
// cancelled ctx, nothing is kept. A blob that is already there is replaced, which heals a damaged one.
func (s *Store) Put(ctx context.Context, r io.Reader, limit int64) (Blob, error) {
	w, err := s.create(limit)
	if err != nil {
		return Blob{}, err
	}
	defer w.abort()
	if _, err := io.Copy(w, contextReader{ctx, r}); err != nil {
		return Blob{}, fmt.Errorf("storing content: %w", err)
	}
	return w.commit()
}

// PutBytes is Put for bytes at hand.
func (s *Store) PutBytes(ctx context.Context, data []byte) (Blob, error) {
	return s.Put(ctx, bytes.NewReader(data), int64(len(data)))
}

// Has says whether the blob is there, without reading it.
func (s *Store) Has(d digest.Digest) bool {
	path, err := s.path(d)
	if err != nil {
		return false
	}
	fi, err := os.Stat(path)
	return err == nil && fi.Mode().IsRegular()
}

// Size is how many bytes a blob has on disk, unread; -1 when it is not there.
func (s *Store) Size(d digest.Digest) int64 {
	path, err := s.path(d)
	if err != nil {
		return -1
	}
	fi, err := os.Stat(path)
	if err != nil || !fi.Mode().IsRegular() {
		return -1
	}
	return fi.Size()
}

// Remove deletes a blob; one that is not there is no error.
func (s *Store) Remove(d digest.Digest) error {
	path, err := s.path(d)
	if err != nil {
		return err
	}
	s.forget(d)
	s.checkMu.Lock()
	delete(s.damaged, d)
	s.checkMu.Unlock()
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("removing blob: %w", err)
	}
	return nil
}

// contextReader stops a copy when its context ends.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
