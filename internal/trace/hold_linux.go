//go:build linux

package trace

import (
	"sync"

	"golang.org/x/sys/unix"
)

// A call whose answer only the kernel can give (an exec, a wait) is not answered but watched: the attendant takes hold of the thread by
// ptrace, lets it make the call, does its part and lets go. A thread is held for that one call; otherwise nothing of the command is traced,
// so that forks, signals, job control and ends cost nothing and are as they are.

// holds are the threads that attendants hold now.
type holds struct {
	mu  sync.Mutex
	all map[int]*grip
}

// grip is one attendant's hold of one thread.
type grip struct {
	passing     bool          // the thread makes its call again; it is to be let through
	interrupted chan struct{} // closed when the thread is sure to stop before it runs on
}

// take registers pid; ok is false, and g the other's, when another attendant holds it.
func (h *holds) take(pid int) (g *grip, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if g := h.all[pid]; g != nil {
		return g, false
	}
	if h.all == nil {
		h.all = map[int]*grip{}
	}
	g = &grip{interrupted: make(chan struct{})}
	h.all[pid] = g
	return g, true
}

func (h *holds) drop(pid int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.all, pid)
}

func (h *holds) letThrough(pid int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all[pid].passing = true
}

func (h *holds) passing(pid int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	g := h.all[pid]
	return g != nil && g.passing
}

const holdOptions = unix.PTRACE_O_TRACEEXEC | unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_EXITKILL

// restart is what the kernel takes for "make this call again once the pending stop is over" (ERESTARTNOINTR; programs never see it).
const restart = unix.Errno(513)

// stop is one event of a held thread.
type stop struct {
	pid    int
	ended  bool
	signal unix.Signal
	event  int
}

// next waits for the next event of the thread that this attendant holds. Its own children are other threads'.
func (t *tracer) next(work *task) stop {
	work.end()
	defer work.begin()
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, unix.WALL|unix.WNOTHREAD, nil)
		switch {
		case err == unix.EINTR:
		case err != nil || !status.Stopped():
			return stop{pid: pid, ended: true}
		default:
			return stop{pid, false, status.StopSignal(), int(status) >> 16}
		}
	}
}

// release lets a stopped thread run on, untraced. A signal that was about to arrive does; a stopped job stays stopped.
func (s stop) release() {
	if s.ended {
		return
	}
	signal := s.signal
	if s.event != 0 || signal == syscallStop {
		signal = 0
	}
	ptrace(unix.PTRACE_DETACH, s.pid, 0, uintptr(signal))
}

// syscallStop is the signal that stands for the way into a call or out of it (PTRACE_O_TRACESYSGOOD).
const syscallStop = unix.SIGTRAP | 0x80

// seize takes hold of the thread that made c. It must be followed by holds.drop. ok is false when that cannot be; c is then answered.
func (t *tracer) seize(c call) (g *grip, ok bool) {
	pid := int(c.pid)
	g, ok = t.holds.take(pid)
	if !ok { // held still for its last call, which failed: once it stops there it is let go and makes this call anew
		<-g.interrupted
		t.sent(c, t.listener.answer(c, 0, restart))
		return nil, false
	}
	if errno := ptrace(unix.PTRACE_SEIZE, pid, 0, holdOptions); errno != 0 {
		t.holds.drop(pid)
		t.fail(pid, "taking hold of a thread: "+errno.Error(), errno)
		t.pass(c)
		return nil, false
	}
	return g, true
}

// exec lets the thread become another program and changes that program's vDSO before its first instruction.
func (t *tracer) exec(work *task, c call) {
	g, ok := t.seize(c)
	if !ok {
		return
	}
	t.pass(c)
	ptrace(unix.PTRACE_INTERRUPT, int(c.pid), 0, 0) // an exec that fails stops for this one
	close(g.interrupted)
	s := t.next(work)
	if s.event == unix.PTRACE_EVENT_EXEC {
		t.execed(s.pid)
	}
	t.holds.drop(int(c.pid))
	s.release()
}

// hold runs the call in the kernel, with what it is given or what it gives back changed.
func (t *tracer) hold(work *task, c call, r rule) {
	g, ok := t.seize(c)
	if !ok {
		return
	}
	pid := int(c.pid)
	ptrace(unix.PTRACE_INTERRUPT, pid, 0, 0)
	close(g.interrupted)
	t.sent(c, t.listener.answer(c, 0, restart))
	s := t.next(work)
	if s.event == ptraceEventStop && s.signal == unix.SIGTRAP {
		s = t.again(work, c, r)
	}
	t.holds.drop(pid)
	s.release()
}

// again makes the stopped thread call once more and returns its last stop. A signal that comes first takes the call back: after its
// handler the thread makes it by itself.
func (t *tracer) again(work *task, c call, r rule) stop {
	pid := int(c.pid)
	here := stop{pid: pid, event: ptraceEventStop}
	var info syscallInfo
	if errno := getSyscallInfo(pid, &info); errno != 0 {
		t.fail(pid, "reading a held call: "+errno.Error(), errno)
		return here
	}
	changed := r.act == actDeadline && t.moveDeadline(c, r, info.sp)
	if !rewind(pid, c.nr) {
		t.fail(pid, "making a call again", 0)
		return here
	}
	t.holds.letThrough(pid)
	for returns := 0; ; {
		ptrace(unix.PTRACE_SYSCALL, pid, 0, 0)
		s := t.next(work)
		if s.ended {
			return s
		}
		if s.event == 0 && s.signal == syscallStop {
			if returns++; returns == 1 { // on its way in
				continue
			}
			t.returned(pid, c, r)
		}
		if changed && !setArgument(pid, c.arch, r.ptrArg, c.args[r.ptrArg]) {
			t.fail(pid, "putting a deadline's argument back", 0)
		}
		return s
	}
}

// returned corrects what a call gave back. Nothing is corrected in a call that failed.
func (t *tracer) returned(pid int, c call, r rule) {
	if r.act == actDeadline {
		return
	}
	var info syscallInfo
	if errno := getSyscallInfo(pid, &info); errno != 0 || int64(info.nr) < 0 {
		if errno != 0 {
			t.fail(pid, "reading a result", errno)
		}
		return
	}
	ptr := c.args[r.ptrArg]
	switch r.act {
	case actUname:
		t.uname.Add(1)
		for _, name := range t.names {
			if !writeMemory(pid, ptr+uint64(name.offset), name.data) {
				t.fail(pid, "writing uname's answer", 0)
			}
		}
	case actTimex:
		t.clock.Add(1)
		t.addSeconds(pid, ptr+r.offset, r.layout)
	}
}
