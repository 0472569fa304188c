package reproducibility

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// specimen is one line of zoo/expect.txt.
type specimen struct {
	name, kind, class, path, axis string
}

func specimens(t *testing.T) []specimen {
	t.Helper()
	data, err := os.ReadFile("zoo/expect.txt")
	if err != nil {
		t.Fatal(err)
	}
	var out []specimen
	for line := range strings.Lines(string(data)) {
		f := strings.Fields(line)
		if len(f) == 0 || strings.HasPrefix(f[0], "#") {
			continue
		}
		if len(f) < 5 {
			t.Fatalf("zoo/expect.txt: %q has %d columns", line, len(f))
		}
		out = append(out, specimen{f[0], f[1], f[2], f[3], strings.Join(f[4:], " ")})
	}
	return out
}

// TestZoo builds every specimen: each fault is caught, in the file and on the axis that it is known for, and each control
// comes out equal.
func TestZoo(t *testing.T) {
	m := onMachine(t, "first")
	caught, faults, passed, controls := 0, 0, 0, 0
	for _, s := range specimens(t) {
		t.Run(s.name, func(t *testing.T) {
			m := &machine{t: t, self: m.self, home: m.home}
			dir := clone(t, filepath.Join("zoo", s.name))
			m.must(0, dir, "lock", "--progress", "plain")
			if s.kind == "control" {
				controls++
				if m.build(0, dir).Reproducible {
					passed++
				}
				return
			}
			faults++
			res := m.build(13, dir)
			caught++
			if res.Reproducible || res.Digest != "" {
				t.Errorf("a build that differs is reported as %+v", res)
			}
			var paths []string
			for _, f := range res.Findings {
				paths = append(paths, "/"+strings.TrimPrefix(f.Path, "/"))
				if f.Path != "" && "/"+strings.TrimPrefix(f.Path, "/") == s.path && f.Line == 0 {
					t.Errorf("the finding in %s has no line", f.Path)
				}
			}
			if !slices.Contains(paths, s.path) {
				t.Errorf("findings are in %v, want one in %s", paths, s.path)
			}
			if s.axis != "-" && !slices.Contains(res.Axes, s.axis) {
				t.Errorf("axes %v lack %q, which shows this fault", res.Axes, s.axis)
			}
		})
	}
	t.Logf("caught %d of %d faults; %d of %d controls equal", caught, faults, passed, controls)
	if faults < 12 || controls < 6 {
		t.Errorf("the zoo has %d faults and %d controls, want at least 12 and 6", faults, controls)
	}
}
