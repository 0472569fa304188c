package engine_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/guard/engine"
)

// TestFloodOfWhatIsDenied: a denied digest is denied under every name that somebody thinks of, and so is every index that names it. That pushes
// no good verdict out, of memory or folder; and what nothing verified about pushes out no denial.
func TestFloodOfWhatIsDenied(t *testing.T) {
	w := newWorld(t, func(c *engine.Config) {
		c.Images, c.State, c.Fresh = 8, filepath.Join(t.TempDir(), "evidence"), time.Hour
	})
	w.want("good", good, true, engine.ClassOK, false, 1)
	w.f.set(func(f *fake) { f.inside = map[digest.Digest]bool{evil: true} })
	for i := range 40 {
		a := w.Ask(t.Context(), engine.Question{Name: fmt.Sprint("registry.example.com/team/app-", i), Digest: evil, Who: engine.Who{Gate: engine.GateStart}})
		if a.Class != engine.ClassDenied {
			t.Fatalf("%s: %s", a.Class, a.Denial())
		}
	}
	w.f.set(func(f *fake) { f.err = errDown })
	w.want("after a flood", good, true, engine.ClassOK, true, 41)
	w.Close()
	w.open()
	w.want("after a flood and a restart, with the registry down", good, true, engine.ClassOK, true, 41)

	w.f.set(func(f *fake) { f.err = nil })
	w.want("denied", evil, false, engine.ClassDenied, false, 42)
	for i := range 40 {
		w.ask(digest.FromString(fmt.Sprint("nobody signed it", i)))
	}
	w.want("after a flood of what nobody signed", evil, false, engine.ClassDenied, true, 82)
}
