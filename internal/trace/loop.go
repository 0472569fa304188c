//go:build linux

package trace

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// tracer is the state of one run. Only the loop's thread touches it, except for the journal.
type tracer struct {
	journal
	abis    []abi
	seconds int64
	hide    bool
	names   []edit // what uname's answer is overwritten with, by offset in struct utsname
	native  plan   // for programs of this machine's own class
	others  map[kind]*plan
	// exits holds what remains to be done when a call returns, by thread. A thread that ends or execs meanwhile leaves it.
	exits map[int]exitWork
}

func newTracer(o Options) (*tracer, error) {
	t := &tracer{abis: o.covered(runtime.GOARCH), seconds: o.seconds(), hide: o.HideVDSO, others: map[kind]*plan{}, exits: map[int]exitWork{}}
	if len(t.abis) == 0 {
		return nil, fmt.Errorf("no tracer for %s", runtime.GOARCH)
	}
	for _, name := range []struct {
		at   int
		text string
	}{{utsRelease, o.KernelRelease}, {utsVersion, o.KernelVersion}} {
		if name.text != "" {
			t.names = append(t.names, edit{name.at, append([]byte(name.text), make([]byte, nameLength-len(name.text))...)})
		}
	}
	if t.seconds == 0 {
		return t, nil
	}
	image, err := ownVDSO()
	if err != nil {
		return nil, err
	}
	t.native = planFor(image, t.seconds, t.hide)
	return t, nil
}

// loop handles stops until root has ended.
func (t *tracer) loop(root int) (Result, error) {
	for {
		t.working.Store(false)
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, unix.WALL, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return Result{}, fmt.Errorf("waiting for the command: %w", err)
		}
		t.stops.Add(1)
		t.working.Store(true)
		switch {
		case status.Stopped():
			t.stopped(pid, status)
		case status.Exited() || status.Signaled():
			delete(t.exits, pid)
			if pid == root {
				return ended(status), nil
			}
		}
	}
}

func ended(status unix.WaitStatus) Result {
	if status.Signaled() {
		return Result{Signal: status.Signal()}
	}
	return Result{ExitCode: status.ExitStatus()}
}

// stopped does what a stop is for and lets the thread run on.
func (t *tracer) stopped(pid int, status unix.WaitStatus) {
	signal, event := status.StopSignal(), int(status)>>16
	switch {
	case event == unix.PTRACE_EVENT_SECCOMP:
		t.call(pid)
	case signal == unix.SIGTRAP|0x80: // TRACESYSGOOD marks the return from a call so
		t.returned(pid)
	case event == unix.PTRACE_EVENT_EXEC:
		t.execed(pid)
		resume(unix.PTRACE_CONT, pid, 0)
	case event == ptraceEventStop && isJobStop(signal):
		// The whole process was stopped. LISTEN keeps it stopped, but lets SIGCONT wake it.
		resume(unix.PTRACE_LISTEN, pid, 0)
	case event != 0: // born, forked, cloned, or woken
		resume(unix.PTRACE_CONT, pid, 0)
	default: // a signal is about to arrive; it does, with the details it was sent with
		resume(unix.PTRACE_CONT, pid, signal)
	}
}

func isJobStop(s unix.Signal) bool {
	return s == unix.SIGSTOP || s == unix.SIGTSTP || s == unix.SIGTTIN || s == unix.SIGTTOU
}
