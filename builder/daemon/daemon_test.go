package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// As in cmd/selfsame: the process that becomes the daemon must do so in its first thread, or Linux forgets its death signal.
func init() { runtime.LockOSThread() }

// TestMain lets the test binary be the supervisor and the first process, as selfsame's own binary is.
func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == "builder" {
		run := map[string]func(string) error{"supervise": Supervise, "enter": Enter}[os.Args[2]]
		if err := run(os.Args[3]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// testManager is a manager in a folder of its own; it skips where builders cannot run.
func testManager(t *testing.T, idle time.Duration) *Manager {
	t.Helper()
	if testing.Short() {
		t.Skip("starts real builders; not with -short")
	}
	if os.Geteuid() != 0 {
		t.Skip("starting builders needs root")
	}
	bin := map[string]string{}
	for _, name := range []string{"buildkitd", "selfsame-vary", "runc"} {
		path, err := filepath.Abs("../../bin/" + name)
		if err == nil {
			_, err = os.Stat(path)
		}
		if err != nil {
			if path, err = exec.LookPath(name); err != nil {
				t.Skipf("%s is not there: run make build, and install runc", name)
			}
		}
		bin[name] = path
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// Not t.TempDir: its path may be too long for the builders' sockets.
	dir, err := os.MkdirTemp("", "builders") //nolint:usetesting // see above
	if err != nil {
		t.Fatal(err)
	}
	m := &Manager{Dir: dir, Idle: idle, Binaries: Binaries{
		Self: []string{self, "builder"}, Buildkitd: bin["buildkitd"], Vary: bin["selfsame-vary"], Runc: bin["runc"],
	}}
	t.Cleanup(func() {
		for _, e := range list(t, m) {
			if err := m.Stop(context.Background(), e.Name, true); err != nil {
				t.Error(err)
			}
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return m
}

func list(t *testing.T, m *Manager) []Entry {
	t.Helper()
	l, err := m.List(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return l
}

var elsewhere = World{Root: RootTmpfs, RootBytes: 1 << 30, CPUs: 1, ClockOffset: 400 * 24 * time.Hour, KernelRelease: "9.9.0-elsewhere", KernelVersion: "#1 elsewhere"}

func TestAcquireReusesTheSameAndReplacesTheOther(t *testing.T) {
	m := testManager(t, time.Minute)
	ctx := context.Background()
	spec := Spec{Name: "a", World: World{Root: RootHost}, CacheBytes: 1 << 30}
	first, err := m.Acquire(ctx, spec)
	if err != nil {
		t.Fatal(err)
	}
	pid := list(t, m)[0].PID
	second, err := m.Acquire(ctx, spec)
	if err != nil {
		t.Fatal(err)
	}
	if got := list(t, m)[0]; got.PID != pid || !got.InUse {
		t.Errorf("second lease: got %+v, want process %d in use", got, pid)
	}
	// A daemon in use is not taken away from under a build: who wants another one waits.
	other := spec
	other.World = elsewhere
	short, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if _, err := m.Acquire(short, other); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("replacing a builder in use: got %v, want to wait until the deadline", err)
	}
	first.Release()
	second.Release()
	if list(t, m)[0].InUse {
		t.Error("the builder counts as in use though nobody holds a lease")
	}
	spec.World = elsewhere
	third, err := m.Acquire(ctx, spec)
	if err != nil {
		t.Fatal(err)
	}
	defer third.Release()
	if got := list(t, m)[0].PID; got == pid {
		t.Error("a builder of another world was reused")
	}
	if third.Identity == first.Identity {
		t.Error("two worlds have one identity")
	}
	if alive(pid) {
		t.Errorf("process %d of the replaced builder is still there", pid)
	}
}

// TestCacheOfAnotherBuilder: results stay for the same programs in the same world, whatever else changes, and for no other.
func TestCacheOfAnotherBuilder(t *testing.T) {
	m := testManager(t, time.Minute)
	spec := Spec{Name: "a", World: World{Root: RootHost}, CacheBytes: 1 << 30}
	kept := filepath.Join(m.Dir, "a", "root", "result")
	again := func(when string, wantKept bool) {
		t.Helper()
		l, err := m.Acquire(t.Context(), spec)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Release()
		if _, err := os.Stat(kept); (err == nil) != wantKept {
			t.Errorf("%s: kept %t, want %t", when, err == nil, wantKept)
		}
		if err := os.WriteFile(kept, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	again("at first", false)
	spec.CacheBytes = 2 << 30
	again("another limit", true)
	if err := m.Stop(t.Context(), "a", false); err != nil {
		t.Fatal(err)
	}
	again("started anew", true)
	spec.World.ClockOffset = time.Hour
	again("another clock", false)
	vary := filepath.Join(t.TempDir(), "selfsame-vary") // the same program, which nobody can know
	data, err := os.ReadFile(m.Binaries.Vary)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(vary, data, 0o755); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	m.Binaries.Vary = vary
	again("another tracer", false)
}

func TestIdleBuilderEnds(t *testing.T) {
	m := testManager(t, 2*time.Second)
	l, err := m.Acquire(context.Background(), Spec{Name: "a", World: World{Root: RootHost}})
	if err != nil {
		t.Fatal(err)
	}
	pid := list(t, m)[0].PID
	time.Sleep(4 * time.Second)
	if !alive(pid) {
		t.Fatal("the builder ended while it was leased")
	}
	l.Release()
	waitGone(t, pid)
}

func TestKilledSupervisorLeavesNothing(t *testing.T) {
	m := testManager(t, time.Minute)
	for _, w := range []World{{Root: RootHost}, elsewhere} {
		l, err := m.Acquire(context.Background(), Spec{Name: "k", World: w})
		if err != nil {
			t.Fatal(err)
		}
		pid := list(t, m)[0].PID
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		waitGone(t, pid)
		l.Release()
		deadline := time.Now().Add(10 * time.Second)
		for len(processesOf(t, m.Dir)) > 0 {
			if time.Now().After(deadline) {
				t.Fatalf("processes are left: %v", processesOf(t, m.Dir))
			}
			time.Sleep(50 * time.Millisecond)
		}
		if again, err := m.Acquire(context.Background(), Spec{Name: "k", World: w}); err != nil {
			t.Fatalf("after a kill: %v", err)
		} else {
			again.Release()
		}
	}
}

func TestMissingDaemonSaysWhatToDo(t *testing.T) {
	m := testManager(t, time.Minute)
	m.Binaries.Runc = "/does/not/exist"
	_, err := m.Acquire(context.Background(), Spec{Name: "a"})
	if err == nil || !strings.Contains(err.Error(), "/does/not/exist") {
		t.Errorf("got %v, want an error that names the missing program", err)
	}
}

func alive(pid int) bool { _, err := startTime(pid); return err == nil }

func waitGone(t *testing.T, pid int) {
	t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	for alive(pid) {
		if time.Now().After(deadline) {
			t.Fatalf("process %d is still there", pid)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// processesOf lists processes whose command line names dir.
func processesOf(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		data, err := os.ReadFile("/proc/" + e.Name() + "/cmdline")
		if err == nil && strings.Contains(string(data), dir) {
			out = append(out, e.Name()+" "+strings.ReplaceAll(string(data), "\x00", " "))
		}
	}
	return out
}
