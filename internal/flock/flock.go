// Package flock takes the locks of flock(2), which the kernel gives back when the file is closed or the process ends.
package flock

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Lock is flock(2) with LOCK_SH or LOCK_EX, and perhaps LOCK_NB, repeated when a signal interrupts it.
func Lock(f *os.File, how int) error {
	for {
		if err := unix.Flock(int(f.Fd()), how); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// Unsupported says whether an error of Lock means that the filesystem has no locks (flock(2), and what NFS and FUSE answer).
func Unsupported(err error) bool {
	for _, e := range []error{unix.EOPNOTSUPP, unix.ENOSYS, unix.ENOLCK, unix.EBADF, unix.EINVAL} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// Take makes an open file or folder, which was just made under its name, the caller's own until it is closed. Where the filesystem has no
// locks, nothing is its caller's, and nothing is removed. gone is true where somebody who found it without a lock has removed it: make
// another.
func Take(f *os.File) (gone bool, err error) {
	if err := Lock(f, unix.LOCK_EX); err != nil {
		if Unsupported(err) {
			err = nil
		}
		return false, err
	}
	opened, err := f.Stat()
	if err != nil {
		return false, err
	}
	there, err := os.Lstat(f.Name())
	return err != nil || !os.SameFile(opened, there), nil
}

// RemoveUnowned removes the file or folder at path if it is nobody's own (Take); whether it did is not said.
func RemoveUnowned(path string) {
	f, err := os.Open(path)
	if err != nil {
		return
	}
	defer f.Close()
	if Lock(f, unix.LOCK_EX|unix.LOCK_NB) == nil {
		_ = os.RemoveAll(path)
	}
}
