// Package atomicfile writes files that are either wholly there or not there at all, also after a power cut.
//
// The order is the one that every journaling filesystem promises to respect: write a temporary file in the same folder,
// fsync it, rename it over the target, fsync the folder (the rename itself lives there).
package atomicfile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sync/errgroup"

	"github.com/selfsame-build/selfsame/internal/flock"
)

// Write puts data at path with the permission bits perm (before umask they are set exactly, so umask has no say). A file
// that is already there is replaced in one step; readers see the old bytes or the new ones, never a mixture.
func Write(path string, data []byte, perm os.FileMode) error {
	return WriteFunc(path, perm, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// WriteFunc is Write for content that fill streams. When fill fails nothing is left behind and its error is returned.
func WriteFunc(path string, perm os.FileMode, fill func(io.Writer) error) (err error) {
	return write(path, perm, fill, Commit)
}

// WriteUnflushed is Write for what can be had again, by a reader who notices bytes that are missing: it does not wait for the disk. After a power
// cut the file may be the old one, or not whole.
func WriteUnflushed(path string, data []byte, perm os.FileMode) error {
	return write(path, perm, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	}, CommitUnflushed)
}

func write(path string, perm os.FileMode, fill func(io.Writer) error, commit func(*os.File, string, os.FileMode) error) (err error) {
	f, err := temporary(path)
	if err != nil {
		return fmt.Errorf("making a temporary file beside %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	if err = fill(f); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return commit(f, path, perm)
}

func prefix(path string) string { return "." + filepath.Base(path) + ".tmp-" }

// temporary makes a file beside path that is ours (flock.Take) until it is closed.
func temporary(path string) (*os.File, error) {
	for {
		f, err := os.CreateTemp(filepath.Dir(path), prefix(path)+"*")
		if err != nil {
			return nil, err
		}
		if gone, err := flock.Take(f); gone {
			_ = f.Close()
		} else if err != nil {
			return nil, errors.Join(err, f.Close(), os.Remove(f.Name()))
		} else {
			return f, nil
		}
	}
}

// RemoveLeft removes the temporary files that processes which were killed while they wrote path have left beside it.
func RemoveLeft(path string) {
	entries, _ := os.ReadDir(filepath.Dir(path)) // where that fails, so does the next write
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix(path)) {
			flock.RemoveUnowned(filepath.Join(filepath.Dir(path), e.Name()))
		}
	}
}

// Commit gives the temporary file f its permissions, flushes it, renames it to path, closes it and flushes path's folder.
// f must be in the same filesystem as path. On error f is closed but not removed: that stays with whoever made it.
func Commit(f *os.File, path string, perm os.FileMode) error {
	if err := errors.Join(f.Chmod(perm), f.Sync()); err != nil {
		return errors.Join(fmt.Errorf("flushing %s: %w", f.Name(), err), f.Close())
	}
	if err := rename(f, path); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(path))
}

// CommitUnflushed is Commit for what nobody looks for after a power cut: it does not wait for the disk.
func CommitUnflushed(f *os.File, path string, perm os.FileMode) error {
	if err := f.Chmod(perm); err != nil {
		return errors.Join(fmt.Errorf("setting the permissions of %s: %w", f.Name(), err), f.Close())
	}
	return rename(f, path)
}

// rename puts f at path and closes it, in this order: until it is closed it is ours.
func rename(f *os.File, path string) error {
	err := os.Rename(f.Name(), path)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("putting %s in place: %w", path, err)
	}
	return nil
}

// SyncDir flushes a folder's own entries (names made, renamed or removed in it) to the disk. Filesystems that cannot do that (some of FUSE, 9p
// and SMB) make no promise that it could keep.
func SyncDir(dir string) error {
	if err := flush(dir); !errors.Is(err, syscall.EINVAL) && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return nil
}

func flush(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("opening %s: %w", path, err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("flushing %s: %w", path, err)
	}
	return nil
}

// SyncTree flushes every file and folder at and below dir, so that a rename of dir cannot be on the disk before what it holds.
func SyncTree(dir string) error {
	var group errgroup.Group
	group.SetLimit(16) // a journaling filesystem commits what waits together
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		switch {
		case err != nil:
		case d.IsDir():
			group.Go(func() error { return SyncDir(path) })
		case d.Type().IsRegular():
			group.Go(func() error { return flush(path) })
		}
		return err
	})
	return errors.Join(err, group.Wait())
}
