//go:build linux

package trace

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// mostThreads is how many threads of one process are stopped for a change.
	mostThreads = 1024
	// freezeTimeout bounds the wait for them.
	freezeTimeout = 100 * time.Millisecond
)

// freezer stops the other threads of pid's process, so that none runs the bytes that are being changed.
type freezer struct {
	*attendant
	pid     int
	running []int // held, and not stopped yet
	stops   []stop
}

// freeze must be followed by thaw, whether there was an error or not.
func (f *freezer) freeze() error {
	for range 8 { // a thread that was not seen may have made another
		added, err := f.seizeAll()
		if err == nil && added == 0 {
			return nil
		}
		if err == nil {
			err = f.await()
		}
		if err != nil {
			return err
		}
	}
	return errLater
}

func (f *freezer) seizeAll() (added int, err error) {
	entries, err := os.ReadDir(procPath(f.pid, "/task"))
	if err != nil || len(entries) > mostThreads {
		return 0, errors.Join(errKept, err)
	}
	for _, e := range entries {
		tid, err := strconv.Atoi(e.Name())
		if err != nil || tid == f.pid || f.has(tid) {
			continue
		}
		if sleepsLightly(tid) {
			return 0, errLater
		}
		g, ok := f.take(tid)
		if !ok {
			return 0, errLater
		}
		errno := seize(tid)
		if errno == 0 {
			ptrace(unix.PTRACE_INTERRUPT, tid, 0, 0)
			f.running = append(f.running, tid)
			added++
		}
		close(g.interrupted)
		if errno != 0 {
			f.drop(tid)
			if errno != unix.ESRCH {
				return 0, errLater
			}
		}
	}
	return added, nil
}

// lightSleep are the x86-64 calls that end with EINTR when their thread is stopped, whatever the program asked for (signal(7)).
var lightSleep = []string{
	"232", "281", "441", // epoll_wait, epoll_pwait, epoll_pwait2
	"128", "65", "220", "208", // rt_sigtimedwait, semop, semtimedop, io_getevents
	"42", "43", "288", "44", "45", "46", "47", "299", "307", // sockets with a timeout: connect, accept, accept4, send…, recv…, …mmsg
}

// sleepsLightly says whether a thread would notice that it is stopped.
func sleepsLightly(tid int) bool {
	text, err := os.ReadFile(procPath(tid, "/syscall"))
	nr, _, _ := strings.Cut(string(text), " ")
	return err == nil && slices.Contains(lightSleep, nr)
}

// filtersItself says whether a process has put a filter of its own on itself: it may not let the calls through that a change takes.
func filtersItself(pid int) bool {
	parent, ok := statusField(pid, "PPid")
	above, err := strconv.Atoi(parent)
	if !ok || err != nil || above == 0 {
		return false
	}
	inherited, own := filters(above), filters(pid)
	if above == os.Getpid() {
		inherited++ // the tracer's filter
	}
	return inherited != own
}

// filters is how many seccomp filters a process has (Linux 5.9; 0 where the kernel does not say).
func filters(pid int) int {
	n, _ := statusField(pid, "Seccomp_filters")
	count, _ := strconv.Atoi(n)
	return count
}

func (f *freezer) has(tid int) bool {
	return slices.Contains(f.running, tid) || slices.ContainsFunc(f.stops, func(s stop) bool { return s.pid == tid })
}

// await waits for the threads that are to stop. One that waits in the kernel for a child of its own (vfork) does not.
func (f *freezer) await() error {
	for deadline := time.Now().Add(freezeTimeout); len(f.running) > 0; {
		s, err := f.event(unix.WNOHANG)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return fmt.Errorf("waiting for threads: %w", errors.Join(errLater, err))
		case s.pid == 0 && time.Now().After(deadline):
			return errLater
		case s.pid == 0:
			time.Sleep(50 * time.Microsecond)
		default:
			f.running = slices.DeleteFunc(f.running, func(r int) bool { return r == s.pid })
			f.stops = append(f.stops, s)
		}
	}
	return nil
}

// thaw lets the threads that have stopped run on. One that has not yet may wait for the thread that called; it is let go in the end (finish).
func (f *freezer) thaw() {
	for _, s := range f.stops {
		f.drop(s.pid)
		s.release()
	}
}
