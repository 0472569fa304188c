package rebuild

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// A builder whose root is a filesystem of its own cannot grow beyond it. The first of two has the machine's own on purpose (the order of
// files in a directory is one of the things in which they differ), and without root there may be no other. What those write is measured
// while they build.
const (
	measurePause  = 2 * time.Second
	measureFactor = 20 // of the time that measuring takes: at most a twentieth of one CPU goes there
)

// bound ends the context when a builder of the sandbox has written more than limit bytes. The function that it returns must be called at the
// end, with the error that the bounded work gave: the bound is the reason, whatever words that error has. 0: no bound.
func (b *Sandbox) bound(ctx context.Context, limit int64, pause time.Duration, now func() time.Time) (context.Context, func(error) error) {
	bounded, cancel := context.WithCancelCause(ctx)
	if limit > 0 {
		go b.measure(bounded, cancel, limit, pause, now)
	}
	return bounded, func(err error) error {
		var d *diag.Diagnostic
		if cause := context.Cause(bounded); err != nil && ctx.Err() == nil && errors.As(cause, &d) {
			err = cause
		}
		cancel(nil)
		return err
	}
}

func (b *Sandbox) measure(ctx context.Context, cancel context.CancelCauseFunc, limit int64, pause time.Duration, now func() time.Time) {
	for {
		start := now()
		entries, _ := os.ReadDir(filepath.Join(b.Dir, Builders))
		for _, e := range entries {
			if used(ctx, filepath.Join(b.Dir, Builders, e.Name())) > limit {
				cancel(diag.Errorf("A0804", "a builder has written more than %d bytes", limit).WithHelp("allow more: --disk GIGABYTES"))
				return
			}
		}
		select {
		case <-time.After(max(pause, measureFactor*now().Sub(start))):
		case <-ctx.Done():
			return
		}
	}
}

// used is how many bytes of its disk a folder takes, a file with several names once. What another filesystem holds is not the folder's, and
// what is gone before it is looked at takes none.
func used(ctx context.Context, dir string) int64 {
	var top unix.Stat_t
	if unix.Lstat(dir, &top) != nil {
		return 0
	}
	var total int64
	linked := map[uint64]bool{}
	_ = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return fs.SkipAll
		}
		var st unix.Stat_t
		if err != nil || unix.Lstat(path, &st) != nil {
			return nil //nolint:nilerr // it is gone
		}
		switch {
		case st.Dev != top.Dev && e.IsDir():
			return fs.SkipDir
		case st.Dev != top.Dev, st.Nlink > 1 && !e.IsDir() && linked[st.Ino]:
			return nil
		}
		linked[st.Ino] = st.Nlink > 1
		total += st.Blocks * 512
		return nil
	})
	return total
}
