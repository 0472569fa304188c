package daemon

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/selfsame-build/selfsame/internal/trace"
)

// ourselves is a daemon that runs: this process.
func ourselves(t *testing.T) state {
	t.Helper()
	start, err := startTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	return state{PID: os.Getpid(), Start: start, Daemon: os.Getpid(), DaemonStart: start}
}

func TestPulseOfAHungTracer(t *testing.T) {
	file := filepath.Join(t.TempDir(), "status.json")
	beat := func(beats uint64, busy time.Duration, state string) {
		if err := trace.WriteStatus(file, trace.Status{State: state, Beats: beats, BusyMs: busy.Milliseconds()}); err != nil {
			t.Fatal(err)
		}
	}
	looks := func(p *Pulse, n int) (fresh bool, err error) {
		for ; n > 0 && err == nil; n-- {
			fresh, err = p.Look(time.Second)
		}
		return fresh, err
	}
	wants := func(p *Pulse, n int, word string) {
		t.Helper()
		if _, err := looks(p, n); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("got %v, want %q", err, word)
		}
	}
	p := &Pulse{state: ourselves(t), status: file}
	wants(p, 6, "no sign of life") // no status at all
	p = &Pulse{state: ourselves(t), status: file}
	beat(1, 0, trace.StateRunning)
	if fresh, err := looks(p, 4); fresh || err != nil {
		t.Errorf("one beat, which may be old: fresh %v, %v", fresh, err)
	}
	beat(2, time.Second, trace.StateRunning)
	if fresh, err := looks(p, 1); !fresh || err != nil {
		t.Errorf("another beat: fresh %v, %v", fresh, err)
	}
	wants(p, 6, "no sign of life")
	beat(3, 6*time.Second, trace.StateRunning)
	wants(p, 1, "one system call")
	beat(4, 0, trace.StateExited)
	wants(p, 1, "ended")
	p.state.Start++
	wants(p, 1, "supervisor is gone")
}

// A builder that was stopped while nobody used it is ended and started anew by who wants it next.
func TestStoppedBuilderIsReplaced(t *testing.T) {
	m := testManager(t, time.Minute)
	for name, w := range map[string]World{"plain": {Root: RootHost}, "tracer": elsewhere, "buildkitd": elsewhere} {
		t.Run(name, func(t *testing.T) {
			spec := Spec{Name: "b", World: w}
			l, err := m.Acquire(context.Background(), spec)
			if err != nil {
				t.Fatal(err)
			}
			stopped := l.state.Daemon
			if name == "buildkitd" {
				stopped = childOf(t, l.state.Daemon)
			}
			l.Release()
			if err := syscall.Kill(stopped, syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			for {
				if state, _, err := stat(stopped); err != nil || state == 'T' || state == 't' {
					break
				}
				time.Sleep(time.Millisecond)
			}
			start := time.Now()
			again, err := m.Acquire(context.Background(), spec)
			if err != nil {
				t.Fatal(err)
			}
			defer again.Release()
			if again.state.Daemon == l.state.Daemon || alive(l.state.Daemon) {
				t.Error("the stopped builder is still in use")
			}
			if took := time.Since(start); took > 15*time.Second {
				t.Errorf("replacing it took %s", took)
			}
		})
	}
}

func childOf(t *testing.T, pid int) int {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		data, err := os.ReadFile("/proc/" + e.Name() + "/status")
		if err == nil && strings.Contains(string(data), "\nPPid:\t"+strconv.Itoa(pid)+"\n") {
			n, _ := strconv.Atoi(e.Name())
			return n
		}
	}
	t.Fatalf("process %d has no child", pid)
	return 0
}
