package reproducibility

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/selfsame-build/selfsame/report"
)

// TestLeakThatMatches builds an image in which both builders leave the same date, taken from a file's time, which no tracer moves, in
// one time zone. The images are equal, and the date is named; also when everything is cached and nothing is searched again.
func TestLeakThatMatches(t *testing.T) {
	m := onMachine(t, "first")
	dir := clone(t, "../../examples/broken")
	step := "FROM debian:trixie\nRUN touch /x && TZ=UTC stat -c %y /x | cut -c1-10 >/date && rm /x\nCOPY greeting.txt /\n"
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(step), 0o600); err != nil {
		t.Fatal(err)
	}
	m.lock(dir)
	named := func(r report.Result) bool {
		return slices.ContainsFunc(r.Findings, func(f report.Finding) bool { return f.Path == "date" && f.Class == "T1" && f.Line == 2 })
	}
	cold := m.build(0, dir)
	if !cold.Reproducible || !named(cold) {
		t.Fatalf("cold: reproducible %v, findings %+v", cold.Reproducible, cold.Findings)
	}
	if err := os.WriteFile(filepath.Join(dir, "greeting.txt"), []byte("another\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if warm := m.build(0, dir); !warm.Reproducible || !named(warm) || warm.Digest == cold.Digest {
		t.Fatalf("warm: reproducible %v, findings %+v", warm.Reproducible, warm.Findings)
	}
}
