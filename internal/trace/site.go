package trace

import (
	"encoding/binary"
	"slices"

	"golang.org/x/arch/x86/x86asm"
)

// A program that asks for the time or the kernel's name over and over from one place (a site) would wait for the tracer each time. After a
// few such calls the site is led past the tracer: it jumps to code that makes the call and corrects its answer, as the tracer would.
//
//   - The annex is one page, at an address that is drawn anew for every tracer, that the program gets with its first such site. It holds the
//     code that corrects answers, and a slot for every site and call. The filter lets the calls of this page through (rule.code).
//   - A jump of five bytes reaches two gigabytes. So near the site a landing is made, a page whose stubs jump on to the slots.
//   - The site itself changes least where the instruction that loads the call's number stands right before the call: the jump takes that
//     one's place, five bytes for five, and the call stays for whoever comes to it by another way. Else two bytes, a short jump, replace the
//     call, and the long jump stands in the padding behind the function. Where there is neither, nothing is changed.
//
// The code keeps every register and the flags, uses no stack, and scratches only rcx and r11, which the call itself destroys.

// opening is how a site can be changed.
type opening struct {
	jump  uint64 // where the jump of five bytes goes
	link  bool   // the call's instruction becomes a short jump to it
	after uint64 // where the program goes on, just behind the call
}

const (
	jumpSize = 5
	callSize = 2 // syscall
	shortest = 127
)

// findOpening looks at code, which stands at address start, around the call at address call.
func findOpening(code []byte, start, call uint64, nr uint32) (opening, bool) {
	at := int(call - start)
	if at < 0 || at+callSize > len(code) || code[at] != 0x0f || code[at+1] != 0x05 {
		return opening{}, false
	}
	if loadsNumber(code[:at], nr) {
		return opening{jump: call - jumpSize, after: call + callSize}, true
	}
	from, ok := padding(code[at+callSize:], call+callSize)
	return opening{jump: from, link: true, after: call + callSize}, ok
}

// loadsNumber says whether code ends with mov eax, nr. A REX prefix would make it another register's.
func loadsNumber(code []byte, nr uint32) bool {
	n := len(code) - jumpSize
	return n > 0 && code[n] == 0xb8 && binary.LittleEndian.Uint32(code[n+1:]) == nr && code[n-1]&0xf0 != 0x40
}

// padding finds room for the jump behind the function that goes on with code at address start: bytes that follow an unconditional jump or
// return, and fill the time to the next multiple of 16. The functions of a program stand at such addresses, so what stands there is none.
func padding(code []byte, start uint64) (uint64, bool) {
	for at := 0; at < min(len(code), shortest-jumpSize); {
		size, last := instruction(code[at:])
		if size == 0 {
			return 0, false
		}
		at += size
		if from := start + uint64(at); last && from%16 != 0 && at < shortest {
			if room := 16 - int(from%16); room >= jumpSize && len(code) >= at+room && onlyPadding(code[at:at+room]) {
				return from, true
			}
		}
	}
	return 0, false
}

var endbr64 = []byte{0xf3, 0x0f, 0x1e, 0xfa}

// instruction gives an instruction's size, 0 for one that cannot be read, and whether what follows it is never run after it.
func instruction(code []byte) (size int, last bool) {
	if len(code) >= len(endbr64) && string(code[:len(endbr64)]) == string(endbr64) {
		return len(endbr64), false
	}
	i, err := x86asm.Decode(code, 64)
	if err != nil {
		return 0, false
	}
	return i.Len, slices.Contains([]x86asm.Op{x86asm.RET, x86asm.JMP, x86asm.UD2, x86asm.HLT}, i.Op)
}

// longestNop is padding, and what gcc -fpatchable-function-entry begins a function with.
var longestNop = []byte{0x0f, 0x1f, 0x44, 0, 0}

func onlyPadding(code []byte) bool {
	if string(code) == string(longestNop) {
		return false
	}
	for len(code) > 0 {
		i, err := x86asm.Decode(code, 64)
		if err != nil || i.Op != x86asm.NOP && code[0] != 0xcc || string(code[:min(4, len(code))]) == string(endbr64) {
			return false
		}
		code = code[i.Len:]
	}
	return true
}

// annex describes the page of one tracer.
type annex struct {
	base    uint64
	seconds int32
	names   []edit
	rules   []rule   // the calls that sites may make without the tracer
	marker  [16]byte // tells the page from one that happens to stand there
}

// The annex's contents, by offset: the marker, the number of slots in use (4 bytes), the landings' addresses (8 bytes each, 0 for none),
// the correcting code and its data, the slots.
const (
	annexUsed     = 16
	annexLandings = 24
	maxLandings   = 8
	annexCode     = annexLandings + 8*maxLandings
	annexSlots    = 0x500
	slotSize      = 32
	maxSlots      = (pageSize - annexSlots) / slotSize
)

// A landing's contents: the number of stubs in use (4 bytes), the stubs.
const (
	landingStubs = 64
	stubSize     = 144
	maxStubs     = (pageSize - landingStubs) / stubSize
)

// corrector is a piece of the annex that corrects the answer to an action's call. It stands where at says.
type corrector struct {
	act action
	at  int
}

// image returns the page, without slots, and where its correctors are.
func (x annex) image() (page []byte, correctors []corrector) {
	a := x86{at: x.base}
	a.out = make([]byte, annexCode)
	copy(a.out, x.marker[:])
	for _, r := range x.rules {
		a.align(16)
		correctors = append(correctors, corrector{r.act, len(a.out)})
		switch r.act {
		case actClockGettime:
			x.correctClock(&a)
		case actGettimeofday:
			x.correctTimeofday(&a)
		case actTime:
			x.correctTime(&a)
		case actUname:
			x.correctUname(&a)
		}
	}
	return a.out, correctors
}

// Every corrector begins with the call's result in rax and ends with a jump to r11.

func (x annex) correctClock(a *x86) {
	a.onSuccess()
	a.bytes(0x89, 0xf9) // mov ecx, edi
	found := []int{a.ifZero()}
	for _, id := range wallClockIDs {
		if id != clockRealtime {
			a.bytes(0x8d, 0x4f, byte(-int8(id))) // lea ecx, [rdi-id]
			found = append(found, a.ifZero())
		}
	}
	a.leave()
	a.land(found...)
	a.bytes(0x48, 0x8b, 0x0e) // mov rcx, [rsi]
	a.addToRCX(x.seconds)
	a.bytes(0x48, 0x89, 0x0e) // mov [rsi], rcx
	a.leave()
}

func (x annex) correctTimeofday(a *x86) {
	a.onSuccess()
	a.bytes(0x48, 0x89, 0xf9) // mov rcx, rdi
	none := a.ifZero()
	a.bytes(0x48, 0x8b, 0x0f) // mov rcx, [rdi]
	a.addToRCX(x.seconds)
	a.bytes(0x48, 0x89, 0x0f) // mov [rdi], rcx
	a.land(none)
	a.leave()
}

func (x annex) correctTime(a *x86) {
	a.bytes(0x48, 0x89, 0xf9) // mov rcx, rdi
	none := a.ifZero()
	a.bytes(0x48, 0x8d, 0x48, 14) // lea rcx, [rax+EFAULT]
	failed := a.ifZero()
	a.bytes(0x48, 0x8d, 0x80) // lea rax, [rax+seconds]
	a.u32(uint32(x.seconds))
	a.bytes(0x48, 0x89, 0x07) // mov [rdi], rax
	a.leave()
	a.land(none)
	a.bytes(0x48, 0x8d, 0x80) // lea rax, [rax+seconds]
	a.u32(uint32(x.seconds))
	a.land(failed)
	a.leave()
}

// correctUname copies the names over the answer: eight bytes at a time, and each one's last.
func (x annex) correctUname(a *x86) {
	a.onSuccess()
	size := 0
	for _, n := range x.names {
		size += len(n.data)/8*14 + len(n.data)%8*12
	}
	text := uint64(len(a.out) + size + 3) // behind the code
	for _, n := range x.names {
		for i := 0; i < len(n.data); {
			load, store, step := []byte{0x48, 0x8b, 0x0d}, []byte{0x48, 0x89, 0x8f}, 8 // mov rcx, [rip+…]; mov [rdi+…], rcx
			if len(n.data)-i < 8 {
				load, store, step = []byte{0x8a, 0x0d}, []byte{0x88, 0x8f}, 1 // mov cl, [rip+…]; mov [rdi+…], cl
			}
			a.bytes(load...)
			a.u32(uint32(text + uint64(i) - uint64(len(a.out)+4)))
			a.bytes(store...)
			a.u32(uint32(n.offset + i))
			i += step
		}
		text += uint64(len(n.data))
	}
	a.leave()
	for _, n := range x.names {
		a.bytes(n.data...)
	}
}

// slot makes call nr and goes on at after, by way of its corrector.
func (x annex) slot(i int, nr uint32, corrector int, after uint64) []byte {
	a := x86{at: x.base + uint64(annexSlots+i*slotSize)}
	a.bytes(0xb8) // mov eax, nr
	a.u32(nr)
	a.bytes(0x0f, 0x05) // syscall
	a.bytes(0x49, 0xbb) // mov r11, after
	a.u64(after)
	a.rel32(0xe9, x.base+uint64(corrector)) // jmp corrector
	return a.out
}

// stub is what a site jumps to: it picks the slot of the call that rax names and makes every other call itself.
func stub(at, after uint64, slots map[uint32]uint64) []byte {
	a := x86{at: at}
	found := map[uint32]int{}
	for _, nr := range sortedKeys(slots) {
		a.bytes(0x48, 0x8d, 0x88) // lea rcx, [rax-nr]
		a.u32(-nr)
		found[nr] = a.ifZero()
	}
	a.bytes(0x0f, 0x05) // syscall
	a.rel32(0xe9, after)
	for _, nr := range sortedKeys(slots) {
		a.land(found[nr])
		a.bytes(0xff, 0x25, 0, 0, 0, 0) // jmp [rip]
		a.u64(slots[nr])
	}
	return a.out
}

func sortedKeys(m map[uint32]uint64) []uint32 {
	var keys []uint32
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// jumpTo is the jump at a site's opening.
func jumpTo(at, stub uint64) []byte {
	a := x86{at: at}
	a.rel32(0xe9, stub)
	return a.out
}

// reaches says whether a jump of five bytes gets from one address to the other.
func reaches(from, to uint64) bool {
	const most = 1<<31 - 1<<16
	d := int64(to - from)
	return -most < d && d < most
}

func (a *x86) align(n int) { a.bytes(make([]byte, -len(a.out)&(n-1))...) }

// leave is jmp r11.
func (a *x86) leave() { a.bytes(0x41, 0xff, 0xe3) }

// ifZero is jrcxz to a place that land names; it leaves the flags alone.
func (a *x86) ifZero() (at int) {
	a.bytes(0xe3, 0)
	return len(a.out)
}

func (a *x86) land(from ...int) {
	for _, at := range from {
		a.out[at-1] = byte(len(a.out) - at)
	}
}

// onSuccess leaves unless rax is 0.
func (a *x86) onSuccess() {
	a.bytes(0x48, 0x89, 0xc1) // mov rcx, rax
	fine := a.ifZero()
	a.leave()
	a.land(fine)
}

func (a *x86) addToRCX(n int32) {
	a.bytes(0x48, 0x8d, 0x89) // lea rcx, [rcx+n]
	a.u32(uint32(n))
}
