//go:build linux

package trace

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// argumentRegisters holds the offsets into struct user of <sys/user.h>, which PTRACE_POKEUSR takes, of the registers that carry the
// arguments of a call, by its ABI. They are the same for 32-bit programs, whose registers are the low halves.
var argumentRegisters = map[uint32][6]uintptr{
	archX86:  {112, 104, 96, 56, 72, 64}, // rdi rsi rdx r10 r8 r9
	archI386: {40, 88, 96, 104, 112, 32}, // ebx ecx edx esi edi ebp
}

// getRegisters and setRegisters use the requests that speak of 64-bit registers for a 32-bit program too; those for register sets, which
// golang.org/x/sys uses, do not.
func getRegisters(pid int, regs *unix.PtraceRegs) bool {
	return ptrace(unix.PTRACE_GETREGS, pid, 0, uintptr(unsafe.Pointer(regs))) == 0
}

func setRegisters(pid int, regs *unix.PtraceRegs) bool {
	return ptrace(unix.PTRACE_SETREGS, pid, 0, uintptr(unsafe.Pointer(regs))) == 0
}

// setArgument replaces argument i of the call that pid is to make.
func setArgument(pid int, arch uint32, i int, value uint64) bool {
	return ptrace(unix.PTRACE_POKEUSR, pid, argumentRegisters[arch][i], uintptr(value)) == 0
}

// rewind makes pid, stopped on its way out of call c, make that call again: the instruction has two bytes, and no call is under way any
// more that the kernel could want to restart by itself. ok is false, and nothing is changed, when the thread is anywhere else: in a
// signal's handler, or another program that has its number now.
func rewind(pid int, c call) (ok bool) {
	var regs unix.PtraceRegs
	if !getRegisters(pid, &regs) || regs.Rip != c.ip || int32(regs.Orig_rax) != c.nr {
		return false
	}
	if result := -int32(regs.Rax); result != int32(restart) && result != int32(restartSignal) {
		return false
	}
	regs.Rip -= callSize
	regs.Rax, regs.Orig_rax = uint64(c.nr), ^uint64(0)
	return setRegisters(pid, &regs)
}

// setResult replaces what the call that pid is on its way out of returns.
func setResult(pid int, value int64) {
	var regs unix.PtraceRegs
	if getRegisters(pid, &regs) {
		regs.Rax = uint64(value)
		setRegisters(pid, &regs)
	}
}

// borrow sets the registers of pid, stopped outside of a call, so that it makes call nr at the instruction it stands at.
func borrow(pid int, nr uint64, args []uint64) (saved unix.PtraceRegs, ok bool) {
	if !getRegisters(pid, &saved) {
		return saved, false
	}
	regs := saved
	regs.Rax, regs.Orig_rax = nr, ^uint64(0)
	for i, to := range []*uint64{&regs.Rdi, &regs.Rsi, &regs.Rdx, &regs.R10, &regs.R8, &regs.R9} {
		if i < len(args) {
			*to = args[i]
		}
	}
	return saved, setRegisters(pid, &regs)
}

// giveBack restores what borrow saved.
func giveBack(pid int, saved unix.PtraceRegs) bool { return setRegisters(pid, &saved) }

// result is what a call returned to pid, stopped on its way out.
func result(pid int) uint64 {
	var regs unix.PtraceRegs
	if !getRegisters(pid, &regs) {
		return ^uint64(0)
	}
	return regs.Rax
}
