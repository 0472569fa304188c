//go:build linux

package trace

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"slices"

	"golang.org/x/sys/unix"
)

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
