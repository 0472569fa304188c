//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/selfsame-build/selfsame/internal/trace"
)

// The tests run the real program on real programs: what a tracer breaks shows only in the kernel.

const offset = 34300800 // seconds, the default

// tools holds what TestMain has built; an empty path means that it could not be, and why says so.
var tools struct {
	vary, dynamic, static, i386, golang string
	why                                 map[string]string
}

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "selfsame-vary-")
	if err != nil {
		panic(err)
	}
	tools.why = map[string]string{}
	for _, source := range []string{"testdata/subject.c", "testdata/i386.c", "testdata/gosubject/main.go"} {
		_, _ = os.ReadFile(source) // so that the cache of test results knows that they matter
	}
	build := func(name string, argv ...string) string {
		out := filepath.Join(dir, name)
		cmd := exec.Command(argv[0], append(argv[1:], "-o", out)...)
		if strings.HasSuffix(argv[0], "go") {
			cmd.Args = append([]string{argv[0], "build", "-o", out}, argv[2:]...)
			cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		}
		if text, err := cmd.CombinedOutput(); err != nil {
			tools.why[name] = fmt.Sprintf("%v: %s", err, text)
			return ""
		}
		return out
	}
	tools.vary = build("selfsame-vary", "go", "build", ".")
	tools.golang = build("gosubject", "go", "build", "./testdata/gosubject")
	tools.dynamic = build("dynamic", "gcc", "-O1", "testdata/subject.c", "-lpthread", "-lrt")
	tools.static = build("static", "gcc", "-O1", "-static", "testdata/subject.c", "-lpthread", "-lrt")
	tools.i386 = build("i386", "gcc", "-m32", "-nostdlib", "-static", "-fno-pic", "-ffreestanding", "-fno-stack-protector", "testdata/i386.c")
	exit := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(exit)
}

func need(t *testing.T, name, path string) string {
	t.Helper()
	if path == "" {
		t.Skipf("SKIPPED: %s could not be built: %s", name, tools.why[name])
	}
	return path
}

// outcome is how a traced command ended and what the tracer said about it.
type outcome struct {
	out    string
	exit   int
	status trace.Status
}

// vary runs a command under the tracer. Flags come first, then "--", then the command.
func vary(t *testing.T, args ...string) outcome {
	t.Helper()
	need(t, "selfsame-vary", tools.vary)
	file := filepath.Join(t.TempDir(), "status.json")
	cmd := exec.Command(tools.vary, append([]string{"run", "--status", file}, args...)...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(3*time.Minute, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	_ = cmd.Wait()
	o := outcome{out: out.String(), exit: cmd.ProcessState.ExitCode()}
	readStatus(t, file, &o.status)
	return o
}

func readStatus(t *testing.T, file string, s *trace.Status) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, s)
	}
	if err != nil {
		t.Fatalf("reading the status: %v", err)
	}
}

// facts parses lines of "name number".
func facts(out string) map[string]int64 {
	found := map[string]int64{}
	for line := range strings.Lines(out) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if n, err := strconv.ParseInt(value, 10, 64); err == nil {
			found[name] = n
		}
	}
	return found
}

// wantMoved checks that each fact about a wall clock is moved by seconds, each other not, and that there are some.
func wantMoved(t *testing.T, o outcome, seconds int64) {
	t.Helper()
	now, found := time.Now().Unix(), facts(o.out)
	if o.exit != 0 || len(found) < 1 {
		t.Fatalf("exit %d: %s", o.exit, o.out)
	}
	for name, got := range found {
		if strings.HasSuffix(name, "monotonic") || strings.HasSuffix(name, "boottime") {
			if got > 1_000_000_000 {
				t.Errorf("%s is moved: %d", name, got)
			}
			continue
		}
		if d := got - now - seconds; d < -120 || d > 120 {
			t.Errorf("%s is %d, %d seconds away from where it must be", name, got, d)
		}
	}
	wantClean(t, o)
}

// wantClean checks that the tracer left nothing undone.
func wantClean(t *testing.T, o outcome) {
	t.Helper()
	if c := o.status.Counters; c.Errors != 0 || c.Unpatched != 0 || c.Foreign != 0 || o.status.State != trace.StateExited {
		t.Errorf("status: %+v", o.status)
	}
}
