//go:build linux

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/selfsame-build/selfsame/internal/trace"
)

func plainRun(path string, args ...string) error { return exec.Command(path, args...).Run() }

func plainOutput(path string, args ...string) (string, error) {
	out, err := exec.Command(path, args...).Output()
	return string(out), err
}

// Each mode checks itself, and must do so without the tracer too, or it proves nothing.
func TestProgramsBehaveAsUntraced(t *testing.T) {
	for _, mode := range []string{"threads 64", "vforks 50", "forks 300", "sigtrap", "jobs", "inner",
		"kills 400", "becoming 300", "becoming-hot 60", "own-filter"} {
		t.Run(mode, func(t *testing.T) {
			args := strings.Fields(mode)
			if err := plainRun(need(t, "dynamic", tools.dynamic), args...); err != nil {
				t.Skipf("SKIPPED: fails without the tracer too: %v", err)
			}
			for _, flags := range [][]string{nil, {"--cpus", "1", "--pin"}, {"--fixed-addresses"}} {
				o := vary(t, append(append(flags, "--", tools.dynamic), args...)...)
				if o.exit != 0 {
					t.Errorf("%v: exit %d: %s", flags, o.exit, o.out)
				}
				wantClean(t, o)
			}
		})
	}
}

// How the command ends is told right, whoever in the tracer sees it first.
func TestEndsOfHeldPrograms(t *testing.T) {
	need(t, "dynamic", tools.dynamic)
	for range 10 {
		if o := vary(t, "--", tools.dynamic, "leader-waits"); o.exit != 7 {
			t.Errorf("exit %d, want 7: %s", o.exit, o.out)
		}
	}
	for range 50 {
		if o := vary(t, "--", "sh", "-c", "exec /nonexistent"); o.exit != trace.ExitNotFound {
			t.Errorf("exit %d, want %d: %s", o.exit, trace.ExitNotFound, o.out)
		}
	}
}

func TestManyForks(t *testing.T) {
	n := "5000"
	if testing.Short() {
		n = "200"
	}
	o := vary(t, "--", need(t, "dynamic", tools.dynamic), "forks", n)
	if o.exit != 0 || !strings.Contains(o.out, "forks "+n) {
		t.Errorf("exit %d: %s", o.exit, o.out)
	}
	wantClean(t, o)
}

func TestEndsPassThrough(t *testing.T) {
	need(t, "dynamic", tools.dynamic)
	plainText := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(plainText, []byte("no program"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		command []string
		want    int
	}{
		{[]string{tools.dynamic, "exit", "0"}, 0},
		{[]string{tools.dynamic, "exit", "7"}, 7},
		{[]string{tools.dynamic, "exit", "255"}, 255},
		{[]string{tools.dynamic, "die", "9"}, 128 + 9},
		{[]string{tools.dynamic, "die", "11"}, 128 + 11},
		{[]string{tools.dynamic, "die", "5"}, 128 + 5},
		{[]string{"/no/such/program"}, trace.ExitNotFound},
		{[]string{"no-such-program-in-path"}, trace.ExitNotFound},
		{[]string{plainText}, trace.ExitNotRun},
	} {
		o := vary(t, append([]string{"--"}, c.command...)...)
		if o.exit != c.want {
			t.Errorf("%v: exit %d, want %d: %s", c.command, o.exit, c.want, o.out)
		}
		if signal := o.status.Signal != ""; signal != (c.want > 128 && c.want < 200) {
			t.Errorf("%v: status %+v", c.command, o.status)
		}
	}
}

func TestBadUsageIs125(t *testing.T) {
	need(t, "selfsame-vary", tools.vary)
	for _, args := range [][]string{{}, {"walk"}, {"run"}, {"run", "--clock-offset", "1.5s", "--", "true"}, {"run", "--nonsense"},
		{"run", "--cpus", "100000", "--", "true"}, {"run", "--runc", "/no/such", "--world", t.TempDir(), "--", "true"}} {
		err := plainRun(tools.vary, args...)
		if e := (*exec.ExitError)(nil); !errors.As(err, &e) || e.ExitCode() != trace.ExitWorld {
			t.Errorf("%v: %v", args, err)
		}
	}
}

func TestTracingIsReported(t *testing.T) {
	o := vary(t, "--", need(t, "dynamic", tools.dynamic), "ptrace")
	if o.exit != 0 || o.status.Counters.Ptrace != 1 || len(o.status.Notes) != 1 || o.status.Notes[0].Detail != "PTRACE_TRACEME" {
		t.Errorf("exit %d: %s%+v", o.exit, o.out, o.status)
	}
	if strace, err := exec.LookPath("strace"); err == nil {
		o := vary(t, "--", strace, "-f", "true")
		if o.status.Counters.Ptrace == 0 || o.exit == 0 {
			t.Errorf("strace: exit %d, %+v", o.exit, o.status)
		}
	}
}

func TestUntracedCloneIsMoved(t *testing.T) {
	wantMoved(t, vary(t, "--", need(t, "dynamic", tools.dynamic), "untraced"), offset)
}

func TestCPUs(t *testing.T) {
	o := vary(t, "--cpus", "1", "--pin", "--", "nproc")
	if strings.TrimSpace(o.out) != "1" {
		t.Errorf("nproc: %s", o.out)
	}
	if all := vary(t, "--", "nproc"); strings.TrimSpace(all.out) != fmt.Sprint(runtime.NumCPU()) {
		t.Errorf("nproc: %s", all.out)
	}
}

// A program with the set-user-ID bit gains its owner's rights, as it would without a tracer.
func TestSetuidGainsPrivilege(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("SKIPPED: needs root")
	}
	need(t, "dynamic", tools.dynamic)
	dir := t.TempDir()
	text, err := os.ReadFile(tools.dynamic)
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "setuid")
	if err := errors.Join(os.WriteFile(program, text, 0o755), os.Chmod(program, 0o755|os.ModeSetuid)); err != nil {
		t.Fatal(err)
	}
	for d := dir; d != "/" && d != os.TempDir(); d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if out, _ := plainOutput(tools.dynamic, "drop", program, "euid"); out != "euid 0\n" {
		t.Skipf("SKIPPED: set-user-ID does not work here without a tracer either: %q", out)
	}
	o := vary(t, "--", tools.dynamic, "drop", program, "euid")
	if o.out != "euid 0\n" || o.status.NoNewPrivs {
		t.Errorf("exit %d: %s%+v", o.exit, o.out, o.status)
	}
}

// started runs the tracer on a program that prints a line when it is ready, and returns that line.
func started(t *testing.T, args ...string) (cmd *exec.Cmd, line string) {
	t.Helper()
	need(t, "dynamic", tools.dynamic)
	cmd = exec.Command(need(t, "selfsame-vary", tools.vary), append([]string{"run", "--"}, args...)...)
	return cmd, startedCommand(t, cmd)
}

func startedCommand(t *testing.T, cmd *exec.Cmd) (line string) {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(out)
	line, err = reader.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.Copy(io.Discard, reader) }()
	return strings.TrimSpace(line)
}

func gone(pid int) bool {
	for range 400 {
		if unix.Kill(pid, 0) == unix.ESRCH {
			return true
		}
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if strings.Contains(string(text), ") Z ") {
			return true
		}
		time.Sleep(25 * time.Millisecond)
	}
	return false
}

// Builder B's tracer is the first process of a PID namespace: nothing outlives it.
func TestDeadTracerTakesAllWithIt(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("SKIPPED: needs root")
	}
	need(t, "dynamic", tools.dynamic)
	cmd := exec.Command("unshare", "--pid", "--fork", "--kill-child", "--mount-proc", need(t, "selfsame-vary", tools.vary), "run", "--",
		tools.dynamic, "tree", "300")
	line := startedCommand(t, cmd)
	if facts(line)["grandchild"] == 0 {
		t.Fatalf("no grandchild: %q", line)
	}
	grandchild := withArgument(t, "tree", "300")
	_ = cmd.Process.Kill() // unshare's death is the tracer's
	_ = cmd.Wait()
	for _, pid := range grandchild {
		if !gone(pid) {
			t.Errorf("process %d lives on", pid)
		}
	}
}

// Elsewhere at least the command goes with its tracer.
func TestDeadTracerTakesTheCommandWithIt(t *testing.T) {
	cmd, line := started(t, tools.dynamic, "tree", "301")
	pids := withArgument(t, "tree", "301")
	if len(pids) == 0 {
		t.Fatalf("no command: %q", line)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if !gone(pids[0]) {
		t.Error("the command lives on")
	}
	if pid := int(facts(line)["grandchild"]); pid != 0 {
		_ = unix.Kill(pid, unix.SIGKILL)
	}
}

// withArgument returns the processes of the test's program with these arguments, the oldest first.
func withArgument(t *testing.T, args ...string) []int {
	t.Helper()
	want := strings.Join(append([]string{tools.dynamic}, args...), "\x00") + "\x00"
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var found []int
	for _, file := range files {
		if text, _ := os.ReadFile(file); string(text) == want {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			found = append(found, pid)
		}
	}
	slices.Sort(found)
	return found
}

func TestCommandsEndTakesTheRestWithIt(t *testing.T) {
	cmd, line := started(t, tools.dynamic, "tree", "1")
	pid := int(facts(line)["grandchild"])
	if err := cmd.Wait(); err != nil || pid == 0 {
		t.Errorf("%v: %q", err, line)
	}
	if !gone(pid) {
		t.Error("the grandchild lives on")
	}
}

func TestTermIsPassedOn(t *testing.T) {
	cmd, _ := started(t, tools.dynamic, "term")
	_ = cmd.Process.Signal(unix.SIGTERM)
	_ = cmd.Wait()
	if got := cmd.ProcessState.ExitCode(); got != 42 {
		t.Errorf("exit %d, want the command's own 42", got)
	}
}

// A tracer that is stopped shows: its beats stand still.
func TestStoppedTracerStopsBeating(t *testing.T) {
	need(t, "selfsame-vary", tools.vary)
	file := filepath.Join(t.TempDir(), "s.json")
	cmd := exec.Command(tools.vary, "run", "--status", file, "--beat", "20ms", "--", "sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	beats := func() uint64 { var s trace.Status; readStatus(t, file, &s); return s.Beats }
	for range 200 {
		if _, err := os.Stat(file); err == nil && beats() > 3 {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if beats() <= 3 {
		t.Fatal("it does not beat")
	}
	_ = cmd.Process.Signal(unix.SIGSTOP)
	time.Sleep(200 * time.Millisecond)
	before := beats()
	time.Sleep(200 * time.Millisecond)
	if after := beats(); after != before {
		t.Errorf("beats went from %d to %d while it was stopped", before, after)
	}
	_ = cmd.Process.Signal(unix.SIGCONT)
}
