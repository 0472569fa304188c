//go:build linux

package trace

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// kind tells images of vDSOs apart: i386, x86-64 and x32 programs of one kernel have one each.
type kind struct {
	class   elf.Class
	machine elf.Machine
}

const (
	atSysinfoEHDR = 33      // AT_SYSINFO_EHDR: where the vDSO is
	maxImage      = 1 << 18 // the largest vDSO has a few pages, which may be of 64 KiB each
	maxImage32    = 1 << 14
	pageSize      = 4096 // the smallest page
)

// planFor prefers to redirect and falls back to hiding. An image that cannot be understood gives an empty plan.
func planFor(image []byte, seconds int64, hide bool) plan {
	v, err := parseVDSO(image)
	if err != nil {
		return plan{}
	}
	if p, ok := redirectPlan(v, seconds); ok && !hide {
		return p
	}
	return hidePlan(v)
}

// ownVDSO reads this process's own vDSO, which is the one every program of this class gets.
func ownVDSO() ([]byte, error) {
	auxv, err := os.ReadFile("/proc/self/auxv")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoSelf, err)
	}
	base, _ := vdsoBase(auxv)
	maps, err := mappings(os.Getpid())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoSelf, err)
	}
	own, there := mappingOf(maps, base)
	size := own.end - own.start
	if base == 0 || !there || own.start != base || size > maxImage {
		return nil, fmt.Errorf("%w: there is none", errNoSelf)
	}
	mem, err := unix.Open("/proc/self/mem", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoSelf, err)
	}
	defer unix.Close(mem)
	image := make([]byte, size)
	if n, err := unix.Pread(mem, image, int64(base)); n != len(image) {
		return nil, fmt.Errorf("%w: %w", errNoSelf, errors.Join(err, errVDSO))
	}
	return image, nil
}

// readImage reads pages from base on, to the first that cannot be read: the vDSO and what may follow it.
func readImage(mem int, base uint64) []byte {
	image := make([]byte, 0, maxImage32)
	for len(image) < maxImage32 {
		page := make([]byte, pageSize)
		n, err := unix.Pread(mem, page, int64(base)+int64(len(image)))
		if err != nil || n != pageSize {
			break
		}
		image = append(image, page...)
	}
	return image
}

// vdsoBase finds the vDSO in an auxiliary vector, and tells whether the program is a 32-bit one. In a 64-bit vector a type is a
// small number; in a 32-bit one, read as 64 bits, the upper half holds a value, which is not 0 for the first entries.
func vdsoBase(auxv []byte) (base uint64, is32 bool) {
	if len(auxv) >= 8 && binary.LittleEndian.Uint64(auxv) >= 1<<32 {
		for ; len(auxv) >= 8; auxv = auxv[8:] {
			if binary.LittleEndian.Uint32(auxv) == atSysinfoEHDR {
				return uint64(binary.LittleEndian.Uint32(auxv[4:])), true
			}
		}
		return 0, true
	}
	for ; len(auxv) >= 16; auxv = auxv[16:] {
		if binary.LittleEndian.Uint64(auxv) == atSysinfoEHDR {
			return binary.LittleEndian.Uint64(auxv[8:]), false
		}
	}
	return 0, false
}

var errNoVDSO = errors.New("no vDSO")

// execed changes the vDSO of a program that has not run an instruction yet. The thread that called exec has the id of its
// process now, whatever id it had.
func (t *tracer) execed(pid int) {
	t.execs.Add(1)
	if t.seconds == 0 {
		return
	}
	p, err := t.change(pid)
	switch {
	case errors.Is(err, errNoVDSO):
		t.hidden.Add(1)
	case err != nil && dying(pid):
	case err != nil:
		t.unpatched.Add(1)
		t.note("unpatched", pid, err.Error())
	case p.redirect:
		t.patched.Add(1)
	default:
		t.hidden.Add(1)
	}
}

// change writes the plan for pid's vDSO. The page is the kernel's and read-only; a tracer's write through /proc/PID/mem gives
// the process a copy of its own.
func (t *tracer) change(pid int) (*plan, error) {
	base, is32, err := readBase(pid)
	if err != nil {
		return nil, err
	}
	if is32 {
		t.i386.Add(1)
	}
	if base == 0 {
		return nil, errNoVDSO
	}
	mem, err := unix.Open(procPath(pid, "/mem"), unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("opening memory: %w", err)
	}
	defer unix.Close(mem)
	p := &t.native
	if is32 {
		if p, err = t.other(mem, base); err != nil {
			return nil, err
		}
	}
	if len(p.edits) == 0 {
		return nil, errVDSO
	}
	for _, e := range p.edits {
		if n, err := unix.Pwrite(mem, e.data, int64(base)+int64(e.offset)); err != nil || n != len(e.data) {
			return nil, fmt.Errorf("writing to the vDSO: %w", errors.Join(err, errVDSO))
		}
	}
	return p, nil
}

// other returns the plan for a 32-bit image, made when the first program with one is seen.
func (t *tracer) other(mem int, base uint64) (*plan, error) {
	var head [20]byte
	if n, err := unix.Pread(mem, head[:], int64(base)); n != len(head) {
		return nil, fmt.Errorf("reading a vDSO: %w", errors.Join(err, errVDSO))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	k := kind{elf.Class(head[elf.EI_CLASS]), elf.Machine(binary.LittleEndian.Uint16(head[18:]))}
	p := t.others[k]
	if p == nil {
		made := planFor(readImage(mem, base), t.seconds, t.hide)
		p = &made
		t.others[k] = p
	}
	return p, nil
}

func readBase(pid int) (base uint64, is32 bool, err error) {
	fd, err := unix.Open(procPath(pid, "/auxv"), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, false, fmt.Errorf("opening the auxiliary vector: %w", err)
	}
	defer unix.Close(fd)
	var auxv [1024]byte
	n, err := unix.Read(fd, auxv[:])
	if err != nil {
		return 0, false, fmt.Errorf("reading the auxiliary vector: %w", err)
	}
	base, is32 = vdsoBase(auxv[:n])
	return base, is32, nil
}

func procPath(pid int, name string) string { return "/proc/" + strconv.Itoa(pid) + name }
