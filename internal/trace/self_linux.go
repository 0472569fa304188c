//go:build linux

package trace

import (
	"fmt"
	"os"
	"strings"
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

// hasNoNewPrivs tells whether programs below pid are cut off from gaining privilege by their mode.
func hasNoNewPrivs(pid int) bool {
	text, err := os.ReadFile(procPath(pid, "/status"))
	return err == nil && strings.Contains(string(text), "NoNewPrivs:\t1")
}
