package reproducibility

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestMilderWorld builds a correct image whose step does not survive builder B's kernel name: B is repeated without it, the
// images are equal, and the axes that were not applied are named with the step that is the reason.
func TestMilderWorld(t *testing.T) {
	m := onMachine(t, "first")
	dir := clone(t, "../../examples/broken")
	step := "FROM debian:trixie\nRUN case $(uname -r) in *elsewhere*) echo no such kernel; exit 3;; esac; echo fine >/fine\n"
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(step), 0o600); err != nil {
		t.Fatal(err)
	}
	m.lock(dir)
	res := m.build(0, dir)
	if !res.Reproducible {
		t.Fatalf("not reproducible: %+v", res)
	}
	if slices.Contains(res.Axes, "kernel name") || slices.Contains(res.Axes, "clock calls") {
		t.Errorf("axes %v claim what the milder world does without", res.Axes)
	}
	if !slices.Contains(res.Axes, "directory order") || !slices.Contains(res.Axes, "host name") {
		t.Errorf("axes %v lack what the milder world still varies", res.Axes)
	}
	why := ""
	for _, n := range res.NotApplied {
		if n.Name == "kernel name" {
			why = n.Reason
		}
	}
	if !strings.Contains(why, "Dockerfile:2") {
		t.Errorf("the kernel name is not applied because of %q; want the step named", why)
	}
}
