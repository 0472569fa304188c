package ground

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/selfsame-build/selfsame/internal/atomicfile"
)

// shelf keeps what was signed and counted last, a file each for the deny list and the policy, so that a restart while the registry is down
// knows what was known before. The files are the signed bundles as they were read and prove nothing by lying there: each is verified again,
// by the trust file of now, the clock of now and the numbers that were seen (freshness.Memory), as if the registry had just sent it.
// Who can write to the folder can take a file away, and then nothing is decided. One without a folder keeps nothing.
type shelf struct {
	dir string

	mu   sync.Mutex
	last map[string][sha256.Size]byte // what lies there by our own hand, by its path
}

// The kinds of what is kept.
const (
	keptList   = "denylist"
	keptPolicy = "policy"
)

// maxKept bounds a file in bytes, as package freshness bounds the larger one of both.
const maxKept = 32 << 20

// path is the file for what was read at a place. The name binds both: what is kept of one tag never counts for another.
func (s *shelf) path(kind, place string) string {
	sum := sha256.Sum256([]byte(place))
	return filepath.Join(s.dir, kind+"-"+hex.EncodeToString(sum[:])+".json")
}

func newShelf(dir string) *shelf { return &shelf{dir: dir, last: map[string][sha256.Size]byte{}} }

// errNone: nothing is kept.
var errNone = errors.New("none is kept on this machine")

// read gives what is kept of a place; errNone: nothing.
func (s *shelf) read(kind, place string) ([]byte, error) {
	if s.dir == "" {
		return nil, errNone
	}
	f, err := os.OpenFile(s.path(kind, place), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errNone
	}
	if err != nil {
		return nil, fmt.Errorf("reading the one that is kept: %w", err)
	}
	defer func() { _ = f.Close() }() // nothing was written
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() || st.Size() > maxKept {
		return nil, fmt.Errorf("the one that is kept in `%s` is no regular file of at most %d bytes", f.Name(), maxKept)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxKept))
	if err != nil {
		return nil, fmt.Errorf("reading the one that is kept: %w", err)
	}
	return data, nil
}

// write keeps what counts now, in the place of what counted before, also where it was read elsewhere.
func (s *shelf) write(kind, place string, bundle []byte) error {
	if s.dir == "" {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	path, sum := s.path(kind, place), sha256.Sum256(bundle)
	if s.last[path] == sum {
		return nil
	}
	err := os.MkdirAll(s.dir, 0o700)
	if err == nil {
		atomicfile.RemoveLeft(path) // by a process that was killed
		err = atomicfile.Write(path, bundle, 0o600)
	}
	if err != nil {
		return fmt.Errorf("the %s is in force, and a restart while the registry is down would not know it: %w", kind, err)
	}
	others, _ := filepath.Glob(filepath.Join(s.dir, kind+"-*.json")) // the pattern is a good one
	for _, other := range others {
		if other != path {
			delete(s.last, other)
			_ = os.Remove(other) // if it stays, it is verified like any other
		}
	}
	s.last[path] = sum
	return nil
}
