package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// run feeds events to read and returns the summary and all that was printed.
func run(t *testing.T, events string) (*summary, string) {
	t.Helper()
	var out bytes.Buffer
	s, err := read(strings.NewReader(events), &out)
	if err != nil {
		t.Fatal(err)
	}
	s.print(&out)
	return s, out.String()
}

func TestSummary(t *testing.T) {
	const pass = `{"Action":"pass","Package":"m/a","Test":"T1","Elapsed":0.1}` + "\n"
	tests := []struct {
		name   string
		events string
		ok     bool
		want   []string
	}{
		{"passes", pass + `{"Action":"pass","Package":"m/a","Elapsed":1.5}`, true,
			[]string{"ok    m/a  1.5s\n", "1 passed, 0 failed, 0 skipped\n"}},
		{"a failing test shows its output", pass +
			`{"Action":"output","Package":"m/a","Test":"T2","Output":"    a_test.go:3: wrong digest\n"}
{"Action":"fail","Package":"m/a","Test":"T2"}
{"Action":"fail","Package":"m/a","Elapsed":2}`, false,
			[]string{"--- failed: m/a T2\n    a_test.go:3: wrong digest\n", "FAIL  m/a", "1 passed, 1 failed, 0 skipped\n"}},
		{"a skip shows its reason", pass +
			`{"Action":"output","Package":"m/a","Test":"T2","Output":"=== RUN   T2\n"}
{"Action":"output","Package":"m/a","Test":"T2","Output":"    a_test.go:9: needs root: 12\n"}
{"Action":"output","Package":"m/a","Test":"T2","Output":"--- SKIP: T2 (0.00s)\n"}
{"Action":"skip","Package":"m/a","Test":"T2"}`, true,
			[]string{"skipped (1): needs root: 12\n  m/a.T2\n", "1 passed, 0 failed, 1 skipped\n"}},
		{"a skip with no reason says so", pass + `{"Action":"skip","Package":"m/a","Test":"T2"}`, true,
			[]string{"skipped (1): no reason given\n"}},
		{"a package that does not build", pass +
			`{"ImportPath":"m/b","Action":"build-output","Output":"b.go:1: undefined: x\n"}
{"Action":"output","Package":"m/b","Output":"FAIL\tm/b [build failed]\n"}
{"Action":"fail","Package":"m/b","Elapsed":0}`, false,
			[]string{"b.go:1: undefined: x\n", "[build failed]", "failed outside any test: m/b\n", "1 passed, 1 failed, 0 skipped\n"}},
		{"a test whose end go test misses", pass +
			`{"Action":"output","Package":"m/a","Test":"T2","Output":"=== RUN   T2\n"}
{"Action":"output","Package":"m/a","Test":"T2","Output":"noise--- FAIL: T2 (0.00s)\n"}
{"Action":"output","Package":"m/a","Test":"T3","Output":"=== PAUSE T3\n"}
{"Action":"output","Package":"m/a","Output":"FAIL\n"}
{"Action":"fail","Package":"m/a","Elapsed":2}`, false,
			[]string{"FAIL  m/a  2.0s\n--- no end: m/a T2\n=== RUN   T2\nnoise--- FAIL: T2 (0.00s)\nfailed outside", "1 passed, 1 failed, 0 skipped\n"}},
		{"slow tests, the slowest first", `{"Action":"pass","Package":"m/a","Test":"T1","Elapsed":20}
{"Action":"pass","Package":"m/a","Test":"T1/part","Elapsed":19}
{"Action":"pass","Package":"m/a","Test":"T2","Elapsed":100.4}
{"Action":"pass","Package":"m/a","Test":"T3","Elapsed":19.9}`, true,
			[]string{"slow:  100s  m/a.T2\nslow:   20s  m/a.T1\n4 passed"}},
		{"nothing ran", `{"Action":"skip","Package":"m/a","Elapsed":0}`, false,
			[]string{"no test ran\n0 passed, 0 failed, 0 skipped\n"}},
		{"go's own words pass through", "go: updates to go.mod needed\n" + pass, true, []string{"go: updates to go.mod needed\n"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, out := run(t, tt.events)
			if s.ok() != tt.ok {
				t.Errorf("ok = %v, want %v", s.ok(), tt.ok)
			}
			for _, want := range tt.want {
				if !strings.Contains(out, want) {
					t.Errorf("output lacks %q:\n%s", want, out)
				}
			}
		})
	}
}

func TestOutputOfOneTestIsBounded(t *testing.T) {
	line := `{"Action":"output","Package":"m/a","Test":"T","Output":"` + strings.Repeat("x", 1000) + `\n"}` + "\n"
	_, out := run(t, strings.Repeat(line, 3000)+`{"Action":"fail","Package":"m/a","Test":"T"}`)
	if len(out) > keep+1000 {
		t.Errorf("printed %d bytes of one test, want at most about %d", len(out), keep)
	}
}

// The events above are as go test wrote them when this was written; this asks the go command of today.
func TestRealGoTest(t *testing.T) {
	dir := t.TempDir()
	files := map[string]string{
		"go.mod":         "module m\n\ngo 1.26\n",
		"a/a_test.go":    "package a\nimport \"testing\"\nfunc TestOK(t *testing.T) {}\nfunc TestNo(t *testing.T) { t.Fatal(\"sorry\") }\nfunc TestSkip(t *testing.T) { t.Skip(\"no runc here\") }\n",
		"b/b_test.go":    "package b\nfunc broken() { undefined() }\n",
		"c/c_test.go":    "package c\nimport \"testing\"\nfunc TestPanic(t *testing.T) { panic(\"boom\") }\n",
		"d/d.go":         "package d\n",
		"e/main_test.go": "package e\nimport (\"testing\"; \"os\")\nfunc TestMain(m *testing.M) { os.Exit(3) }\nfunc TestX(t *testing.T) {}\n",
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "go", "test", "-json", "./...")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	events, _ := cmd.Output() // it fails, as it must
	s, out := run(t, string(events))
	// TestNo and TestPanic fail; b (does not build) and e (exits 3) fail outside any test.
	if s.passed != 1 || s.failed != 2 || s.skipped != 1 || len(s.broken) != 2 {
		t.Errorf("passed %d, failed %d, skipped %d, broken %v; want 1, 2, 1 and b, e\n%s", s.passed, s.failed, s.skipped, s.broken, out)
	}
	for _, want := range []string{"sorry", "boom", "undefined: undefined", "skipped (1): no runc here\n  m/a.TestSkip", "1 passed, 4 failed, 1 skipped"} {
		if !strings.Contains(out, want) {
			t.Errorf("output lacks %q:\n%s", want, out)
		}
	}
}
