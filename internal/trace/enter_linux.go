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
	Filter  []unix.SockFilter `json:"filter"`
}

// entryFD is the pipe that says when the tracer holds the process.
const entryFD = 3

// The exit codes of `selfsame-vary run` that are not the command's own, as env(1) and docker run have them.
const (
	ExitWorld     = 125 // the world could not be made
	ExitNotRun    = 126 // the command cannot be executed
	ExitNotFound  = 127 // there is no such command
	ExitSignalled = 128 // plus the number of the signal that ended the command
)

// Enter is the first half of the command's life, in a process of its own: it waits until the tracer holds it, narrows its CPUs,
// installs the filter and becomes the command. It returns only on failure, with the exit code to use.
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
	if n, err := unix.Read(entryFD, make([]byte, 1)); n != 1 {
		return ExitWorld, fmt.Errorf("waiting for the tracer: %w", errors.Join(err, errors.New("it is gone")))
	}
	_ = unix.Close(entryFD)
	if err := setAffinity(e.CPUs); err != nil {
		return ExitWorld, err
	}
	if err := install(e.Filter); err != nil {
		return ExitWorld, err
	}
	err = unix.Exec(path, e.Command, os.Environ())
	if errors.Is(err, unix.ENOENT) {
		return ExitNotFound, fmt.Errorf("starting %s: %w", path, err)
	}
	return ExitNotRun, fmt.Errorf("starting %s: %w", path, err)
}

// install puts the filter on this thread. Root needs no "no new privileges", so programs that gain privilege by their mode
// (sudo, su) go on to work; others must give that up, and the status says so. SPEC_ALLOW keeps the kernel from slowing all
// code below by a mitigation that is meant for untrusted code.
func install(code []unix.SockFilter) error {
	program := unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]}
	call := func() unix.Errno {
		_, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW,
			uintptr(unsafe.Pointer(&program)))
		return errno
	}
	errno := call()
	if errno == unix.EACCES {
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return fmt.Errorf("giving up new privileges: %w", err)
		}
		errno = call()
	}
	if errno != 0 {
		return fmt.Errorf("installing the filter: %w", errno)
	}
	return nil
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
