//go:build linux

package trace

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Requests and values that golang.org/x/sys does not name (<linux/ptrace.h>).
const (
	ptraceGetSyscallInfo = 0x420e
	ptraceEventStop      = 128
)

// syscallInfo is struct ptrace_syscall_info. At the way out of a call nr holds the return value.
type syscallInfo struct {
	op      uint8
	_       [3]uint8
	arch    uint32
	ip, sp  uint64
	nr      uint64
	args    [6]uint64
	retData uint32
	_       uint32
}

// ptrace makes one request. It is a raw call, because the kernel answers at once and the scheduler need not hear of it.
func ptrace(request, pid int, addr, data uintptr) unix.Errno {
	_, _, errno := unix.RawSyscall6(unix.SYS_PTRACE, uintptr(request), uintptr(pid), addr, data, 0, 0)
	return errno
}

// seize takes hold of a thread without stopping it. It may wait for an exec of the thread's process, so the scheduler must hear of it.
func seize(pid int) unix.Errno {
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_SEIZE, uintptr(pid), 0, holdOptions, 0, 0)
	return errno
}

func getSyscallInfo(pid int, info *syscallInfo) unix.Errno {
	return ptrace(ptraceGetSyscallInfo, pid, unsafe.Sizeof(*info), uintptr(unsafe.Pointer(info)))
}

// readMemory and writeMemory move bytes of a waiting thread's memory as that thread could itself: a page it may not write is
// not written. ok is false unless all bytes moved.
func readMemory(pid int, at uint64, buf []byte) (ok bool) {
	return moveMemory(unix.SYS_PROCESS_VM_READV, pid, at, buf)
}

func writeMemory(pid int, at uint64, buf []byte) (ok bool) {
	return moveMemory(unix.SYS_PROCESS_VM_WRITEV, pid, at, buf)
}

func moveMemory(call uintptr, pid int, at uint64, buf []byte) bool {
	local := unix.Iovec{Base: &buf[0], Len: uint64(len(buf))}
	remote := unix.RemoteIovec{Base: uintptr(at), Len: len(buf)}
	n, _, errno := unix.Syscall6(call, uintptr(pid), uintptr(unsafe.Pointer(&local)), 1, uintptr(unsafe.Pointer(&remote)), 1, 0)
	return errno == 0 && int(n) == len(buf)
}
