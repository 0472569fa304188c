package trace

import (
	"slices"

	"golang.org/x/sys/unix"
)

// The filter's answers (<linux/seccomp.h>).
const (
	retAllow   = 0x7fff0000 // SECCOMP_RET_ALLOW
	retErrno   = 0x00050000 // SECCOMP_RET_ERRNO
	retNotify  = 0x7fc00000 // SECCOMP_RET_USER_NOTIF: the tracer gives the answer
	ipOffset   = 8          // offset of instruction_pointer in struct seccomp_data
	argsOffset = 16         // and of args
)

// A jump is written as one of these targets, or as a number of instructions to skip, and resolved when its block is complete.
const (
	hit  = 0xff // to the block's answer
	miss = 0xfe // to "allow"
	next = 0
)

// block is the code that decides about one rule; it is entered with the call's number matched and always returns.
type block []unix.SockFilter

func (b *block) load(offset uint32) {
	*b = append(*b, unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset})
}

func (b *block) arg(i int)     { b.load(argsOffset + 8*uint32(i)) }
func (b *block) argHigh(i int) { b.load(argsOffset + 8*uint32(i) + 4) }

func (b *block) mask(k uint32) {
	*b = append(*b, unix.SockFilter{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: k})
}

func (b *block) jump(test uint16, k uint32, yes, no uint8) {
	*b = append(*b, unix.SockFilter{Code: unix.BPF_JMP | test | unix.BPF_K, Jt: yes, Jf: no, K: k})
}

// anyOf hits when the accumulator is one of ks and misses otherwise.
func (b *block) anyOf(ks ...uint32) {
	for i, k := range ks {
		no := uint8(next)
		if i == len(ks)-1 {
			no = miss
		}
		b.jump(unix.BPF_JEQ, k, hit, no)
	}
}

// notNull misses when argument i is 0 in all its 64 bits.
func (b *block) notNull(i int) {
	b.arg(i)
	b.jump(unix.BPF_JEQ, 0, next, 2) // a low half that is not 0 skips the look at the high half
	b.argHigh(i)
	b.jump(unix.BPF_JEQ, 0, miss, next)
}

// close ends the block with its two answers and resolves the jumps to them.
func (b block) close(answer uint32) []unix.SockFilter {
	for i := range b {
		b[i].Jt, b[i].Jf = b.resolve(i, b[i].Jt), b.resolve(i, b[i].Jf)
	}
	ret := uint16(unix.BPF_RET | unix.BPF_K)
	return append(b, unix.SockFilter{Code: ret, K: retAllow}, unix.SockFilter{Code: ret, K: answer})
}

func (b block) resolve(at int, target uint8) uint8 {
	switch target {
	case hit:
		return uint8(len(b) - at)
	case miss:
		return uint8(len(b) - at - 1)
	}
	return target
}

var wallClockIDs = []uint32{clockRealtime, clockRealtimeCoarse, clockTAI, clockRealtimeAlarm}

// fromPage misses when the call's instruction is in the page at base.
func (b *block) fromPage(base uint64) {
	b.load(ipOffset)
	b.mask(^uint32(pageSize - 1))
	b.jump(unix.BPF_JEQ, uint32(base), next, 2)
	b.load(ipOffset + 4)
	b.jump(unix.BPF_JEQ, uint32(base>>32), miss, next)
}

// code is the filter's code for rule r, from the comparison of the call's number (held by the accumulator) on. Where x covers the rule,
// calls of the annex are let through.
func (r rule) code(x *annex) []unix.SockFilter {
	var b block
	if x != nil && slices.Contains(x.rules, r) {
		b.fromPage(x.base)
	}
	switch r.when {
	case always:
		b.jump(unix.BPF_JGE, 0, hit, hit) // always true
	case ifWallClock:
		b.arg(r.clockArg)
		b.anyOf(wallClockIDs...)
	case ifAbsolute:
		b.arg(1)
		b.jump(unix.BPF_JSET, 1, hit, miss)
	case ifWallSleep:
		b.arg(1)
		b.jump(unix.BPF_JSET, 1, next, miss)
		b.arg(0)
		b.anyOf(wallClockIDs...)
	case ifWallFutex:
		b.notNull(r.ptrArg)
		b.arg(1)
		b.mask(futexMask)
		b.anyOf(futexWaitBitset, futexWaitRequeuePI, futexLockPI2, futexLockPI, futexLockPI|futexClockRealtime)
	case ifWallWait:
		b.notNull(r.ptrArg)
		b.arg(r.clockArg)
		b.anyOf(clockRealtime)
	case ifDeadline:
		b.notNull(r.ptrArg)
		b.jump(unix.BPF_JGE, 0, hit, hit) // always true
	case ifTracing:
		b.arg(0)
		b.anyOf(unix.PTRACE_TRACEME, unix.PTRACE_ATTACH, unix.PTRACE_SEIZE)
	}
	return number(r.nr, b.close(r.answer()))
}

// The futex operations whose deadline is absolute and on the wall clock; FUTEX_LOCK_PI's always is. futexMask drops
// FUTEX_PRIVATE_FLAG. FUTEX_WAIT's timeout is relative, whatever its flags.
const (
	futexClockRealtime = 0x100
	futexMask          = 0x7f | futexClockRealtime
	futexLockPI        = 6
	futexWaitBitset    = 9 | futexClockRealtime
	futexWaitRequeuePI = 11 | futexClockRealtime
	futexLockPI2       = 13 | futexClockRealtime
)

// answer is what the filter returns when the rule matters.
func (r rule) answer() uint32 {
	switch r.act {
	case actRefuse:
		return retErrno | uint32(unix.EPERM)
	case actMissing:
		return retErrno | uint32(unix.ENOSYS)
	}
	return retNotify
}

// number guards body by a comparison of the call's number.
func number(nr uint32, body []unix.SockFilter) []unix.SockFilter {
	guard := unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: uint8(len(body)), K: nr}
	return append([]unix.SockFilter{guard}, body...)
}

// filter is the seccomp program for abis. It looks at the architecture before the number, because the numbers of i386 mean
// other calls; the calls of one that it does not know are counted and let through.
func filter(abis []abi, x *annex) []unix.SockFilter {
	load := func(k uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: k}
	}
	ret := func(k uint32) unix.SockFilter { return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: k} }
	prog := []unix.SockFilter{load(4)} // seccomp_data.arch
	for _, a := range abis {
		section := []unix.SockFilter{load(0)} // seccomp_data.nr
		if a.arch == archX86 {
			section = append(section,
				unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K, Jf: 1, K: x32Bit}, ret(retNotify))
		}
		at := x
		if a.arch != archX86 {
			at = nil
		}
		for _, r := range a.rules {
			section = append(section, r.code(at)...)
		}
		section = append(section, ret(retAllow))
		prog = append(prog,
			unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: 1, K: a.arch},
			unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JA, K: uint32(len(section))})
		prog = append(prog, section...)
	}
	return append(prog, ret(retNotify))
}
