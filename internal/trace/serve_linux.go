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
	broke    sync.Once
	failed   chan error     // why the tracer cannot go on; one at most
	deaths   chan os.Signal // a child of this process has ended

	child      int                             // the command
	childEnded atomic.Pointer[unix.WaitStatus] // how it ended, if an attendant saw it

	idle   atomic.Int32 // attendants that wait for a call
	holds  holds
	mu     sync.Mutex
	others map[kind]*plan
	heat   map[site]heat

	annex     *annex // where hot sites are led; nil where there is no such thing
	rerouting sync.Mutex
	execsNow  sync.RWMutex // read by execs under way, written by who stops threads
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
	runtime.LockOSThread() // for good: a thread that was confined to some CPUs is of no use to others
	if err := setAffinity(t.pin); err != nil {
		t.broken(err)
		return
	}
	a := &attendant{tracer: t, work: t.enlist()}
	defer t.discharge(a.work)
	for t.stays() {
		c, err := t.listener.receive()
		left := t.idle.Add(-1)
		if err != nil {
			t.broken(err)
			return
		}
		if left == 0 {
			go t.attend()
		}
		a.work.begin()
		a.serve(c)
		a.work.end()
	}
}

// stays counts an attendant among the idle, unless there are enough: then it is not needed. The last one stays, whatever others do meanwhile.
func (t *tracer) stays() bool {
	for t.idle.Add(1) > maxIdle {
		if t.idle.Add(-1) > 0 {
			return false
		}
	}
	return true
}

// broken keeps the first reason why the tracer cannot go on; the command is ended then. That nobody is left to be served is none.
func (t *tracer) broken(err error) {
	if errors.Is(err, errNobody) {
		return
	}
	t.broke.Do(func() {
		t.failed <- err
	})
}

// serve answers one call.
func (a *attendant) serve(c call) {
	if a.holds.passing(int(c.pid)) { // made again by a thread that is held for this very call
		a.pass(c)
		return
	}
	r, ok := a.rule(c)
	if !ok {
		a.pass(c)
		return
	}
	if a.hot(c, r) && a.reroute(c) {
		return
	}
	switch r.act {
	case actExec:
		a.exec(c)
	case actClockGettime, actGettimeofday, actTime:
		a.answerClock(c, r)
	case actUname, actTimex, actDeadline:
		a.hold(c, r)
	case actPtrace:
		a.ptrace.Add(1)
		a.note("ptrace", int(c.pid), tracingRequests[c.args[0]])
		a.sent(c, a.listener.answer(c, 0, unix.EPERM))
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

// ended hands on the end of a thread that an attendant held. For a process whose parent is this one there is no second notice.
func (t *tracer) ended(pid int, status unix.WaitStatus) {
	if pid != t.child {
		return
	}
	t.childEnded.Store(&status)
	select {
	case t.deaths <- unix.SIGCHLD:
	default:
	}
}
