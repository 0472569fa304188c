//go:build linux

package trace

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

const (
	// hotCalls is how many calls a thread makes from one site before the site is changed: most programs never do.
	hotCalls = 32
	// maxTries is how often that is tried when a signal or another thread's wait came in between.
	maxTries = 8
	// maxSites bounds the sites that are counted; when there are more the count begins anew.
	maxSites = 1 << 14
)

// site is a place in a program, as one thread has it, from which calls come.
type site struct {
	pid uint32
	ip  uint64
}

// heat is how often a site has called since it was last tried to change it, and how often that was.
type heat struct{ calls, tries uint8 }

// vsyscall is the page of code in the kernel's half through which very old programs read the clock. The kernel runs it in their stead, and
// takes no call back.
const vsyscall = 0xffff_ffff_ff60_0000

// hot counts a call and says whether its site is to be changed now.
func (t *tracer) hot(c call, r rule) bool {
	if t.annex == nil || c.arch != archX86 || c.ip&^(pageSize-1) == vsyscall || !slices.Contains(t.annex.rules, r) {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.heat == nil || len(t.heat) >= maxSites {
		t.heat = map[site]heat{}
	}
	at := site{c.pid, c.ip}
	h := t.heat[at]
	if h.calls == hotCalls {
		return false
	}
	h.calls++
	t.heat[at] = h
	return h.calls == hotCalls
}

// later has a site tried again when it has become hot again.
func (t *tracer) later(c call, tries uint8) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := site{c.pid, c.ip}
	if h := t.heat[at]; h.tries < maxTries {
		t.heat[at] = heat{tries: h.tries + tries}
	}
}

// reroute changes the site of c and lets the thread make its call again. What speaks against a change is no error: the site goes on
// as it was, slower and right. There is one change at a time, or the threads of a process would hinder each other's; false is returned,
// and the call is still to be served, while there is another.
func (a *attendant) reroute(c call) bool {
	if !a.rerouting.TryLock() {
		a.later(c, 0)
		return false
	}
	s, ok := a.halt(c)
	err, others := errLater, freezer{attendant: a, pid: int(c.pid)}
	if ok && s.quiet() && rewind(int(c.pid), c) {
		err = a.changeSite(&s, c, &others)
	}
	a.rerouting.Unlock()
	switch {
	case !ok:
		return true
	case err == nil:
		a.rerouted.Add(1)
	case errors.Is(err, errLater):
		a.later(c, 1)
	}
	a.drop(int(c.pid))
	s.release()
	a.finish()
	return true
}

// The reasons why a site stays as it is: for good, and for now.
var (
	errKept  = errors.New("the site cannot be changed")
	errLater = errors.New("the site cannot be changed now")
)

// changeSite does it. s is the thread's present stop; it is another one afterwards when a signal came meanwhile.
func (a *attendant) changeSite(s *stop, c call, others *freezer) error {
	pid, at := int(c.pid), c.ip-callSize
	if filtersItself(pid) {
		return errKept
	}
	maps, err := mappings(pid)
	if err != nil {
		return err
	}
	own, ok := mappingOf(maps, at)
	if !ok || own.perms != "r-xp" || own.name == "[vdso]" {
		return errKept
	}
	mem, err := unix.Open(procPath(pid, "/mem"), unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("opening memory: %w", err)
	}
	defer unix.Close(mem)
	start, end := max(own.start, at-2*jumpSize), min(own.end, at+2*shortest)
	code := make([]byte, end-start)
	if err := readAt(mem, start, code); err != nil {
		return err
	}
	o, ok := findOpening(code, start, at, uint32(c.nr))
	if !ok {
		return errKept
	}
	m := &mapper{attendant: a, pid: pid, stop: s, maps: maps, mem: mem}
	target, err := m.route(o, uint32(c.nr))
	if err != nil {
		return err
	}
	if !a.execsNow.TryLock() {
		return errLater
	}
	defer a.execsNow.Unlock()
	defer others.thaw()
	if err := others.freeze(); err != nil {
		return err
	}
	if err := writeAt(mem, o.jump, jumpTo(o.jump, target)); err != nil || !o.link {
		return err
	}
	return writeAt(mem, at, []byte{0xeb, byte(o.jump - o.after)}) // a short jump over what is between
}
