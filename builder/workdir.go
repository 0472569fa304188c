package builder

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

const workPrefix = ".work-"

// workDir is a folder of ours beside the output, so that results can be renamed into place. Whoever made it holds a lock on it for as long
// as it is needed; one that nobody holds was left by a process that was killed.
type workDir struct {
	path string
	held *os.File
}

// newWorkDir makes one in out, and removes those that killed processes left there.
func newWorkDir(out string) (workDir, error) {
	if err := os.MkdirAll(out, 0o755); err != nil { //nolint:gosec // the user's output folder
		return workDir{}, fmt.Errorf("making the output folder: %w", err)
	}
	// Held from before a folder is made until it is locked, so that nobody sees one in between. A filesystem that knows no locks gives
	// none to anybody, and keeps what is left.
	alone, _ := locked(out, unix.LOCK_EX)
	defer alone.Close()
	removeLeft(out)
	path, err := os.MkdirTemp(out, workPrefix)
	if err != nil {
		return workDir{}, fmt.Errorf("making a work folder: %w", err)
	}
	held, _ := locked(path, unix.LOCK_EX)
	if path, err = filepath.Abs(path); err != nil {
		return workDir{}, err
	}
	return workDir{path, held}, nil
}

// close removes the folder; failing to is not worth failing for.
func (w workDir) close() {
	_ = os.RemoveAll(w.path)
	_ = w.held.Close()
}

// removeLeft removes the work folders in out that nobody holds.
func removeLeft(out string) {
	entries, _ := os.ReadDir(out) // one that cannot be listed cannot be written to either
	for _, e := range entries {
		if !e.IsDir() || !strings.HasPrefix(e.Name(), workPrefix) {
			continue
		}
		path := filepath.Join(out, e.Name())
		if f, err := locked(path, unix.LOCK_EX|unix.LOCK_NB); err == nil {
			_ = os.RemoveAll(path)
			_ = f.Close()
		}
	}
}

// locked opens a folder and takes its lock (flock(2)), which ends with the file or the process. The file is nil, which may be closed, where
// there is an error.
func locked(dir string, how int) (*os.File, error) {
	f, err := os.Open(dir) //nolint:gosec // a folder of the user's choice, or below it
	if err != nil {
		return nil, err
	}
	for {
		err = unix.Flock(int(f.Fd()), how)
		if err != unix.EINTR { //nolint:errorlint // an errno is compared as it is
			break
		}
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}
