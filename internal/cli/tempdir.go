//go:build !front

package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/selfsame-build/selfsame/internal/flock"
)

// tempDir makes a folder for what only this command needs, in the cache: /tmp may be memory. It is locked for as long as the command
// runs; those that killed commands left are removed. remove gives it back.
func (a *app) tempDir(prefix string) (dir string, remove func(), err error) {
	cache, err := a.cacheDir()
	if err != nil {
		return "", nil, err
	}
	temp := filepath.Join(cache, "tmp")
	if err := os.MkdirAll(temp, 0o700); err != nil {
		return "", nil, fmt.Errorf("making the temporary folder: %w", err)
	}
	left, _ := filepath.Glob(filepath.Join(temp, prefix+"*"))
	for _, l := range left {
		flock.RemoveUnowned(l)
	}
	for {
		if dir, err = os.MkdirTemp(temp, prefix); err != nil {
			return "", nil, fmt.Errorf("making a temporary folder: %w", err)
		}
		own, err := os.Open(dir)
		gone := errors.Is(err, os.ErrNotExist)
		if err == nil {
			gone, err = flock.Take(own)
		}
		remove := func() { _ = own.Close(); _ = os.RemoveAll(dir) }
		switch {
		case gone: // another command took it for one that was left
			_ = own.Close()
		case err != nil:
			remove()
			return "", nil, fmt.Errorf("locking a temporary folder: %w", err)
		default:
			return dir, remove, nil
		}
	}
}
