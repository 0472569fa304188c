//go:build linux

package trace

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

const ntPrstatus = 1 // NT_PRSTATUS

func registerSet(request, pid int, set uintptr, data unsafe.Pointer, size uint64) bool {
	iov := unix.Iovec{Base: (*byte)(data), Len: size}
	return ptrace(request, pid, set, uintptr(unsafe.Pointer(&iov))) == 0
}

// setRegister replaces x0 to x5, which carry the arguments of a call.
func setRegister(pid, i int, value uint64) bool {
	var regs unix.PtraceRegs
	size := uint64(unsafe.Sizeof(regs))
	if !registerSet(unix.PTRACE_GETREGSET, pid, ntPrstatus, unsafe.Pointer(&regs), size) {
		return false
	}
	regs.Regs[i] = value
	return registerSet(unix.PTRACE_SETREGSET, pid, ntPrstatus, unsafe.Pointer(&regs), size)
}

// setArgument replaces argument i of the call that pid is to make.
func setArgument(pid int, _ uint32, i int, value uint64) bool { return setRegister(pid, i, value) }

// rewind has nothing to change: on its way out of a call that is to be made again, the kernel sets the registers before it stops. ok is
// false when the thread is anywhere else.
func rewind(pid int, c call) (ok bool) {
	var regs unix.PtraceRegs
	return registerSet(unix.PTRACE_GETREGSET, pid, ntPrstatus, unsafe.Pointer(&regs), uint64(unsafe.Sizeof(regs))) &&
		regs.Pc == c.ip-4 && int32(regs.Regs[8]) == c.nr
}

// setResult replaces what the call that pid is on its way out of returns.
func setResult(pid int, value int64) { setRegister(pid, 0, uint64(value)) }

// Sites are changed on x86-64 only (site.go).

func borrow(int, uint64, []uint64) (saved unix.PtraceRegs, ok bool) { return saved, false }

func giveBack(int, unix.PtraceRegs) bool { return false }

func result(int) uint64 { return ^uint64(0) }
