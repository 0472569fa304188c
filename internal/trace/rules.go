package trace

import "encoding/binary"

// action is what the tracer does about a rule's call.
type action uint8

// The actions. actRefuse and actMissing never reach the tracer: the filter answers them itself.
const (
	actClockGettime action = iota + 1 // answer clock_gettime
	actGettimeofday                   // answer gettimeofday
	actTime                           // answer time
	actUname                          // correct struct utsname after the call
	actTimex                          // move the time in struct timex after the call
	actDeadline                       // move a deadline back before the call
	actExec                           // change the fresh program's vDSO
	actPtrace                         // report that the command wants to trace
	actRefuse                         // EPERM: the command must not set the host's clock
	actMissing                        // ENOSYS: the caller falls back to a call that can be answered
)

// condition is what a call's arguments must look like to matter; the filter checks it, so that other calls do not wait.
type condition uint8

const (
	always      condition = iota
	ifWallClock           // argument clockArg is a wall clock
	ifAbsolute            // argument 1 has bit 0 (TIMER_ABSTIME, TFD_TIMER_ABSTIME)
	ifWallSleep           // both: clock_nanosleep
	ifWallFutex           // a futex operation with a deadline on the wall clock
	ifWallWait            // argument ptrArg is not null and argument clockArg is CLOCK_REALTIME: futex_waitv, futex_wait
	ifDeadline            // argument ptrArg is not null
	ifTracing             // argument 0 asks to become a tracer or a tracee
)

// rule is one system call of one ABI: when it matters and what to do about it.
type rule struct {
	nr       uint32
	act      action
	when     condition
	layout   layout
	ptrArg   int    // which argument points at the time, the name or the deadline
	clockArg int    // which argument names the clock
	offset   uint64 // where in the pointed-at structure the seconds are
}

// layout is the width of the seconds and of the fraction that follows them, in bytes.
type layout uint8

const (
	time64 layout = 8
	time32 layout = 4
)

// load and store handle seconds of either width.
func (l layout) load(b []byte) int64 {
	if l == time32 {
		return int64(int32(binary.LittleEndian.Uint32(b)))
	}
	return int64(binary.LittleEndian.Uint64(b))
}

func (l layout) store(b []byte, v int64) {
	if l == time32 {
		binary.LittleEndian.PutUint32(b, uint32(v))
		return
	}
	binary.LittleEndian.PutUint64(b, uint64(v))
}

// abi is the system call interface of one architecture as the filter names it (AUDIT_ARCH_*).
type abi struct {
	arch  uint32
	rules []rule
}

// find returns the rule for system call nr; ok is false for a call that no rule names.
func (a *abi) find(nr uint32) (rule, bool) {
	for _, r := range a.rules {
		if r.nr == nr {
			return r, true
		}
	}
	return rule{}, false
}

// The clocks that tell the time of day: CLOCK_REALTIME, CLOCK_REALTIME_COARSE, CLOCK_REALTIME_ALARM, CLOCK_TAI.
const (
	clockRealtime       = 0
	clockRealtimeCoarse = 5
	clockRealtimeAlarm  = 8
	clockTAI            = 11

	// wallClocks has bit N set when clock N is a wall clock.
	wallClocks = 1<<clockRealtime | 1<<clockRealtimeCoarse | 1<<clockRealtimeAlarm | 1<<clockTAI
)

const (
	archX86  = 0xc000003e // AUDIT_ARCH_X86_64
	archI386 = 0x40000003 // AUDIT_ARCH_I386
	archA64  = 0xc00000b7 // AUDIT_ARCH_AARCH64

	x32Bit = 0x40000000 // __X32_SYSCALL_BIT: x32 shares AUDIT_ARCH_X86_64 and marks its numbers
)

// Offsets into struct utsname.
const (
	utsRelease = 2 * nameLength
	utsVersion = 3 * nameLength
)

// timexSeconds is the offset of time.tv_sec in struct timex (<linux/timex.h>) where long has 8 and 4 bytes.
const (
	timexSeconds64 = 72
	timexSeconds32 = 36
)

// abis returns the interfaces that a kernel of the given GOARCH offers and the tracer covers, the native one first.
func abis(goarch string) []abi {
	switch goarch {
	case "amd64":
		return []abi{{archX86, rulesX86}, {archI386, rulesI386}}
	case "arm64":
		return []abi{{archA64, rulesA64}}
	}
	return nil
}
