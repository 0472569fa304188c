package builder

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/internal/atomicfile"
)

// trust is the journal of networked steps whose every request was answered from the lock (DESIGN §11 "Cache").
//
// A step may shrug at a request that could not be answered, and the daemon caches what came of it. The build fails, but the
// next one would find that result on both builders, alike, and make no request that could fail. So the salt of a networked
// step is its slice of the lock plus a word: one of this run alone, unless an earlier run with that slice was answered in
// full and wrote its word down. A result of a run that was not is never found again.
type trust struct {
	dir  string // a file a slice: the word
	word string // this run's

	mu   sync.Mutex
	used map[digest.Digest]string
}

// newTrust opens the journal that lies beside the builders, whose caches it is about.
func (h *Host) newTrust() (*trust, error) {
	word, err := h.word()
	if err != nil {
		return nil, err
	}
	return &trust{dir: filepath.Join(filepath.Dir(h.Daemons.Dir), "answered"), word: word, used: map[digest.Digest]string{}}, nil
}

// word makes a word that no other build has.
func (h *Host) word() (string, error) {
	var word [16]byte
	if _, err := io.ReadFull(h.Random, word[:]); err != nil {
		return "", fmt.Errorf("making a word of this build's own: %w", err)
	}
	return hex.EncodeToString(word[:]), nil
}

// salt is what a step with this slice of the lock is salted with.
func (t *trust) salt(slice digest.Digest) digest.Digest {
	t.mu.Lock()
	defer t.mu.Unlock()
	word, ok := t.used[slice]
	if !ok {
		word = t.word
		if data, err := os.ReadFile(t.path(slice)); err == nil && len(data) == len(t.word) {
			word = string(data)
		}
		t.used[slice] = word
	}
	return digest.FromString(slice.String() + " " + word)
}

// keep lets later builds use what this run cached. Call it when every request of both twins was answered.
func (t *trust) keep() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.used) == 0 {
		return nil
	}
	if err := os.MkdirAll(t.dir, 0o700); err != nil {
		return fmt.Errorf("keeping the journal: %w", err)
	}
	var errs []error
	for slice, word := range t.used {
		if _, err := os.Stat(t.path(slice)); err != nil {
			errs = append(errs, atomicfile.Write(t.path(slice), []byte(word), 0o600))
		}
	}
	return errors.Join(errs...)
}

// forget takes the words of this run's slices back: steps that bear them are run again.
func (t *trust) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for slice := range t.used {
		_ = os.Remove(t.path(slice)) // where it stays, the next build has the same miss
	}
}

func (t *trust) path(slice digest.Digest) string { return filepath.Join(t.dir, slice.Encoded()) }
