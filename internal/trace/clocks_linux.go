//go:build linux

package trace

import (
	"slices"

	"golang.org/x/sys/unix"
)

// answerClock answers a clock call instead of the kernel.
func (t *tracer) answerClock(c call, r rule) {
	if t.fromVDSO(c) {
		t.fallback.Add(1)
		t.pass(c)
		return
	}
	t.clock.Add(1)
	id := int32(clockRealtime)
	if r.act == actClockGettime {
		id = int32(c.args[0])
	}
	var now unix.Timespec
	if err := unix.ClockGettime(id, &now); err != nil {
		t.pass(c) // the kernel refuses the command in the same words
		return
	}
	seconds, fraction, ptr := now.Sec+t.seconds, now.Nsec, c.args[r.ptrArg]
	result, fine := int64(0), true
	switch r.act {
	case actTime:
		result, fine = seconds, ptr == 0 || t.put(c, r.layout, ptr, seconds)
	case actGettimeofday:
		// The kernel's time zone is a relic that is always 0 unless someone set it at boot.
		fine = (ptr == 0 || t.put(c, r.layout, ptr, seconds, fraction/1000)) && (c.args[1] == 0 || t.put(c, time32, c.args[1], 0, 0))
	case actClockGettime:
		fine = t.put(c, r.layout, ptr, seconds, fraction)
	}
	if !fine {
		t.sent(c, t.listener.answer(c, 0, unix.EFAULT))
		return
	}
	t.sent(c, t.listener.answer(c, result, 0))
}

// put writes values one after the other at ptr in the caller's memory.
func (t *tracer) put(c call, l layout, ptr uint64, values ...int64) bool {
	var buf [16]byte
	for i, v := range values {
		l.store(buf[i*int(l):], v)
	}
	return t.listener.waits(c) && writeMemory(int(c.pid), ptr, buf[:len(values)*int(l)])
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

// moved says what to put back after a call with a deadline: its argument, or the deadline itself.
type moved struct {
	argument bool
	deadline []byte
}

// moveDeadline lets the held call see its deadline moved to the kernel's clock: a copy below the thread's stack pointer sp, because the
// program's own may be shared or read-only. Where the stack has no room yet, the program's own is changed for the time of the call.
func (t *tracer) moveDeadline(c call, r rule, sp uint64) (m moved) {
	pid, size := int(c.pid), int(r.offset)+2*int(r.layout)
	own := make([]byte, size)
	if !readMemory(pid, c.args[r.ptrArg], own) {
		return m // the kernel answers EFAULT
	}
	seconds := r.layout.load(own[r.offset:])
	if seconds < noUptime {
		return m
	}
	changed := slices.Clone(own)
	r.layout.store(changed[r.offset:], seconds-t.seconds)
	scratch := (sp - redZone - uint64(size)) &^ 15
	switch {
	case writeMemory(pid, scratch, changed) && setArgument(pid, c.arch, r.ptrArg, scratch):
		m.argument = true
	case writeMemory(pid, c.args[r.ptrArg], changed):
		m.deadline = own
	default:
		t.fail(pid, "moving a deadline", 0)
		return m
	}
	t.deadline.Add(1)
	return m
}

func (t *tracer) putBack(c call, r rule, m moved) {
	pid := int(c.pid)
	if m.argument && !setArgument(pid, c.arch, r.ptrArg, c.args[r.ptrArg]) || m.deadline != nil && !writeMemory(pid, c.args[r.ptrArg], m.deadline) {
		t.fail(pid, "putting a deadline back", 0)
	}
}
