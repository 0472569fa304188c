//go:build linux

package trace

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

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
// Call it from the process's first thread, to which the kernel gives the processes that lost their parent, and from a goroutine that is
// locked to it. Where this process is the first of a PID namespace (builder B's is), its end by whatever cause is everybody's; elsewhere
// a tracer that is killed takes only the command itself with it.
func Run(o Options, signals <-chan os.Signal) (Result, error) {
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
	signal.Notify(t.deaths, unix.SIGCHLD)
	if err := errors.Join(quietChildSignal(), adoptOrphans()); err != nil {
		return Result{}, err
	}
	t.child, err = t.start(entry{o.Command, cpus, o.FixedAddresses, filter(t.abis, t.annex)}, o.Enter)
	if err != nil {
		return Result{}, err
	}
	if o.Pin {
		t.pin = cpus
		if err := setAffinity(cpus); err != nil {
			return Result{}, err
		}
	}
	return t.follow(o, signals)
}

// follow passes signals on, reports, and runs the loop until the command has ended.
func (t *tracer) follow(o Options, signals <-chan os.Signal) (Result, error) {
	base := Status{Child: t.child, ClockOffsetSeconds: o.seconds(), VDSO: VDSOHide}
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
					_ = unix.Kill(t.child, s)
				}
			case <-done:
				return
			}
		}
	}()
	if t.listener >= 0 {
		go t.attend()
	}
	result, err := t.wait()
	beat.end(result, err)
	return result, err
}

// wait reaps the processes that lost their parent until the command has ended, and kills what it left.
func (t *tracer) wait() (Result, error) {
	defer killOrphans()
	var failure error
	for {
		if status := t.childEnded.Load(); status != nil {
			return resultOf(*status), failure
		}
		status, pid, blocked, err := reap()
		switch {
		case err != nil && !errors.Is(err, unix.ECHILD): // no child: an attendant has seen it end and is about to say so
			return Result{}, fmt.Errorf("waiting for the command: %w", err)
		case blocked:
			time.Sleep(time.Millisecond)
		case pid == t.child:
			return resultOf(status), failure
		case pid == 0:
			select {
			case <-t.deaths:
			case failure = <-t.failed:
				_ = unix.Kill(t.child, unix.SIGKILL)
			}
		}
	}
}

func resultOf(status unix.WaitStatus) Result {
	if status.Signaled() {
		return Result{Signal: status.Signal()}
	}
	return Result{ExitCode: status.ExitStatus()}
}

// start makes the process that becomes the command and receives its filter's listener. There is none when it ended before it had one;
// its exit code says why. Should the tracer be killed, the command is killed too.
func (t *tracer) start(e entry, enter []string) (child int, err error) {
	text, err := json.Marshal(e)
	if err != nil {
		return 0, fmt.Errorf("encoding entry: %w", err)
	}
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("making a socket: %w", err)
	}
	defer unix.Close(ends[0])
	argv := append(append([]string(nil), enter...), string(text))
	child, err = syscall.ForkExec(argv[0], argv, &syscall.ProcAttr{Env: os.Environ(), Files: []uintptr{0, 1, 2, uintptr(ends[1])},
		Sys: &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}})
	_ = unix.Close(ends[1])
	if err != nil {
		return 0, fmt.Errorf("starting %s: %w", argv[0], err)
	}
	t.listener, err = t.receive(ends[0])
	if err != nil {
		_ = unix.Kill(child, unix.SIGKILL)
		return 0, err
	}
	return child, nil
}

// receive takes the listener and the byte that comes with it (hand). It returns -1 when the other end was closed first.
func (t *tracer) receive(socket int) (listener, error) {
	text, rights := make([]byte, 1), make([]byte, unix.CmsgSpace(4))
	n, size, _, _, err := unix.Recvmsg(socket, text, rights, unix.MSG_CMSG_CLOEXEC)
	for err == unix.EINTR {
		n, size, _, _, err = unix.Recvmsg(socket, text, rights, unix.MSG_CMSG_CLOEXEC)
	}
	if err == nil && n == 0 {
		return -1, nil
	}
	var messages []unix.SocketControlMessage
	var files []int
	if err == nil {
		messages, err = unix.ParseSocketControlMessage(rights[:size])
	}
	if err == nil && len(messages) == 1 {
		files, err = unix.ParseUnixRights(&messages[0])
	}
	if err != nil || len(files) != 1 {
		return -1, fmt.Errorf("receiving the filter's listener: %w", errors.Join(err, errNoListener))
	}
	t.noNewPrivs.Store(text[0] == 1)
	l := listener(files[0])
	l.wakeHere()
	return l, nil
}

var errNoListener = errors.New("it did not come")

// errNoSelf is the failure to read this process's own vDSO.
var errNoSelf = errors.New("reading this process's vDSO")
