//go:build linux

package trace

import "golang.org/x/sys/unix"

// argumentRegisters holds the offsets into struct user of <sys/user.h>, which PTRACE_POKEUSR takes, of the registers that carry the
// arguments of a call, by its ABI. They are the same for 32-bit programs, whose registers are the low halves.
var argumentRegisters = map[uint32][6]uintptr{
	archX86:  {112, 104, 96, 56, 72, 64}, // rdi rsi rdx r10 r8 r9
	archI386: {40, 88, 96, 104, 112, 32}, // ebx ecx edx esi edi ebp
}

// setArgument replaces argument i of the call that pid is to make.
func setArgument(pid int, arch uint32, i int, value uint64) bool {
	return ptrace(unix.PTRACE_POKEUSR, pid, argumentRegisters[arch][i], uintptr(value)) == 0
}

// rewind makes pid, stopped on its way out of call nr, make that call again: the instruction has two bytes, and no call is under way
// any more that the kernel could want to restart by itself.
func rewind(pid int, nr int32) bool {
	var regs unix.PtraceRegs
	if unix.PtraceGetRegs(pid, &regs) != nil {
		return false
	}
	regs.Rip -= 2
	regs.Rax, regs.Orig_rax = uint64(nr), ^uint64(0)
	return unix.PtraceSetRegs(pid, &regs) == nil
}

// borrow sets the registers of pid, stopped outside of a call, so that it makes call nr at the instruction it stands at.
func borrow(pid int, nr uint64, args []uint64) (saved unix.PtraceRegs, ok bool) {
	if unix.PtraceGetRegs(pid, &saved) != nil {
		return saved, false
	}
	regs := saved
	regs.Rax, regs.Orig_rax = nr, ^uint64(0)
	for i, to := range []*uint64{&regs.Rdi, &regs.Rsi, &regs.Rdx, &regs.R10, &regs.R8, &regs.R9} {
		if i < len(args) {
			*to = args[i]
		}
	}
	return saved, unix.PtraceSetRegs(pid, &regs) == nil
}

// giveBack restores what borrow saved.
func giveBack(pid int, saved unix.PtraceRegs) bool { return unix.PtraceSetRegs(pid, &saved) == nil }

// result is what a call returned to pid, stopped on its way out.
func result(pid int) uint64 {
	var regs unix.PtraceRegs
	if unix.PtraceGetRegs(pid, &regs) != nil {
		return ^uint64(0)
	}
	return regs.Rax
}
