package lock

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/selfsame-build/selfsame/internal/atomicfile"
	"github.com/selfsame-build/selfsame/internal/diag"
)

// ReadFile reads the lock at path. A lock that is not there is the diagnostic LockMissing (and errors.Is os.ErrNotExist).
func ReadFile(path string) (*Lock, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, diag.Errorf(diag.LockMissing, "there is no lock: %w", err).
			WithWhy("a build reaches locked inputs only").WithHelp("run `selfsame lock` and commit " + FileName)
	}
	if err != nil {
		return nil, diag.Errorf(diag.LockUnreadable, "reading the lock: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxBytes+1))
	if err != nil {
		return nil, diag.Errorf(diag.LockUnreadable, "reading the lock: %w", err)
	}
	return parse(path, data)
}

// WriteFile replaces the lock at path in one step. A lock that ReadFile would refuse is not written.
func WriteFile(path string, l *Lock) error {
	text := l.Format()
	if _, err := parse(path, text); err != nil {
		return fmt.Errorf("checking the new lock: %w", err)
	}
	atomicfile.RemoveLeft(path) // else it would lie beside the recipe, where a build takes its source from
	if err := atomicfile.Write(path, text, 0o644); err != nil {
		return diag.Errorf(diag.LockUnreadable, "writing the lock: %w", err)
	}
	return nil
}
