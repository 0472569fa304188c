//go:build linux

package trace

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// tracer is the state of one run.
type tracer struct {
	journal
	abis     []abi
	seconds  int64
	hide     bool
	names    []edit // what uname's answer is overwritten with, by offset in struct utsname
	native   plan   // for programs of this machine's own class
	pin      []int  // the CPUs that the tracer itself is confined to
	listener listener
	failed   chan error     // why the tracer cannot go on
	deaths   chan os.Signal // a child of this process has ended

	idle   atomic.Int32 // attendants that wait for a call
	holds  holds
	mu     sync.Mutex
	others map[kind]*plan
	heat   map[site]heat

	annex     *annex // where hot sites are led; nil where there is no such thing
	rerouting sync.Mutex
}

func newTracer(o Options) (*tracer, error) {
	t := &tracer{abis: o.covered(runtime.GOARCH), seconds: o.seconds(), hide: o.HideVDSO, others: map[kind]*plan{},
		failed: make(chan error, 1), deaths: make(chan os.Signal, 1)}
	if len(t.abis) == 0 {
		return nil, fmt.Errorf("no tracer for %s", runtime.GOARCH)
	}
	for _, name := range []struct {
		at   int
		text string
	}{{utsRelease, o.KernelRelease}, {utsVersion, o.KernelVersion}} {
		if name.text != "" {
			t.names = append(t.names, edit{name.at, append([]byte(name.text), make([]byte, nameLength-len(name.text))...)})
		}
	}
	t.annex = newAnnex(t.abis, t.seconds, t.names)
	if t.seconds == 0 {
		return t, nil
	}
	image, err := ownVDSO()
	if err != nil {
		return nil, err
	}
	t.native = planFor(image, t.seconds, t.hide)
	return t, nil
}

// maxIdle is how many attendants are kept for the next calls.
const maxIdle = 8

// attend serves calls, one after the other, on a thread of its own: a thread that holds a program must be the one that lets it go.
// There is always an attendant that waits, so that a call which takes long (a wait for a deadline) keeps no other from its answer.
func (t *tracer) attend() {
	runtime.LockOSThread()
	if err := setAffinity(t.pin); err != nil {
		t.broken(err)
		return
	}
	work := t.journal.enlist()
	defer t.journal.discharge(work)
	for t.idle.Add(1) <= maxIdle {
		c, err := t.listener.receive()
		left := t.idle.Add(-1)
		if err != nil {
			t.broken(err)
			return
		}
		if left == 0 {
			go t.attend()
		}
		work.begin()
		t.serve(work, c)
		work.end()
	}
	t.idle.Add(-1)
}

// broken keeps the first reason why the tracer cannot go on; the command is ended then. That nobody is left to be served is none.
func (t *tracer) broken(err error) {
	if errors.Is(err, errNobody) {
		return
	}
	select {
	case t.failed <- err:
	default:
	}
}

// serve answers one call.
func (t *tracer) serve(work *task, c call) {
	if t.holds.passing(int(c.pid)) { // made again by a thread that is held for this very call
		t.pass(c)
		return
	}
	r, ok := t.rule(c)
	if !ok {
		t.pass(c)
		return
	}
	if t.hot(c, r) && t.reroute(work, c) {
		return
	}
	switch r.act {
	case actExec:
		t.exec(work, c)
	case actClockGettime, actGettimeofday, actTime:
		t.answerClock(c, r)
	case actUname, actTimex, actDeadline:
		t.hold(work, c, r)
	case actPtrace:
		t.ptrace.Add(1)
		t.note("ptrace", int(c.pid), tracingRequests[c.args[0]])
		t.sent(c, t.listener.answer(c, 0, unix.EPERM))
	}
}

func (t *tracer) pass(c call) { t.sent(c, t.listener.pass(c)) }

// sent records an answer that did not arrive; a thread that is gone needs none.
func (t *tracer) sent(c call, err error) {
	if err != nil && !errors.Is(err, errGone) {
		t.fail(int(c.pid), err.Error(), 0)
	}
}

// rule finds the rule of a call. An ABI that is not covered is counted.
func (t *tracer) rule(c call) (rule, bool) {
	for i := range t.abis {
		if t.abis[i].arch != c.arch {
			continue
		}
		if c.arch == archX86 && uint32(c.nr)&x32Bit != 0 {
			if c.nr >= 0 { // a negative number is no call at all
				t.x32.Add(1)
				t.note("x32", int(c.pid), "x32 call")
			}
			return rule{}, false
		}
		return t.abis[i].find(uint32(c.nr))
	}
	t.foreign.Add(1)
	t.note("foreign", int(c.pid), "call of an unknown ABI")
	return rule{}, false
}

var tracingRequests = map[uint64]string{
	unix.PTRACE_TRACEME: "PTRACE_TRACEME", unix.PTRACE_ATTACH: "PTRACE_ATTACH", unix.PTRACE_SEIZE: "PTRACE_SEIZE",
}

// fromVDSO tells whether a clock call comes from an original vDSO function that could not read the clock by itself. Its wrapper
// adds the offset, so the call must pass unmoved. The address is believed only if the wrappers' code stands where it must.
func (t *tracer) fromVDSO(c call) bool {
	for _, at := range t.native.fallbacks {
		base := c.ip - uint64(at)
		if base%pageSize != 0 {
			continue
		}
		code := t.native.edits[len(t.native.edits)-1]
		found := make([]byte, len(code.data))
		if readMemory(int(c.pid), base+uint64(code.offset), found) && string(found) == string(code.data) {
			return true
		}
	}
	return false
}
