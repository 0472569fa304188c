//go:build linux

package trace

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sigaction is the kernel's struct sigaction (not libc's).
type sigaction struct {
	handler  uintptr
	flags    uint64
	restorer uintptr
	mask     uint64
}

// quietChildSignal tells the kernel to send SIGCHLD for children that ended and not for each that stopped (SA_NOCLDSTOP): a
// tracer's children stop all the time, and each signal would cost as much as the stop. The handler stays the Go runtime's.
func quietChildSignal() error {
	const noChildStop = 1
	var act sigaction
	call := func(set, get *sigaction) error {
		_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(unix.SIGCHLD), uintptr(unsafe.Pointer(set)),
			uintptr(unsafe.Pointer(get)), unsafe.Sizeof(act.mask), 0, 0)
		if errno != 0 {
			return fmt.Errorf("changing the action of SIGCHLD: %w", errno)
		}
		return nil
	}
	if err := call(nil, &act); err != nil {
		return err
	}
	act.flags |= noChildStop
	return call(&act, nil)
}

// adoptOrphans makes this process the parent of every process below it that loses its own, so that they can be ended with the command.
func adoptOrphans() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("becoming the parent of orphans: %w", err)
	}
	return nil
}

// reap takes leave of a child of this thread that has ended; pid is 0 when there is none now. A child that an attendant holds is this
// process's twice, and a wait here would take its stops away; so it looks before it takes. blocked is true when such a stop was in the way.
func reap() (status unix.WaitStatus, pid int, blocked bool, err error) {
	var seen unix.Siginfo
	for {
		err = unix.Waitid(unix.P_ALL, 0, &seen, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT|unix.WALL|unix.WNOTHREAD, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		pid = int(*(*int32)(unsafe.Add(unsafe.Pointer(&seen), siginfoPID)))
		if err != nil || pid == 0 {
			return 0, 0, false, err
		}
		if seen.Code != cldExited && seen.Code != cldKilled && seen.Code != cldDumped {
			return 0, 0, true, nil
		}
		pid, err = unix.Wait4(pid, &status, unix.WNOHANG|unix.WALL|unix.WNOTHREAD, nil)
		if err == nil && pid != 0 {
			return status, pid, false, nil
		} // else an attendant was faster
	}
}

// How a child ended, in si_code, and where si_pid is in siginfo_t.
const (
	cldExited  = 1
	cldKilled  = 2
	cldDumped  = 3
	siginfoPID = 16
)

// killOrphans kills this process's children, and theirs, which become its own, until there is none. One that the kernel does not let die
// (it waits for a device) is left to it.
func killOrphans() {
	self := os.Getpid()
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); {
		for _, pid := range children(self) {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
		var status unix.WaitStatus
		switch pid, err := unix.Wait4(-1, &status, unix.WALL|unix.WNOTHREAD|unix.WNOHANG, nil); {
		case err == unix.ECHILD:
			return
		case pid == 0:
			time.Sleep(time.Millisecond)
		}
	}
}

// children returns the processes whose parent is pid.
func children(pid int) []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var found []int
	for _, e := range entries {
		child, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if parent, ok := statusField(child, "PPid"); ok && parent == strconv.Itoa(pid) {
			found = append(found, child)
		}
	}
	return found
}
