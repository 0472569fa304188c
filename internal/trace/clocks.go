//go:build linux

package trace

import (
	"golang.org/x/sys/unix"
)

// answerClock answers a clock call instead of the kernel: one stop, where letting it run and correcting it would take two.
func (t *tracer) answerClock(pid int, r rule, info *syscallInfo) {
	t.clock.Add(1)
	id := int32(clockRealtime)
	if r.act == actClockGettime {
		id = int32(info.args[0])
	}
	var now unix.Timespec
	if err := unix.ClockGettime(id, &now); err != nil {
		return // the kernel refuses the command in the same words
	}
	seconds, fraction, ptr := now.Sec+t.seconds, now.Nsec, info.args[r.ptrArg]
	result := int64(0)
	switch r.act {
	case actTime:
		result = seconds
		if ptr != 0 && !t.put(pid, r.layout, ptr, seconds) {
			result = -int64(unix.EFAULT)
		}
	case actGettimeofday:
		// The kernel's time zone is a relic that is always 0 unless someone set it at boot.
		if ptr != 0 && !t.put(pid, r.layout, ptr, seconds, fraction/1000) ||
			info.args[1] != 0 && !t.put(pid, time32, info.args[1], 0, 0) {
			result = -int64(unix.EFAULT)
		}
	case actClockGettime:
		if !t.put(pid, r.layout, ptr, seconds, fraction) {
			result = -int64(unix.EFAULT)
		}
	}
	if !answerCall(pid, result) {
		t.fail(pid, "answering a clock call", 0)
	}
}

// put writes values one after the other at ptr.
func (t *tracer) put(pid int, l layout, ptr uint64, values ...int64) bool {
	var buf [16]byte
	for i, v := range values {
		l.store(buf[i*int(l):], v)
	}
	return writeMemory(pid, ptr, buf[:len(values)*int(l)])
}

func (t *tracer) addSeconds(pid int, ptr uint64, l layout) {
	buf := make([]byte, l)
	if !readMemory(pid, ptr, buf) {
		t.fail(pid, "reading a time", 0)
		return
	}
	l.store(buf, l.load(buf)+t.seconds)
	if !writeMemory(pid, ptr, buf) {
		t.fail(pid, "writing a time", 0)
	}
}

const (
	// noUptime is 31 years. A timer does not say here on which clock its deadline is; a deadline beyond that is on a wall clock,
	// because no machine has been up as long. An earlier one on a wall clock has passed in both worlds.
	noUptime = 1_000_000_000
	// redZone is what code may use below its stack pointer (x86-64: 128 bytes). Below that a signal handler's frame may be put at
	// any time, so nothing that the program needs is there.
	redZone = 128
)

// moveDeadline lets the call see a copy of its deadline, moved to the kernel's clock, below the thread's stack. The program's
// own copy may be shared or read-only and is not touched. When the call returns, its argument is put back, so that a call that
// the kernel restarts after a signal is moved once and not twice.
func (t *tracer) moveDeadline(pid int, r rule, info *syscallInfo) (more bool) {
	ptr := info.args[r.ptrArg]
	size := int(r.offset) + 2*int(r.layout)
	buf := make([]byte, size)
	if !readMemory(pid, ptr, buf) {
		return false // the kernel answers EFAULT
	}
	seconds := r.layout.load(buf[r.offset:])
	if seconds < noUptime {
		return false
	}
	r.layout.store(buf[r.offset:], seconds-t.seconds)
	scratch := (info.sp - redZone - uint64(size)) &^ 15
	if !writeMemory(pid, scratch, buf) || !setArgument(pid, info.arch, r.ptrArg, scratch) {
		t.fail(pid, "moving a deadline", 0)
		return false
	}
	t.deadline.Add(1)
	t.exits[pid] = exitWork{r, info.arch, ptr}
	return true
}
