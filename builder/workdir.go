package builder

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/selfsame-build/selfsame/internal/flock"
)

const workPrefix = ".selfsame-work-"

// workDir is a folder of ours beside the output, so that results can be renamed into place. Whoever made it owns it (flock.Take) for as long
// as it is needed; one that nobody owns was left by a process that was killed. A folder that several machines share must carry locks from
// one to the other.
type workDir struct {
	path string
	own  *os.File
}

// newWorkDir makes one in out, and removes those that killed processes left there.
func newWorkDir(out string) (workDir, error) {
	out, err := filepath.Abs(out)
	if err == nil {
		err = os.MkdirAll(out, 0o755) //nolint:gosec // the user's output folder
	}
	if err != nil {
		return workDir{}, fmt.Errorf("making the output folder: %w", err)
	}
	entries, _ := os.ReadDir(out) // where that fails, so does what follows
	for _, e := range entries {
		if e.IsDir() && strings.HasPrefix(e.Name(), workPrefix) {
			flock.RemoveUnowned(filepath.Join(out, e.Name()))
		}
	}
	for {
		path, err := os.MkdirTemp(out, workPrefix)
		if err != nil {
			return workDir{}, fmt.Errorf("making a work folder: %w", err)
		}
		own, err := os.Open(path) //nolint:gosec // the name is ours
		gone := errors.Is(err, os.ErrNotExist)
		if err == nil {
			gone, err = flock.Take(own)
		}
		switch {
		case gone: // another process found it before it was ours
			_ = own.Close()
		case err != nil:
			return workDir{}, errors.Join(fmt.Errorf("locking a work folder: %w", err), own.Close(), os.RemoveAll(path))
		default:
			return workDir{path, own}, nil
		}
	}
}

// close removes the folder; failing to is not worth failing for. What was broken off may be about to write one more file there, so that it is not
// empty just when it is removed.
func (w workDir) close() {
	for n := 0; n < 20 && os.RemoveAll(w.path) != nil; n++ {
		time.Sleep(50 * time.Millisecond)
	}
	_ = w.own.Close()
}
