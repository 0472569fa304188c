//go:build linux

package trace

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// entry is what the tracer tells the process that becomes the command.
type entry struct {
	Command []string          `json:"command"`
	CPUs    []int             `json:"cpus,omitempty"`
	Fixed   bool              `json:"fixed,omitempty"`
	Filter  []unix.SockFilter `json:"filter"`
}

// entryFD is the socket over which the tracer gets the filter's listener.
const entryFD = 3

// The exit codes of `selfsame-vary run` that are not the command's own, as env(1) and docker run have them.
const (
	ExitWorld     = 125 // the world could not be made
	ExitNotRun    = 126 // the command cannot be executed
	ExitNotFound  = 127 // there is no such command
	ExitSignalled = 128 // plus the number of the signal that ended the command
)

// Enter is the first half of the command's life, in a process of its own: it narrows its CPUs, installs the filter, hands its
// listener to the tracer and becomes the command. It returns only on failure, with the exit code to use.
func Enter(text string) (exit int, err error) {
	runtime.LockOSThread() // the filter and the mask belong to one thread, and that thread must be the one that execs
	var e entry
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		return ExitWorld, fmt.Errorf("reading entry: %w", err)
	}
	path, err := exec.LookPath(e.Command[0])
	if errors.Is(err, exec.ErrDot) {
		err = nil
	}
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, os.ErrNotExist) {
		return ExitNotFound, err
	} else if err != nil {
		return ExitNotRun, err
	}
	if err := setAffinity(e.CPUs); err != nil {
		return ExitWorld, err
	}
	if e.Fixed {
		fixAddresses()
	}
	if err := hand(e.Filter); err != nil {
		return ExitWorld, err
	}
	err = unix.Exec(path, e.Command, os.Environ())
	if errors.Is(err, unix.ENOENT) {
		return ExitNotFound, fmt.Errorf("starting %s: %w", path, err)
	}
	return ExitNotRun, fmt.Errorf("starting %s: %w", path, err)
}

// addrNoRandomize is ADDR_NO_RANDOMIZE of personality(2).
const addrNoRandomize = 0x0040000

// fixAddresses changes this thread's personality, which every program started from it inherits. A container's seccomp profile may forbid
// it; that is no reason to fail, because who needs to know measures it.
func fixAddresses() {
	const ask = 0xffffffff
	if flags, _, errno := unix.RawSyscall(unix.SYS_PERSONALITY, ask, 0, 0); errno == 0 {
		_, _, _ = unix.RawSyscall(unix.SYS_PERSONALITY, flags|addrNoRandomize, 0, 0)
	}
}

// hand installs the filter and gives its listener to the tracer, with one byte that says whether new privileges were given up.
func hand(code []unix.SockFilter) error {
	unix.CloseOnExec(entryFD)
	calls, gaveUp, err := install(code)
	if err != nil {
		return err
	}
	text := []byte{0}
	if gaveUp {
		text[0] = 1
	}
	if err := unix.Sendmsg(entryFD, text, unix.UnixRights(calls), nil, 0); err != nil {
		return fmt.Errorf("handing the filter's listener over: %w", err)
	}
	return errors.Join(unix.Close(calls), unix.Close(entryFD))
}

// install puts the filter on this thread and returns its listener. Root needs no "no new privileges", so programs that gain privilege by
// their mode (sudo, su) go on to work; others must give that up. SPEC_ALLOW keeps the kernel from slowing all code below by a mitigation
// that is meant for untrusted code. With WAIT_KILLABLE_RECV (Linux 5.19) no signal but one that kills interrupts a call that the tracer has
// read: a program should not see EINTR where there is none in its own world.
func install(code []unix.SockFilter) (calls int, gaveUp bool, err error) {
	program := unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]}
	flags := uintptr(unix.SECCOMP_FILTER_FLAG_NEW_LISTENER | unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW | unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV)
	for {
		fd, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&program)))
		switch {
		case errno == 0:
			return int(fd), gaveUp, nil
		case errno == unix.EINVAL && flags&unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV != 0:
			flags &^= unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
		case errno == unix.EACCES && !gaveUp:
			if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
				return 0, false, fmt.Errorf("giving up new privileges: %w", err)
			}
			gaveUp = true
		case errno == unix.EBUSY:
			return 0, false, errors.New("installing the filter: another supervisor already answers the system calls of this process (seccomp_unotify)")
		default:
			return 0, false, fmt.Errorf("installing the filter (needs Linux 5.5): %w", errno)
		}
	}
}

// LowestCPUs returns the n lowest CPUs that this process may use, nil for n = 0: numbered from 0, as programs expect.
func LowestCPUs(n int) ([]int, error) {
	if n == 0 {
		return nil, nil
	}
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil, fmt.Errorf("reading the CPU mask: %w", err)
	}
	var cpus []int
	for cpu := 0; cpu < len(set)*64 && len(cpus) < n; cpu++ {
		if set.IsSet(cpu) {
			cpus = append(cpus, cpu)
		}
	}
	if len(cpus) < n {
		return nil, fmt.Errorf("cpus %d: only %d can be used", n, len(cpus))
	}
	return cpus, nil
}

// setAffinity confines the calling thread to cpus; none leaves it alone.
func setAffinity(cpus []int) error {
	if len(cpus) == 0 {
		return nil
	}
	var set unix.CPUSet
	for _, cpu := range cpus {
		set.Set(cpu)
	}
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("setting the CPU mask: %w", err)
	}
	return nil
}
