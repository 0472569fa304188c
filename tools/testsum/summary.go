package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"sort"
	"strings"
)

// event is one line of test2json (see `go doc cmd/test2json`); only the fields used here.
type event struct {
	Action     string
	Package    string
	ImportPath string // of build-output and build-fail
	Test       string
	Elapsed    float64 // seconds
	Output     string
}

// keep bounds the output kept for one test, so that a test in a loop cannot eat the machine's memory.
const keep = 1 << 20

// summary counts every test and every subtest once.
type summary struct {
	passed, failed, skipped int
	packages                int
	broken                  []string            // packages that failed to build or outside any test
	reasons                 map[string][]string // why -> tests
	slow                    []timed             // top-level tests that took slowAt or longer
}

// slowAt is how many seconds a test takes that is worth naming: the whole run has an hour.
const slowAt = 20

type timed struct {
	test    string
	seconds float64
}

func (s *summary) ok() bool {
	return s.failed == 0 && len(s.broken) == 0 && s.passed > 0
}

type key struct{ pkg, test string }

// read consumes the events, prints a line a package and all output of what failed to w as it goes, and counts.
func read(r io.Reader, w io.Writer) (*summary, error) {
	s := &summary{reasons: map[string][]string{}}
	logs := map[key]*strings.Builder{}
	failedTests := map[string]bool{} // packages with a failed test
	in := bufio.NewScanner(r)
	in.Buffer(make([]byte, 64<<10), 16<<20)
	for in.Scan() {
		var e event
		if err := json.Unmarshal(in.Bytes(), &e); err != nil || e.Action == "" {
			fmt.Fprintln(w, in.Text()) // not an event: go's own message
			continue
		}
		s.take(e, w, logs, failedTests)
	}
	return s, in.Err()
}

func (s *summary) take(e event, w io.Writer, logs map[key]*strings.Builder, failedTests map[string]bool) {
	k := key{e.Package, e.Test}
	switch e.Action {
	case "build-output":
		io.WriteString(w, e.Output)
	case "output":
		b := logs[k]
		if b == nil {
			b = &strings.Builder{}
			logs[k] = b
		}
		if b.Len()+len(e.Output) <= keep {
			b.WriteString(e.Output)
		}
	case "pass", "fail", "skip":
		if e.Test == "" {
			s.finish(e, w, logs[k], failedTests[e.Package])
			if e.Action == "fail" && !failedTests[e.Package] {
				unended(w, e.Package, logs)
			}
		} else {
			s.count(e, w, logs[k])
			failedTests[e.Package] = failedTests[e.Package] || e.Action == "fail"
		}
		delete(logs, k)
	}
}

// count takes the end of one test.
func (s *summary) count(e event, w io.Writer, log *strings.Builder) {
	if e.Elapsed >= slowAt && !strings.Contains(e.Test, "/") {
		s.slow = append(s.slow, timed{short(e.Package) + "." + e.Test, e.Elapsed})
	}
	switch e.Action {
	case "pass":
		s.passed++
	case "fail":
		s.failed++
		fmt.Fprintf(w, "--- failed: %s %s\n%s", e.Package, e.Test, text(log))
	case "skip":
		s.skipped++
		why := reason(text(log))
		s.reasons[why] = append(s.reasons[why], short(e.Package)+"."+e.Test)
	}
}

// finish takes the end of one package. A package may fail with no test failing: it did not build, or it panicked or timed
// out in a place that no test owns; its own output then says why.
func (s *summary) finish(e event, w io.Writer, log *strings.Builder, testFailed bool) {
	s.packages++
	switch e.Action {
	case "pass":
		fmt.Fprintf(w, "ok    %s  %.1fs\n", e.Package, e.Elapsed)
	case "fail":
		if !testFailed {
			s.broken = append(s.broken, e.Package)
			io.WriteString(w, text(log))
		}
		fmt.Fprintf(w, "FAIL  %s  %.1fs\n", e.Package, e.Elapsed)
	}
}

// unended prints what the tests said whose end go test did not report, in a package that failed by no other's fault: it misses the end of one
// whose line something else began.
func unended(w io.Writer, pkg string, logs map[key]*strings.Builder) {
	for _, k := range slices.SortedFunc(maps.Keys(logs), func(a, b key) int { return strings.Compare(a.test, b.test) }) {
		if k.pkg == pkg && k.test != "" && said(text(logs[k])) {
			fmt.Fprintf(w, "--- no end: %s %s\n%s", k.pkg, k.test, text(logs[k]))
		}
	}
}

func said(log string) bool {
	for line := range strings.Lines(log) {
		if !strings.HasPrefix(line, "=== ") {
			return true
		}
	}
	return false
}

func text(b *strings.Builder) string {
	if b == nil {
		return ""
	}
	return b.String()
}

// reason finds what t.Skip said: the lines between the test's own framing, without the file:line in front.
func reason(log string) string {
	var said []string
	for line := range strings.Lines(log) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "=== ") || strings.HasPrefix(line, "--- ") {
			continue
		}
		if place, rest, ok := strings.Cut(line, ": "); ok && strings.Contains(place, ".go:") {
			line = rest
		}
		said = append(said, line)
	}
	if len(said) == 0 {
		return "no reason given"
	}
	return said[len(said)-1]
}

// short is the package without the module's prefix, which is the same for all.
func short(pkg string) string {
	return strings.TrimPrefix(pkg, "github.com/selfsame-build/selfsame/")
}

// print writes the skipped tests by reason, the slow tests, the broken packages, and the closing count.
func (s *summary) print(w io.Writer) {
	whys := make([]string, 0, len(s.reasons))
	for why := range s.reasons {
		whys = append(whys, why)
	}
	sort.Strings(whys)
	for _, why := range whys {
		tests := s.reasons[why]
		sort.Strings(tests)
		fmt.Fprintf(w, "skipped (%d): %s\n", len(tests), why)
		for _, t := range tests {
			fmt.Fprintf(w, "  %s\n", t)
		}
	}
	sort.Slice(s.slow, func(i, j int) bool { return s.slow[i].seconds > s.slow[j].seconds })
	for _, t := range s.slow {
		fmt.Fprintf(w, "slow: %4.0fs  %s\n", t.seconds, t.test)
	}
	for _, p := range s.broken {
		fmt.Fprintf(w, "failed outside any test: %s\n", p)
	}
	if s.passed+s.failed == 0 {
		fmt.Fprintln(w, "no test ran")
	}
	fmt.Fprintf(w, "%d passed, %d failed, %d skipped\n", s.passed, s.failed+len(s.broken), s.skipped)
}
