//go:build linux

package trace

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// hotCalls is how many calls a thread makes from one site before the site is changed: most programs never do.
	hotCalls = 32
	// maxTries is how often that is tried when a signal or another thread's wait came in between.
	maxTries = 8
	// maxSites bounds the sites that are counted; when there are more the count begins anew.
	maxSites = 1 << 14
	// mostThreads is how many threads of one process are stopped for a change.
	mostThreads = 1024
	// freezeTimeout bounds the wait for them.
	freezeTimeout = 100 * time.Millisecond
)

// site is a place in a program, as one thread has it, from which calls come.
type site struct {
	pid uint32
	ip  uint64
}

// heat is how often a site has called since it was last tried to change it, and how often that was.
type heat struct{ calls, tries uint8 }

// newAnnex draws the annex's address, from a part of the address space in which the kernel places nothing by itself, and decides which
// calls it covers. There is none on other machines than x86-64.
func newAnnex(abis []abi, seconds int64, names []edit) *annex {
	if len(abis) == 0 || abis[0].arch != archX86 {
		return nil
	}
	x, drawn := &annex{names: names}, make([]byte, 4)
	_, _ = rand.Read(drawn) // never fails
	_, _ = rand.Read(x.marker[:])
	x.base = 0x4d00_0000_0000 + uint64(binary.LittleEndian.Uint32(drawn))<<8&^(pageSize-1)
	for _, r := range abis[0].rules {
		clock := r.act == actClockGettime || r.act == actGettimeofday || r.act == actTime
		if clock && seconds == int64(int32(seconds)) || r.act == actUname {
			x.rules = append(x.rules, r)
		}
	}
	x.seconds = int32(seconds)
	return x
}

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

// mapper adds the pages that a site needs to the program of a stopped thread.
type mapper struct {
	*attendant
	pid  int
	stop *stop
	maps []mapping
	mem  int
}

// route makes the slots and the stub for an opening, and returns where its jump must go.
func (m *mapper) route(o opening, nr uint32) (uint64, error) {
	x := m.annex
	page, correctors := x.image()
	head, err := m.annexHead(page)
	if err != nil {
		return 0, err
	}
	at, stubs, err := m.landing(head, o.jump)
	if err != nil {
		return 0, err
	}
	used, slots := int(binary.LittleEndian.Uint32(head[annexUsed:])), map[uint32]uint64{}
	for i, r := range x.rules {
		if !o.link && r.nr != nr {
			continue
		}
		if used >= maxSlots {
			return 0, errKept
		}
		if err := writeAt(m.mem, x.base+uint64(annexSlots+used*slotSize), x.slot(used, r.nr, correctors[i].at, o.after)); err != nil {
			return 0, err
		}
		slots[r.nr] = x.base + uint64(annexSlots+used*slotSize)
		used++
	}
	target := at + landingStubs + uint64(stubs)*stubSize
	code := stub(target, o.after, slots)
	if !o.link { // the jump took the place of the instruction that loads the call's number
		code = append([]byte{0xff, 0x25, 0, 0, 0, 0}, binary.LittleEndian.AppendUint64(nil, slots[nr])...) // jmp [rip]
	}
	binary.LittleEndian.PutUint32(head[annexUsed:], uint32(used))
	count := binary.LittleEndian.AppendUint32(nil, uint32(stubs+1))
	return target, errors.Join(writeAt(m.mem, target, code), writeAt(m.mem, at, count), writeAt(m.mem, x.base, head))
}

// annexHead returns the first bytes of the program's annex, which is made from page where there is none yet.
func (m *mapper) annexHead(page []byte) ([]byte, error) {
	base, head := m.annex.base, make([]byte, annexCode)
	if _, there := mappingOf(m.maps, base); there {
		if err := readAt(m.mem, base, head); err != nil {
			return nil, err
		}
		if !bytes.Equal(head[:annexUsed], page[:annexUsed]) {
			return nil, errKept // it is the program's own
		}
		return head, nil
	}
	if err := m.add(base); err != nil {
		return nil, err
	}
	return slices.Clone(page[:annexCode]), writeAt(m.mem, base, page)
}

// landing returns a landing that a jump at address from reaches, and the number of its stubs; it makes one where there is none, or only
// full ones.
func (m *mapper) landing(head []byte, from uint64) (at uint64, stubs int, err error) {
	for i := range maxLandings {
		entry := head[annexLandings+8*i:]
		if at := binary.LittleEndian.Uint64(entry); at != 0 {
			count := make([]byte, 4)
			if err := readAt(m.mem, at, count); err != nil {
				return 0, 0, err
			}
			if n := binary.LittleEndian.Uint32(count); n < maxStubs && reaches(from, at) {
				return at, int(n), nil
			}
			continue
		}
		at, ok := gap(m.maps, from)
		if !ok {
			break
		}
		if err := m.add(at); err != nil {
			return 0, 0, err
		}
		binary.LittleEndian.PutUint64(entry, at)
		return at, 0, nil
	}
	return 0, 0, errKept
}

// mapFixedNoReplace is MAP_FIXED_NOREPLACE (Linux 4.17): at this address or not at all.
const mapFixedNoReplace = 0x100000

// add has the program map a page of code at address at.
func (m *mapper) add(at uint64) error {
	got, ok := m.call(unix.SYS_MMAP, at, pageSize, unix.PROT_READ|unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|mapFixedNoReplace, ^uint64(0), 0)
	switch {
	case !ok:
		return errLater
	case got != at:
		return errKept
	}
	return nil
}

// call has the stopped thread make a call and leaves its registers as they were. ok is false when something else happened first.
func (m *mapper) call(nr uint64, args ...uint64) (value uint64, ok bool) {
	saved, ok := borrow(m.pid, nr, args)
	if !ok {
		return 0, false
	}
	for range 2 { // on its way in, on its way out
		ptrace(unix.PTRACE_SYSCALL, m.pid, 0, 0)
		*m.stop = m.next()
		if m.stop.ended {
			return 0, false
		}
		if m.stop.event != 0 || m.stop.signal != syscallStop {
			giveBack(m.pid, saved)
			return 0, false
		}
	}
	value = result(m.pid)
	return value, giveBack(m.pid, saved)
}

// freezer stops the other threads of pid's process, so that none runs the bytes that are being changed.
type freezer struct {
	*attendant
	pid     int
	running []int // held, and not stopped yet
	stops   []stop
}

// freeze must be followed by thaw, whether there was an error or not.
func (f *freezer) freeze() error {
	for range 8 { // a thread that was not seen may have made another
		added, err := f.seizeAll()
		if err == nil && added == 0 {
			return nil
		}
		if err == nil {
			err = f.await()
		}
		if err != nil {
			return err
		}
	}
	return errLater
}

func (f *freezer) seizeAll() (added int, err error) {
	entries, err := os.ReadDir(procPath(f.pid, "/task"))
	if err != nil || len(entries) > mostThreads {
		return 0, errors.Join(errKept, err)
	}
	for _, e := range entries {
		tid, err := strconv.Atoi(e.Name())
		if err != nil || tid == f.pid || f.has(tid) {
			continue
		}
		if sleepsLightly(tid) {
			return 0, errLater
		}
		g, ok := f.take(tid)
		if !ok {
			return 0, errLater
		}
		errno := seize(tid)
		if errno == 0 {
			ptrace(unix.PTRACE_INTERRUPT, tid, 0, 0)
			f.running = append(f.running, tid)
			added++
		}
		close(g.interrupted)
		if errno != 0 {
			f.drop(tid)
			if errno != unix.ESRCH {
				return 0, errLater
			}
		}
	}
	return added, nil
}

// lightSleep are the x86-64 calls that end with EINTR when their thread is stopped, whatever the program asked for (signal(7)).
var lightSleep = []string{
	"232", "281", "441", // epoll_wait, epoll_pwait, epoll_pwait2
	"128", "65", "220", "208", // rt_sigtimedwait, semop, semtimedop, io_getevents
	"42", "43", "288", "44", "45", "46", "47", "299", "307", // sockets with a timeout: connect, accept, accept4, send…, recv…, …mmsg
}

// sleepsLightly says whether a thread would notice that it is stopped.
func sleepsLightly(tid int) bool {
	text, err := os.ReadFile(procPath(tid, "/syscall"))
	nr, _, _ := strings.Cut(string(text), " ")
	return err == nil && slices.Contains(lightSleep, nr)
}

// filtersItself says whether a process has put a filter of its own on itself: it may not let the calls through that a change takes.
func filtersItself(pid int) bool {
	parent, ok := statusField(pid, "PPid")
	above, err := strconv.Atoi(parent)
	if !ok || err != nil || above == 0 {
		return false
	}
	inherited, own := filters(above), filters(pid)
	if above == os.Getpid() {
		inherited++ // the tracer's filter
	}
	return inherited != own
}

// filters is how many seccomp filters a process has (Linux 5.9; 0 where the kernel does not say).
func filters(pid int) int {
	n, _ := statusField(pid, "Seccomp_filters")
	count, _ := strconv.Atoi(n)
	return count
}

func (f *freezer) has(tid int) bool {
	return slices.Contains(f.running, tid) || slices.ContainsFunc(f.stops, func(s stop) bool { return s.pid == tid })
}

// await waits for the threads that are to stop. One that waits in the kernel for a child of its own (vfork) does not.
func (f *freezer) await() error {
	for deadline := time.Now().Add(freezeTimeout); len(f.running) > 0; {
		s, err := f.event(unix.WNOHANG)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return fmt.Errorf("waiting for threads: %w", errors.Join(errLater, err))
		case s.pid == 0 && time.Now().After(deadline):
			return errLater
		case s.pid == 0:
			time.Sleep(50 * time.Microsecond)
		default:
			f.running = slices.DeleteFunc(f.running, func(r int) bool { return r == s.pid })
			f.stops = append(f.stops, s)
		}
	}
	return nil
}

// thaw lets the threads that have stopped run on. One that has not yet may wait for the thread that called; it is let go in the end (finish).
func (f *freezer) thaw() {
	for _, s := range f.stops {
		f.drop(s.pid)
		s.release()
	}
}

// mapping is a line of /proc/PID/maps.
type mapping struct {
	start, end  uint64
	perms, name string
}

const maxMaps = 4 << 20

func mappings(pid int) ([]mapping, error) {
	file, err := os.Open(filepath.Clean(procPath(pid, "/maps")))
	if err != nil {
		return nil, fmt.Errorf("reading mappings: %w", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxMaps))
	if err != nil || len(text) == maxMaps {
		return nil, errors.Join(errKept, err)
	}
	return parseMappings(string(text)), nil
}

func parseMappings(text string) []mapping {
	var all []mapping
	for line := range strings.Lines(text) {
		fields := strings.Fields(line) // range perms offset device inode name
		if len(fields) < 5 {
			continue
		}
		from, to, _ := strings.Cut(fields[0], "-")
		start, err := strconv.ParseUint(from, 16, 64)
		end, err2 := strconv.ParseUint(to, 16, 64)
		if err != nil || err2 != nil || end <= start {
			continue
		}
		all = append(all, mapping{start, end, fields[1], strings.Join(fields[5:], " ")})
	}
	return all
}

func mappingOf(maps []mapping, at uint64) (mapping, bool) {
	for _, m := range maps {
		if m.start <= at && at < m.end {
			return m, true
		}
	}
	return mapping{}, false
}

// gap finds an address for a page that a jump at from reaches: well below a mapping that does not grow downwards, and far enough above the
// one before, which may grow upwards.
func gap(maps []mapping, from uint64) (uint64, bool) {
	const below, room = 1 << 20, 16 << 20
	best, found := uint64(0), false
	last := uint64(1 << 16)
	for _, m := range maps {
		if m.start > last && m.start-last >= room && m.name != "[stack]" {
			at := m.start - below
			if reaches(from, at) && (!found || distance(from, at) < distance(from, best)) {
				best, found = at, true
			}
		}
		last = m.end
	}
	return best, found
}

func distance(a, b uint64) uint64 { return max(a, b) - min(a, b) }

func readAt(mem int, at uint64, buf []byte) error {
	if n, err := unix.Pread(mem, buf, int64(at)); err != nil || n != len(buf) {
		return errors.Join(errKept, err)
	}
	return nil
}

// writeAt writes as a debugger does: also to a page that the program may only run.
func writeAt(mem int, at uint64, data []byte) error {
	if n, err := unix.Pwrite(mem, data, int64(at)); err != nil || n != len(data) {
		return errors.Join(errKept, err)
	}
	return nil
}
