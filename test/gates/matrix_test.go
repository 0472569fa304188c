package gates

import (
	"strings"
	"testing"

	"github.com/selfsame-build/selfsame/test/containerd"
)

// TestGates is every condition of issue 6, "How it is tested", at every gate: TestGates/CONDITION/GATE.
func TestGates(t *testing.T) {
	w := newWorld(t)
	for _, c := range conditions() {
		w.run(c.name, func(t *testing.T) {
			i, name := w.image()
			a := ask{image: name + "@" + i.Index.String()}
			about := a.image
			c.make(w, i, name, &a)
			if strings.Contains(a.image, i.Manifest.String()) {
				about = a.image
			}
			w.onNode(i, about)
			if c.want == "" {
				w.passes(t, a)
				return
			}
			w.refused(t, a, []string{about + " is denied: ", c.want}, nil)
		})
	}
	w.run("tag moved between admission and pull", w.tagMoved)
	w.run("a mirror serves the old digest", w.staleMirror)
	w.run("a pod of 50 containers", w.fifty)
	w.run("1,000 pods at once", w.thousand)
	w.faults(t)
}

// run is a part of the test, in which w fails that part.
func (w *world) run(name string, part func(*testing.T)) {
	w.whole.Run(name, func(t *testing.T) { w.t = t; part(t) })
	w.t = w.whole
}

// onNode imports an image under a name, past registry and verifier.
func (w *world) onNode(i *containerd.Image, name string) {
	w.t.Helper()
	if strings.HasSuffix(name, i.Manifest.String()) {
		i = i.Single()
	}
	w.must(w.node.Import(w.t.Context(), i, name))
}

// passed has every gate let an image through, and so keep its verdict.
func (w *world) passed(a ask, i *containerd.Image) {
	w.t.Helper()
	w.onNode(i, a.image)
	for gate, err := range w.together(a) {
		if err != nil {
			w.t.Fatalf("%s: %v", gate, err)
		}
	}
}
