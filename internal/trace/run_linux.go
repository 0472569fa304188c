//go:build linux

package trace

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// Result is how the command ended: by a signal, or with an exit code.
type Result struct {
	ExitCode int
	Signal   syscall.Signal // 0: it exited
}

// Run runs the command in the other world and returns when it has ended; what it left running is killed. Signals sent on the
// channel are passed to the command. An error means that the world could not be made or kept, and says nothing about the
// command; the command is then dead too.
//
// Run binds itself to its OS thread for good, because a tracee belongs to one thread: call it from a goroutine that does nothing
// else afterwards.
func Run(o Options, signals <-chan os.Signal) (Result, error) {
	runtime.LockOSThread()
	if err := o.check(); err != nil {
		return Result{}, err
	}
	t, err := newTracer(o)
	if err != nil {
		return Result{}, err
	}
	cpus, err := LowestCPUs(o.CPUs)
	if err != nil {
		return Result{}, err
	}
	if err := quietChildSignal(); err != nil {
		return Result{}, err
	}
	child, err := t.start(entry{o.Command, cpus, filter(t.abis)}, o.Enter)
	if err != nil {
		return Result{}, err
	}
	if o.Pin {
		if err := setAffinity(cpus); err != nil {
			return Result{}, err
		}
	}
	return t.follow(child, o, signals)
}

// follow passes signals on, reports, and runs the loop until the command has ended.
func (t *tracer) follow(child int, o Options, signals <-chan os.Signal) (Result, error) {
	base := Status{Child: child, ClockOffsetSeconds: o.seconds(), VDSO: VDSOHide}
	if t.native.redirect {
		base.VDSO = VDSORedirect
	}
	beat := newHeartbeat(&t.journal, base, o.Beat, o.OnStatus)
	done := make(chan struct{})
	defer close(done)
	go func() {
		for {
			select {
			case s := <-signals:
				if s, ok := s.(syscall.Signal); ok {
					_ = unix.Kill(child, s)
				}
			case <-done:
				return
			}
		}
	}()
	result, err := t.loop(child)
	beat.end(result, err)
	return result, err
}

// start makes the process that becomes the command, takes hold of it while it waits, and lets it go on.
func (t *tracer) start(e entry, enter []string) (child int, err error) {
	text, err := json.Marshal(e)
	if err != nil {
		return 0, fmt.Errorf("encoding entry: %w", err)
	}
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		return 0, fmt.Errorf("making a pipe: %w", err)
	}
	defer unix.Close(pipe[1])
	files := []uintptr{0, 1, 2, uintptr(pipe[0])}
	argv := append(append([]string(nil), enter...), string(text))
	child, err = syscall.ForkExec(argv[0], argv, &syscall.ProcAttr{Env: os.Environ(), Files: files})
	_ = unix.Close(pipe[0])
	if err != nil {
		return 0, fmt.Errorf("starting %s: %w", argv[0], err)
	}
	if errno := ptrace(unix.PTRACE_SEIZE, child, 0, seizeOptions); errno != 0 {
		_ = unix.Kill(child, unix.SIGKILL)
		return 0, fmt.Errorf("tracing the command: %w", errno)
	}
	if _, err := unix.Write(pipe[1], []byte{1}); err != nil {
		return 0, fmt.Errorf("waking the command: %w", err)
	}
	return child, nil
}

// errNoSelf is the failure to read this process's own vDSO.
var errNoSelf = errors.New("reading this process's vDSO")
