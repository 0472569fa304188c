package reproducibility

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/selfsame-build/selfsame/report"
)

// explain runs the experiment on a specimen and gives the report.
func (m *machine) explain(dir string, args ...string) report.Result {
	m.t.Helper()
	r := m.must(13, dir, append([]string{"explain", "--json", "--progress", "plain"}, args...)...)
	var res report.Result
	if err := json.Unmarshal([]byte(r.out), &res); err != nil {
		m.t.Fatalf("reading the report: %v\n%s", err, r.out)
	}
	if res.Experiment == nil {
		m.t.Fatalf("no experiment was made; notes %v\n%s", res.Notes, tail(r.err, 30))
	}
	return res
}

// TestExperiment runs the guilty step again, one thing varied at a time: what it depends on comes out, in at most eight runs.
func TestExperiment(t *testing.T) {
	m := onMachine(t, "first")
	for _, c := range []struct {
		name   string
		causes []string
		random bool
	}{
		{"directory-order", []string{"directory order"}, false},
		{"environment", []string{"environment"}, false},
		{"kernel-name", []string{"kernel name"}, false},
		{"clock-archive", []string{"start time"}, false},
		{"randomness", nil, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := m.on(t)
			dir := clone(t, filepath.Join("zoo", c.name))
			m.lock(dir)
			x := m.explain(dir).Experiment
			if !slices.Equal(x.Causes, c.causes) || x.Random != c.random {
				t.Errorf("causes %v, random %v: %s; want %v, %v", x.Causes, x.Random, x.Verdict, c.causes, c.random)
			}
			if len(x.Runs) < 2 || len(x.Runs) > 8 || len(x.Runs[0].Varied) > 0 || len(x.Runs[1].Varied) > 0 {
				t.Errorf("the runs are %+v, want two controls first and at most eight", x.Runs)
			}
			if left := m.must(0, dir, "builders", "ls").out; strings.Contains(left, "trial") {
				t.Errorf("builders of the experiment are left:\n%s", left)
			}
		})
	}
}

// TestRemedyIsWritten writes a verified remedy and builds with it: the image is reproducible then. The guilty step stands in a stage of its
// own, whose result a later stage copies.
func TestRemedyIsWritten(t *testing.T) {
	m := onMachine(t, "first")
	dir := clone(t, filepath.Join("zoo", "directory-order"))
	path := filepath.Join(dir, "Dockerfile")
	broken := "FROM debian:trixie AS list\nWORKDIR /work\nRUN for i in $(seq 1 200); do : >\"page-$i\"; done \\\n && ls -U >/index\n\n" +
		"FROM debian:trixie\nCOPY --from=list /index /srv/index\n"
	if err := os.WriteFile(path, []byte(broken), 0o600); err != nil {
		t.Fatal(err)
	}
	m.lock(dir)
	res := m.build(13, dir)
	if text := read(t, path); text != broken {
		t.Fatalf("a build has changed the Dockerfile:\n%s", text)
	}
	var f report.Finding
	if len(res.Findings) > 0 {
		f = res.Findings[0]
	}
	if f.Class != "T18" || f.Line != 3 || f.Path != "srv/index" {
		t.Errorf("the finding is %+v, want T18 in srv/index by line 3", f)
	}
	if len(res.Patches) != 1 || !res.Patches[0].Verified || !strings.Contains(res.Patches[0].Diff, "\n- && ls -U >/index\n+ && LC_ALL=C ls >/index\n") {
		t.Errorf("the patches are %+v", res.Patches)
	}
	m.explain(dir, "--write")
	m.lock(dir)
	if out := m.must(0, dir, "explain", "--json").out; !strings.Contains(out, `"reproducible": true`) {
		t.Errorf("what is reproducible is explained by %s", out)
	}
	if _, err := os.Stat(filepath.Join(dir, "selfsame-out", "image")); err == nil {
		t.Error("explain has made an image")
	}
	if res := m.build(0, dir); !res.Reproducible {
		t.Errorf("with the remedy: %+v", res)
	}
}

// TestRemedyOfRecipe does the same for a recipe that spells its build out: the remedy is a change of the recipe.
func TestRemedyOfRecipe(t *testing.T) {
	m := onMachine(t, "first")
	dir := clone(t, filepath.Join("zoo", "directory-order"))
	const step = "        - run: |\n            for i in $(seq 1 200); do : >\"page-$i\"; done\n            ls -U >/index\n"
	recipe := "recipe: v1\nname: listed\nplatforms: [linux/amd64]\nsource: {path: .}\nepoch: 1760000000\nbuild:\n  stages:\n" +
		"    - name: list\n      from: {debian: {suite: trixie}}\n      workdir: /work\n      steps:\n" + step +
		"    - name: final\n      from: scratch\n      steps:\n        - copy: {from: list, sources: [/index], to: /srv/index}\n" +
		"output:\n  image: registry.example.com/listed\n"
	path := filepath.Join(dir, "recipe.yaml")
	if err := os.WriteFile(path, []byte(recipe), 0o600); err != nil {
		t.Fatal(err)
	}
	m.must(0, dir, "lock", "-q")
	res := m.build(13, dir)
	if len(res.Patches) != 1 || !res.Patches[0].Verified || !strings.Contains(res.Patches[0].Diff, "\n-            ls -U >/index\n+            LC_ALL=C ls >/index\n") {
		t.Fatalf("the patches are %+v, the findings %+v", res.Patches, res.Findings)
	}
	m.explain(dir, "--write")
	if got, want := read(t, path), strings.Replace(recipe, "ls -U >", "LC_ALL=C ls >", 1); got != want {
		t.Errorf("the recipe is\n%s", got)
	}
	m.must(0, dir, "lock", "-q")
	if res := m.build(0, dir); !res.Reproducible {
		t.Errorf("with the remedy: %+v", res)
	}
}
