//go:build linux

package trace

import (
	"errors"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A call whose answer only the kernel can give (an exec, a wait) is not answered but watched: the attendant takes hold of the thread by
// ptrace, lets it make the call, does its part and lets go. A thread is held for that one call; otherwise nothing of the command is traced,
// so that forks, signals, job control and ends cost nothing and are as they are.
//
// A thread that is held can be killed at any moment, lose its number to another thread of its process that execs, or have its place taken
// by the program that this one becomes. So every step below may fail or meet another program: it looks before it touches registers, and an
// attendant goes on to its next call only when the kernel says that it holds nothing any more (finish).

// attendant serves calls on a thread of its own.
type attendant struct {
	*tracer
	work  *task
	taken []int // what it has in holds
}

// holds are the threads that attendants hold now.
type holds struct {
	mu  sync.Mutex
	all map[int]*grip
}

// grip is one attendant's hold of one thread.
type grip struct {
	passing     bool          // the thread makes its call again; it is to be let through
	interrupted chan struct{} // closed when the thread is sure to stop before it runs on, or is not held after all
}

// take registers pid; ok is false, and g the other's, when another attendant holds it.
func (a *attendant) take(pid int) (g *grip, ok bool) {
	h := &a.holds
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
	a.taken = append(a.taken, pid)
	return g, true
}

// drop must come before the thread runs on, or its next call would find it held.
func (a *attendant) drop(pid int) {
	a.holds.mu.Lock()
	defer a.holds.mu.Unlock()
	for i, p := range a.taken {
		if p == pid {
			a.taken = append(a.taken[:i], a.taken[i+1:]...)
			delete(a.holds.all, pid)
			return
		}
	}
}

func (h *holds) letThrough(pid int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if g := h.all[pid]; g != nil {
		g.passing = true
	}
}

func (h *holds) passing(pid int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	g := h.all[pid]
	return g != nil && g.passing
}

const holdOptions = unix.PTRACE_O_TRACEEXEC | unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_EXITKILL

// restart is what the kernel takes for "make this call again once the pending stop is over" (ERESTARTNOINTR; programs never see it);
// restartSignal is how it marks a call that a signal came before (ERESTARTSYS).
const (
	restart       = unix.Errno(513)
	restartSignal = unix.Errno(512)
)

// stop is one event of a held thread.
type stop struct {
	pid    int
	ended  bool
	signal unix.Signal
	event  int
}

// quiet says that the thread stopped for us and for nothing else: no signal, no job control.
func (s stop) quiet() bool { return !s.ended && s.event == ptraceEventStop && s.signal == unix.SIGTRAP }

// next waits for the next event of what this attendant holds. The time is the program's, not ours.
func (a *attendant) next() stop {
	a.work.end()
	defer a.work.begin()
	for {
		s, err := a.event(0)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return stop{ended: true}
		default:
			return s
		}
	}
}

// event takes one event; pid is 0 when there is none yet (WNOHANG). Other threads of this process have children and tracees of their own.
func (a *attendant) event(options int) (stop, error) {
	var status unix.WaitStatus
	pid, err := unix.Wait4(-1, &status, unix.WALL|unix.WNOTHREAD|options, nil)
	switch {
	case err != nil || pid == 0:
		return stop{}, err
	case !status.Stopped():
		a.ended(pid, status)
		return stop{pid: pid, ended: true}, nil
	}
	return stop{pid, false, status.StopSignal(), int(status) >> 16}, nil
}

// release lets a stopped thread run on, untraced. A signal that was about to arrive does; a stopped job stays stopped. If the thread was
// killed meanwhile this fails, and finish sees its end.
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

// finish comes last of all: it lets go of what stops still, and waits for the end of what was killed. The kernel keeps a dead tracee, and
// whoever waits for it, until its tracer has seen it.
func (a *attendant) finish() {
	a.work.end()
	defer a.work.begin()
	for {
		s, err := a.event(0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			break
		}
		a.drop(s.pid)
		s.release()
	}
	for len(a.taken) > 0 {
		a.drop(a.taken[0])
	}
}

// syscallStop is the signal that stands for the way into a call or out of it (PTRACE_O_TRACESYSGOOD).
const syscallStop = unix.SIGTRAP | 0x80

// seize takes hold of the thread that made c; finish must follow. ok is false when that cannot be; c is then answered.
func (a *attendant) seize(c call) (g *grip, ok bool) {
	pid := int(c.pid)
	for {
		if g, ok = a.take(pid); ok {
			break
		}
		<-g.interrupted
		if isTraced(pid) { // held still for its last call, which failed: once it stops there it is let go and makes this call anew
			a.sent(c, a.listener.answer(c, 0, restart))
			return nil, false
		}
		time.Sleep(50 * time.Microsecond) // the one that was held is gone, and this one has its number
	}
	if errno := seize(pid); errno != 0 {
		close(g.interrupted)
		a.drop(pid)
		if a.listener.waits(c) {
			a.fail(pid, "taking hold of a thread: "+errno.Error(), errno)
		}
		a.pass(c)
		return nil, false
	}
	return g, true
}

// isTraced says whether any tracer holds the thread.
func isTraced(pid int) bool {
	tracer, ok := statusField(pid, "TracerPid")
	return ok && tracer != "0"
}

// exec lets the thread become another program and changes that program's vDSO before its first instruction.
func (a *attendant) exec(c call) {
	s, ok := a.become(c)
	if !ok {
		return
	}
	if s.event == unix.PTRACE_EVENT_EXEC {
		a.execed(s.pid)
	}
	a.drop(int(c.pid))
	s.release()
	a.finish()
}

// become runs the call to its end. An exec waits for every other thread of its process to be reaped, and makes whoever seizes one of
// them wait for itself: so nobody may be stopping threads meanwhile (changeSite).
func (a *attendant) become(c call) (s stop, ok bool) {
	a.execsNow.RLock()
	defer a.execsNow.RUnlock()
	g, ok := a.seize(c)
	if !ok {
		return stop{}, false
	}
	a.pass(c)
	ptrace(unix.PTRACE_INTERRUPT, int(c.pid), 0, 0) // an exec that fails stops for this one
	close(g.interrupted)
	return a.next(), true
}

// hold runs the call in the kernel, with what it is given or what it gives back changed.
func (a *attendant) hold(c call, r rule) {
	s, ok := a.halt(c)
	if !ok {
		return
	}
	if s.quiet() {
		s = a.again(c, r)
	}
	a.drop(int(c.pid))
	s.release()
	a.finish()
}

// halt stops the thread on its way out of the call, which it is told to make again.
func (a *attendant) halt(c call) (s stop, ok bool) {
	g, ok := a.seize(c)
	if !ok {
		return stop{}, false
	}
	ptrace(unix.PTRACE_INTERRUPT, int(c.pid), 0, 0)
	close(g.interrupted)
	a.sent(c, a.listener.answer(c, 0, restart))
	return a.next(), true
}

// again makes the stopped thread call once more and returns its last stop. A signal that comes first takes the call back: after its
// handler the thread makes it by itself. So it does where the thread is not where it made the call.
func (a *attendant) again(c call, r rule) stop {
	pid := int(c.pid)
	here := stop{pid: pid, event: ptraceEventStop}
	var info syscallInfo
	if !rewind(pid, c) || getSyscallInfo(pid, &info) != 0 {
		return here
	}
	var m moved
	if r.act == actDeadline {
		m = a.moveDeadline(c, r, info.sp)
	}
	a.holds.letThrough(pid)
	for returns := 0; ; {
		ptrace(unix.PTRACE_SYSCALL, pid, 0, 0)
		s := a.next()
		if s.ended {
			return s
		}
		if s.event == 0 && s.signal == syscallStop {
			if returns++; returns == 1 { // on its way in
				continue
			}
			a.returned(pid, c, r)
		}
		a.putBack(c, r, m)
		return s
	}
}

// returned corrects what a call gave back. Nothing is corrected in a call that failed. One that never sleeps fails for a signal only
// because it waited for us; it is made again.
func (a *attendant) returned(pid int, c call, r rule) {
	var info syscallInfo
	if getSyscallInfo(pid, &info) != 0 {
		return
	}
	if int64(info.nr) == -int64(restartSignal) && (r.act != actDeadline || r.when == ifAbsolute) {
		setResult(pid, -int64(restart))
	}
	if r.act == actDeadline || int64(info.nr) < 0 {
		return
	}
	ptr := c.args[r.ptrArg]
	switch r.act {
	case actUname:
		a.uname.Add(1)
		for _, name := range a.names {
			if !writeMemory(pid, ptr+uint64(name.offset), name.data) && getSyscallInfo(pid, &info) == 0 { // it is still there
				a.fail(pid, "writing uname's answer", 0)
			}
		}
	case actTimex:
		a.clock.Add(1)
		a.addSeconds(pid, ptr+r.offset, r.layout)
	}
}

// statusField reads a field of /proc/PID/status.
func statusField(pid int, name string) (string, bool) {
	text, ok := readStatus(pid)
	if !ok {
		return "", false
	}
	for line := range strings.Lines(text) {
		if key, value, _ := strings.Cut(line, ":"); key == name {
			return strings.TrimSpace(value), true
		}
	}
	return "", false
}
