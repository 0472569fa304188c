package rebuild

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// TestBoundOfABuilder: a builder without a filesystem of its own is ended when it has written more than --disk.
func TestBoundOfABuilder(t *testing.T) {
	const pause, limit = time.Millisecond, 1 << 20
	box := func(t *testing.T, sizes map[string]int64) *Sandbox {
		b := &Sandbox{Dir: t.TempDir()}
		for name, size := range sizes {
			path := filepath.Join(b.Dir, Builders, name)
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, make([]byte, size), 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		return b
	}
	t.Run("more", func(t *testing.T) {
		b := box(t, map[string]int64{"a/root/one": 600 << 10, "b/root/one": 600 << 10})
		ctx, end := b.bound(t.Context(), limit, pause, time.Now)
		time.Sleep(50 * pause)
		if ctx.Err() != nil {
			t.Fatalf("two builders were counted as one: %v", context.Cause(ctx))
		}
		if err := os.WriteFile(filepath.Join(b.Dir, Builders, "a", "root", "two"), make([]byte, 600<<10), 0o600); err != nil {
			t.Fatal(err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(10 * time.Second):
			t.Fatal("nobody noticed")
		}
		err := end(errors.New("in whatever words"))
		if list := diag.All(err); len(list) != 1 || list[0].Code != "A0804" || diag.ExitCode(err) != diag.ExitUndecided {
			t.Error(err)
		}
	})
	t.Run("once under two names", func(t *testing.T) {
		b := box(t, map[string]int64{"a/one": 600 << 10})
		one := filepath.Join(b.Dir, Builders, "a", "one")
		if err := os.Link(one, one+"-more"); err != nil {
			t.Fatal(err)
		}
		if got := used(t.Context(), filepath.Join(b.Dir, Builders, "a")); got < 600<<10 || got > 700<<10 {
			t.Errorf("%d bytes", got)
		}
	})
	t.Run("not the bound", func(t *testing.T) {
		other, sentinel := &diag.Diagnostic{}, errors.New("something else")
		outer, cancel := context.WithCancelCause(t.Context())
		_, end := box(t, nil).bound(outer, limit, pause, time.Now)
		if err := end(sentinel); !errors.Is(err, sentinel) {
			t.Error(err)
		}
		_, end = box(t, nil).bound(outer, 0, pause, time.Now)
		cancel(other)
		if err := end(sentinel); !errors.Is(err, sentinel) {
			t.Errorf("an interruption became the bound: %v", err)
		}
		_, end = box(t, map[string]int64{"a/one": 2 * limit}).bound(t.Context(), limit, time.Hour, time.Now)
		time.Sleep(20 * pause)
		if err := end(nil); err != nil {
			t.Errorf("what ended well has failed: %v", err)
		}
	})
}
