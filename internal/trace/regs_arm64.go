//go:build linux

package trace

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	ntPrstatus   = 1     // NT_PRSTATUS
	ntARMSyscall = 0x404 // NT_ARM_SYSTEM_CALL: the number of the call at which the thread is stopped
)

func registerSet(request, pid int, set uintptr, data unsafe.Pointer, size uint64) bool {
	iov := unix.Iovec{Base: (*byte)(data), Len: size}
	return ptrace(request, pid, set, uintptr(unsafe.Pointer(&iov))) == 0
}

// setRegister replaces x0 to x5, which carry the arguments of a call, and x0 its result.
func setRegister(pid, i int, value uint64) bool {
	var regs unix.PtraceRegs
	size := uint64(unsafe.Sizeof(regs))
	if !registerSet(unix.PTRACE_GETREGSET, pid, ntPrstatus, unsafe.Pointer(&regs), size) {
		return false
	}
	regs.Regs[i] = value
	return registerSet(unix.PTRACE_SETREGSET, pid, ntPrstatus, unsafe.Pointer(&regs), size)
}

// setArgument replaces argument i of the call at which pid is stopped.
func setArgument(pid int, _ uint32, i int, value uint64) bool { return setRegister(pid, i, value) }

// answerCall makes the kernel skip the call at which pid is stopped and return result.
func answerCall(pid int, result int64) bool {
	none := int32(-1)
	return registerSet(unix.PTRACE_SETREGSET, pid, ntARMSyscall, unsafe.Pointer(&none), 4) && setRegister(pid, 0, uint64(result))
}
