//go:build linux

package trace

import (
	"encoding/binary"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Offsets into struct utsname.
const (
	utsRelease = 2 * nameLength
	utsVersion = 3 * nameLength
)

// exitWork is what to do when a call returns.
type exitWork struct {
	rule rule
	arch uint32
	ptr  uint64 // the structure to correct, or the argument to put back
}

// call handles a call that the filter stopped before it ran.
func (t *tracer) call(pid int) {
	var info syscallInfo
	if errno := getSyscallInfo(pid, &info); errno != 0 || info.op != infoSeccomp {
		t.fail(pid, "reading a call: "+errno.Error(), errno)
		resume(unix.PTRACE_CONT, pid, 0)
		return
	}
	if info.retData != traceMark { // a filter of the step's own; without a tracer such a call fails
		answerCall(pid, -int64(unix.ENOSYS))
		resume(unix.PTRACE_CONT, pid, 0)
		return
	}
	r, ok := t.rule(pid, &info)
	if ok && t.act(pid, r, &info) {
		resume(unix.PTRACE_SYSCALL, pid, 0)
		return
	}
	resume(unix.PTRACE_CONT, pid, 0)
}

func (t *tracer) rule(pid int, info *syscallInfo) (rule, bool) {
	for i := range t.abis {
		if t.abis[i].arch != info.arch {
			continue
		}
		if info.arch == archX86 && uint32(info.nr)&x32Bit != 0 {
			if int32(info.nr) >= 0 { // a negative number is no call at all
				t.x32.Add(1)
				t.note("x32", pid, "x32 call")
			}
			return rule{}, false
		}
		return t.abis[i].find(uint32(info.nr))
	}
	t.foreign.Add(1)
	t.note("foreign", pid, "call of an unknown ABI")
	return rule{}, false
}

// act does a rule's work; more is true when the call's return is of interest too.
func (t *tracer) act(pid int, r rule, info *syscallInfo) (more bool) {
	switch r.act {
	case actClockGettime, actGettimeofday, actTime:
		if t.fromVDSO(pid, info) {
			t.fallback.Add(1)
			return false
		}
		t.answerClock(pid, r, info)
	case actUname, actTimex:
		t.exits[pid] = exitWork{r, info.arch, info.args[r.ptrArg]}
		return true
	case actDeadline:
		return t.moveDeadline(pid, r, info)
	case actUntraced:
		t.untraced.Add(1)
		if !setArgument(pid, info.arch, 0, info.args[0]&^cloneUntraced) {
			t.fail(pid, "clearing CLONE_UNTRACED", 0)
		}
	case actPtrace:
		t.ptrace.Add(1)
		t.note("ptrace", pid, tracingRequests[info.args[0]])
	}
	return false
}

var tracingRequests = map[uint64]string{
	unix.PTRACE_TRACEME: "PTRACE_TRACEME", unix.PTRACE_ATTACH: "PTRACE_ATTACH", unix.PTRACE_SEIZE: "PTRACE_SEIZE",
}

// fromVDSO tells whether a clock call comes from an original vDSO function that could not read the clock by itself. Its wrapper
// adds the offset, so the call must pass unmoved. The address is believed only if the wrappers' code stands where it must.
func (t *tracer) fromVDSO(pid int, info *syscallInfo) bool {
	for _, at := range t.native.fallbacks {
		base := info.ip - uint64(at)
		if base%pageSize != 0 {
			continue
		}
		code := t.native.edits[len(t.native.edits)-1]
		found := make([]byte, len(code.data))
		if readMemory(pid, base+uint64(code.offset), found) && string(found) == string(code.data) {
			return true
		}
	}
	return false
}

// returned finishes a call that has run. Nothing is corrected in a call that failed.
func (t *tracer) returned(pid int) {
	work, ok := t.exits[pid]
	delete(t.exits, pid)
	if ok {
		t.finish(pid, work)
	}
	resume(unix.PTRACE_CONT, pid, 0)
}

func (t *tracer) finish(pid int, work exitWork) {
	if work.rule.act == actDeadline {
		if !setArgument(pid, work.arch, work.rule.ptrArg, work.ptr) {
			t.fail(pid, "putting a deadline's argument back", 0)
		}
		return
	}
	var info syscallInfo
	if errno := getSyscallInfo(pid, &info); errno != 0 || int64(info.nr) < 0 {
		t.fail(pid, "reading a result", errno)
		return
	}
	switch work.rule.act {
	case actUname:
		t.uname.Add(1)
		for _, name := range t.names {
			if !writeMemory(pid, work.ptr+uint64(name.offset), name.data) {
				t.fail(pid, "writing uname's answer", 0)
			}
		}
	case actTimex:
		t.clock.Add(1)
		t.addSeconds(pid, work.ptr+work.rule.offset, work.rule.layout)
	}
}

// fail counts and names work that could not be done. A thread that is gone needs none.
func (t *tracer) fail(pid int, what string, errno unix.Errno) {
	if errno == unix.ESRCH || errno == 0 && unix.Kill(pid, 0) == unix.ESRCH {
		return
	}
	t.errors.Add(1)
	t.note("error", pid, what)
}

// note names pid and what it did.
func (t *tracer) note(kind string, pid int, detail string) {
	if t.full() {
		return
	}
	n := Note{Kind: kind, PID: pid, Detail: detail}
	if text, err := os.ReadFile(procPath(pid, "/comm")); err == nil {
		n.Comm = strings.TrimSpace(string(text))
	}
	if text, err := os.ReadFile(procPath(pid, "/cgroup")); err == nil {
		n.Cgroup = longestCgroup(string(text))
	}
	t.add(n)
}

// longestCgroup picks the path of the deepest group: under version 1 there is one a controller, under version 2 a single one.
func longestCgroup(text string) string {
	deepest := ""
	for line := range strings.Lines(text) {
		if parts := strings.SplitN(strings.TrimSpace(line), ":", 3); len(parts) == 3 && len(parts[2]) > len(deepest) {
			deepest = parts[2]
		}
	}
	return deepest
}

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
