//go:build linux

package trace

import "golang.org/x/sys/unix"

// Offsets into struct user of <sys/user.h>, which PTRACE_POKEUSR takes; the same for 32-bit tracees, whose registers are the
// low halves.
const (
	userRAX     = 80
	userOrigRAX = 120
)

// argumentRegisters holds the offsets of the registers that carry the arguments of a call, by its ABI.
var argumentRegisters = map[uint32][6]uintptr{
	archX86:  {112, 104, 96, 56, 72, 64}, // rdi rsi rdx r10 r8 r9
	archI386: {40, 88, 96, 104, 112, 32}, // ebx ecx edx esi edi ebp
}

// setArgument replaces argument i of the call at which pid is stopped.
func setArgument(pid int, arch uint32, i int, value uint64) bool {
	return ptrace(unix.PTRACE_POKEUSR, pid, argumentRegisters[arch][i], uintptr(value)) == 0
}

// answerCall makes the kernel skip the call at which pid is stopped and return result. A negative number is no call, and what
// then stands in rax is what the program gets.
func answerCall(pid int, result int64) bool {
	return ptrace(unix.PTRACE_POKEUSR, pid, userOrigRAX, ^uintptr(0)) == 0 &&
		ptrace(unix.PTRACE_POKEUSR, pid, userRAX, uintptr(result)) == 0
}
