package reproducibility

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/selfsame-build/selfsame/report"
)

// zooFiles are the two halves of the zoo: the one that the diagnosis is developed with, and the one that is held out to measure it.
var zooFiles = []struct {
	path             string
	columns          int // the axis, the last one, may be several words
	faults, controls int // at least
}{
	{"zoo/expect.txt", 5, 12, 6},
	{"zoo/heldout.txt", 6, 32, 6},
}

// What the diagnosis must reach on the held-out half, in percent of its faults. A remedy is only looked for as long as a build waits for
// it: three may be missed on a busy machine.
const (
	leastClass  = 90
	leastStep   = 95
	leastMended = 55
)

// zooBuilds is how many specimens are built at once.
const zooBuilds = 3

// specimen is one line of zoo/expect.txt or zoo/heldout.txt.
type specimen struct {
	name, kind string
	classes    []string // the cause's class; a second one where the taxonomy itself has two names for it
	path       string
	line       int // of the guilty step in the Dockerfile; 0: not written down
	axis       string
	file       string // the list that it stands in
}

func (s specimen) control() bool { return s.kind == "control" }

func (s specimen) dir() string { return filepath.Join("zoo", s.name) }

// specimens reads both halves of the zoo.
func specimens(t *testing.T) []specimen {
	t.Helper()
	var out []specimen
	for _, file := range zooFiles {
		data, err := os.ReadFile(file.path)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			f := strings.Fields(line)
			if len(f) == 0 || strings.HasPrefix(f[0], "#") {
				continue
			}
			if len(f) < file.columns {
				t.Fatalf("%s: %q has %d columns, want at least %d", file.path, line, len(f), file.columns)
			}
			s := specimen{name: f[0], kind: f[1], classes: strings.Split(f[2], ","), path: f[3], file: file.path}
			if file.columns == 6 && f[4] != "-" {
				if s.line, err = strconv.Atoi(f[4]); err != nil {
					t.Fatalf("%s: %q: %v", file.path, line, err)
				}
			}
			s.axis = strings.Join(f[file.columns-1:], " ")
			out = append(out, s)
		}
	}
	return out
}

// TestZooLists holds the lists against the folders: each folder is in one of them, and what is held out says where the fault comes from.
func TestZooLists(t *testing.T) {
	t.Parallel()
	listed := map[string]bool{}
	counts := map[string]int{}
	for _, s := range specimens(t) {
		if listed[s.name] {
			t.Errorf("%s is listed twice", s.name)
		}
		listed[s.name] = true
		counts[s.file+" "+s.kind]++
		data, err := os.ReadFile(filepath.Join(s.dir(), "Dockerfile"))
		if err != nil {
			t.Error(err)
			continue
		}
		if s.control() || s.file != "zoo/heldout.txt" {
			continue
		}
		lines := strings.Split(string(data), "\n")
		if !strings.HasPrefix(lines[0], "# https://") {
			t.Errorf("%s: the Dockerfile does not begin with the report that it is made from", s.name)
		}
		if s.line < 1 || s.line > len(lines) || !strings.HasPrefix(lines[s.line-1], "RUN ") {
			t.Errorf("%s: no step begins on line %d of the Dockerfile", s.name, s.line)
		}
	}
	dirs, err := os.ReadDir("zoo")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dirs {
		if d.IsDir() && !listed[d.Name()] {
			t.Errorf("zoo/%s is in no list", d.Name())
		}
	}
	for _, file := range zooFiles {
		faults, controls := counts[file.path+" fault"], counts[file.path+" control"]
		if faults < file.faults || controls < file.controls {
			t.Errorf("%s has %d faults and %d controls, want at least %d and %d", file.path, faults, controls, file.faults, file.controls)
		}
	}
}

// TestZoo builds every specimen: each fault is caught, in the file and on the axis that it is known for, and each control
// comes out equal.
func TestZoo(t *testing.T) {
	m := onMachine(t, "first")
	all := specimens(t)
	scores := map[string]*score{}
	for _, file := range zooFiles {
		scores[file.path] = &score{}
	}
	var caught, faults, passed, controls atomic.Int32
	turns := make(chan struct{}, zooBuilds)
	t.Run("specimens", func(t *testing.T) {
		for _, s := range all {
			t.Run(s.name, func(t *testing.T) {
				t.Parallel()
				turns <- struct{}{}
				defer func() { <-turns }()
				m := m.on(t)
				dir := clone(t, s.dir())
				m.lock(dir)
				if s.control() {
					controls.Add(1)
					if m.build(0, dir).Reproducible {
						passed.Add(1)
					}
					return
				}
				faults.Add(1)
				m.catches(dir, s, scores[s.file])
				caught.Add(1)
			})
		}
	})
	t.Logf("caught %d of %d faults; %d of %d controls equal", caught.Load(), faults.Load(), passed.Load(), controls.Load())
	for _, file := range zooFiles {
		scores[file.path].log(t, file.path)
	}
	held := scores[zooFiles[1].path]
	if held.class*100 < leastClass*held.faults || held.step*100 < leastStep*held.faults || held.mended*100 < leastMended*held.faults {
		t.Errorf("the diagnosis has become worse: want %d %% of classes, %d %% of steps, %d %% mended", leastClass, leastStep, leastMended)
	}
}

// catches builds a fault and checks what the report says of it.
func (m *machine) catches(dir string, s specimen, sc *score) {
	m.t.Helper()
	res := m.build(13, dir)
	if s.axis == "start time" && !slices.Contains(res.Axes, s.axis) { // on a busy machine B can catch up with A, and says so
		res = m.build(13, dir, "--no-cache")
	}
	if res.Reproducible || res.Digest != "" {
		m.t.Errorf("a build that differs is reported as %+v", res)
	}
	var paths []string
	for _, f := range res.Findings {
		path := "/" + strings.TrimPrefix(f.Path, "/")
		paths = append(paths, path)
		if f.Path != "" && path == s.path && f.Line == 0 {
			m.t.Errorf("the finding in %s has no line", f.Path)
		}
	}
	if !slices.Contains(paths, s.path) {
		m.t.Errorf("findings are in %v, want one in %s", paths, s.path)
	}
	if s.axis != "-" && !slices.Contains(res.Axes, s.axis) {
		m.t.Errorf("axes %v lack %q, which shows this fault", res.Axes, s.axis)
	}
	sc.add(m.t, s, res)
}

// score counts how often the diagnosis of one half's faults was right at its first word.
type score struct {
	mu                          sync.Mutex
	faults, class, step, mended int
	wrong                       []string
}

// add judges the report's first finding in the file that the fault is known for.
func (sc *score) add(t *testing.T, s specimen, res report.Result) {
	t.Helper()
	sc.mu.Lock()
	defer sc.mu.Unlock()
	sc.faults++
	i := slices.IndexFunc(res.Findings, func(f report.Finding) bool {
		return f.Severity == "error" && "/"+strings.TrimPrefix(f.Path, "/") == s.path
	})
	if i < 0 {
		return // said already
	}
	f := res.Findings[i]
	switch {
	case slices.Contains(s.classes, f.Class):
		sc.class++
	default:
		sc.wrong = append(sc.wrong, s.name+": "+strings.Join(s.classes, ",")+" is called "+f.Class+" ("+f.Certainty+"): "+f.Evidence)
		if s.file == zooFiles[0].path {
			t.Errorf("the cause is said to be %s (%s: %s), want %v", f.Class, f.Certainty, f.Evidence, s.classes)
		}
	}
	if s.line == 0 || f.Line == s.line {
		sc.step++
	} else {
		sc.wrong = append(sc.wrong, s.name+": line "+strconv.Itoa(f.Line)+" is blamed, not "+strconv.Itoa(s.line))
	}
	if slices.ContainsFunc(res.Patches, func(p report.Patch) bool { return p.Verified }) {
		sc.mended++
	}
}

func (sc *score) log(t *testing.T, name string) {
	t.Helper()
	slices.Sort(sc.wrong)
	t.Logf("%s: of %d faults the class is right in %d, the step in %d, a remedy was verified for %d\n%s", name, sc.faults, sc.class, sc.step, sc.mended, strings.Join(sc.wrong, "\n"))
}
