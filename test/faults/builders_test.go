package faults

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/selfsame-build/selfsame/test/fixture"
)

// TestFaultsOfBuilders kills and stops each builder, and B's tracer, in the middle of a long step. The build ends within ten
// seconds with exit 17: nothing can be said, so nothing is called failed or not reproducible. Nothing goes on running, and the
// next build finds a builder started anew.
func TestFaultsOfBuilders(t *testing.T) {
	home := newMachine(t)
	const token = "faults-of-builders"
	text := "FROM scratch\nCOPY step seconds /\n" + `RUN ["/step", "wait", "/seconds", "` + token + `"]` + "\n"
	dir := withStep(t, dockerfile(t, text))
	put(t, filepath.Join(dir, "seconds"), "0")
	home.must(0, dir, words("lock -q"))
	home.must(0, dir, words("build -q"))
	put(t, filepath.Join(dir, "seconds"), "600") // what the source holds is no part of the lock
	for _, c := range []struct {
		name, program, builder string
		signal                 syscall.Signal
		word                   string
	}{
		{"tracer killed", "selfsame-vary run", "b", syscall.SIGKILL, "builder B"},
		{"tracer stopped", "selfsame-vary run", "b", syscall.SIGSTOP, "tracer was stopped"},
		{"buildkitd of B killed", "buildkitd --config", "b", syscall.SIGKILL, "builder B"},
		{"buildkitd of B stopped", "buildkitd --config", "b", syscall.SIGSTOP, "builder B"},
		{"buildkitd of A killed", "buildkitd --config", "a", syscall.SIGKILL, "builder A"},
		{"buildkitd of A stopped", "buildkitd --config", "a", syscall.SIGSTOP, "builder A"},
		{"supervisor of B killed", "builder supervise", "b", syscall.SIGKILL, "builder B"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := home.on(t)
			cmd := m.command(dir, "build", "--progress", "plain")
			var out bytes.Buffer
			var errs fixture.Log
			cmd.Stdout, cmd.Stderr = &out, &errs
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			ended := wait(cmd)
			m.await(func() bool { return len(running("/step wait")) >= 2 }, "both builders run the step")
			pid := m.programOf(c.program, c.builder)
			start := time.Now()
			if err := syscall.Kill(pid, c.signal); err != nil {
				t.Fatal(err)
			}
			select {
			case <-ended:
			case <-time.After(30 * time.Second):
				_ = cmd.Process.Kill()
				t.Fatalf("it went on for 30 s:\n%s", errs.String())
			}
			took := time.Since(start)
			t.Logf("exit %d after %s", cmd.ProcessState.ExitCode(), took.Round(time.Millisecond))
			if took > 10*time.Second {
				t.Errorf("it took %s to notice", took)
			}
			r := result{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
			r.check(t, "build", 17, "A0707", c.word)
			for _, lie := range []string{"not reproducible", "milder", "A0330", "repeating"} {
				if strings.Contains(r.err, lie) {
					t.Errorf("a dead builder is taken for a finding (%q):\n%s", lie, r.err)
				}
			}
			if left := gone("/step wait", 10*time.Second); len(left) > 0 {
				t.Errorf("steps go on: %v", left)
			}
			if processAt(pid) {
				t.Errorf("process %d is still there", pid)
			}
			clean(t, dir)
			if left := m.strays(); len(left) > 0 {
				t.Errorf("orphans: %v", left)
			}
		})
	}
	put(t, filepath.Join(dir, "seconds"), "0")
	home.must(0, dir, words("build -q --no-cache"))
}

// TestKilledRuntime kills the OCI runtime that runs a step. For the builder that is a step that failed. On A it is said so; on B, where A
// passed, the step is repeated in the milder world, whatever the failure was, and the evidence says what was not varied.
func TestKilledRuntime(t *testing.T) {
	t.Parallel()
	home := newMachine(t)
	for _, c := range []struct {
		name, seconds string
		code          int
		words         []string
	}{
		{"a", "600", 12, []string{"A0330", "Dockerfile:3", "its runtime ended without an exit code"}},
		{"b", "15", 0, []string{"Dockerfile:3: its runtime ended without an exit code", "repeating B"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := home.on(t)
			token := "killed-runtime-" + c.name
			dir := withStep(t, dockerfile(t, "FROM scratch\nCOPY step seconds /\n"+`RUN ["/step", "wait", "/seconds", "`+token+`"]`+"\n"))
			put(t, filepath.Join(dir, "seconds"), "0")
			m.must(0, dir, words("lock -q"))
			m.must(0, dir, words("build -q"))
			put(t, filepath.Join(dir, "seconds"), c.seconds) // what the source holds is no part of the lock
			cmd := m.command(dir, "build", "--progress", "plain")
			var errs fixture.Log
			cmd.Stderr = &errs
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			ended := wait(cmd)
			m.await(func() bool { return len(running("/step wait /seconds "+token)) >= 2 }, "both builders run the step")
			if err := syscall.Kill(m.programOf("runc --log", c.name), syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			select {
			case <-ended:
			case <-time.After(3 * time.Minute):
				_ = cmd.Process.Kill()
				t.Fatalf("it went on for three minutes:\n%s", errs.String())
			}
			r := result{cmd.ProcessState.ExitCode(), "", errs.String()}
			r.check(t, "build", c.code, c.words...)
			clean(t, dir)
			// Whom the runtime leaves behind belongs to the builder still, and ends with it.
			m.must(0, dir, words("builders stop"))
			if left := gone(token, 10*time.Second); len(left) > 0 {
				t.Errorf("steps go on: %v", left)
			}
			put(t, filepath.Join(dir, "seconds"), "0")
			m.must(0, dir, words("build -q --no-cache"))
		})
	}
}

// await waits for something to be so.
func (m *machine) await(so func() bool, what string) {
	m.t.Helper()
	for deadline := time.Now().Add(60 * time.Second); !so(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			m.t.Fatalf("waited for a minute: %s", what)
		}
	}
}

// programOf is the process of a builder whose command line starts with a program and its first word.
func (m *machine) programOf(program, builder string) int {
	m.t.Helper()
	for _, p := range m.processes() {
		pid, line, _ := strings.Cut(p, " ")
		if i := strings.Index(line, program); i < 0 || strings.Contains(line[:i], " ") && program != "builder supervise" ||
			!strings.Contains(line, "/builders/"+builder) {
			continue
		}
		n, err := strconv.Atoi(pid)
		if err == nil {
			return n
		}
	}
	m.t.Fatalf("no process %q of builder %s in %q", program, builder, m.processes())
	return 0
}

// processAt says whether a process is there, and not just its exit code, which waits for whoever inherited it.
func processAt(pid int) bool {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && !strings.Contains(string(data), ") Z ")
}
