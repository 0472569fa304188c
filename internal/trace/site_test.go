package trace

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"golang.org/x/arch/x86/x86asm"
)

// The beginnings and ends of functions as compilers make them.
var (
	cmpAndReturn = []byte{0x48, 0x3d, 0x01, 0xf0, 0xff, 0xff, 0x73, 0x01, 0xc3} // cmp rax, -4095; jae +1; ret
	notErrno     = []byte{0xf7, 0xd8, 0xc3}                                     // neg eax; ret
	longNop      = []byte{0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0}
	loadUname    = []byte{0xb8, 63, 0, 0, 0}
	systemCall   = []byte{0x0f, 0x05}
)

func TestOpenings(t *testing.T) {
	const start = 0x7f0000001000
	for _, c := range []struct {
		name string
		code [][]byte
		want opening // relative to start
		ok   bool
	}{
		{"the number is loaded right before", [][]byte{{0x90}, loadUname, systemCall, cmpAndReturn}, opening{1, false, 8}, true},
		{"another register's number, and no room", [][]byte{{0x41}, loadUname, systemCall, cmpAndReturn}, opening{}, false},
		{"another number, room behind the return", [][]byte{{0x90}, {0xb8, 64, 0, 0, 0}, systemCall, cmpAndReturn, notErrno, longNop, {0x66, 0x90}},
			opening{20, true, 8}, true},
		{"no room: the next function begins", [][]byte{{0x90, 0x89, 0xf8}, systemCall, cmpAndReturn, notErrno[:2], endbr64, longNop}, opening{}, false},
		{"traps fill the room", [][]byte{{0x90, 0x89, 0xf8}, systemCall, {0xc3}, bytes.Repeat([]byte{0xcc}, 10)}, opening{6, true, 5}, true},
		{"the room is too small", [][]byte{{0x90, 0x89, 0xf8}, systemCall, bytes.Repeat([]byte{0x90}, 6), {0xc3}, bytes.Repeat([]byte{0xcc}, 4)}, opening{}, false},
		{"what follows the return at a multiple of 16 is a function", [][]byte{{0x90, 0x89, 0xf8}, systemCall, bytes.Repeat([]byte{0x90}, 10), {0xc3}, longNop}, opening{}, false},
		{"nothing returns", [][]byte{{0x90, 0x89, 0xf8}, systemCall, bytes.Repeat([]byte{0x90}, 200)}, opening{}, false},
		{"code that cannot be read", [][]byte{{0x90, 0x89, 0xf8}, systemCall, {0x06, 0xc3}, longNop, longNop}, opening{}, false},
		{"fills between code, not behind it", [][]byte{{0x90, 0x89, 0xf8}, systemCall, longNop, {0x90}, {0xeb, 0xfe}, loadUname}, opening{}, false},
		{"no call", [][]byte{{0x90}, loadUname, {0x0f, 0x0b}, cmpAndReturn}, opening{}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			code := slices.Concat(c.code...)
			at := bytes.Index(code, systemCall)
			if at < 0 {
				at = 6
			}
			got, ok := findOpening(code, start, start+uint64(at), 63)
			if ok {
				got.jump, got.after = got.jump-start, got.after-start
			}
			if ok != c.ok || ok && got != c.want {
				t.Errorf("got %+v %v, want %+v %v", got, ok, c.want, c.ok)
			}
		})
	}
	if _, ok := findOpening(systemCall, start, start-5, 63); ok {
		t.Error("an opening outside of the code")
	}
}

func testAnnex() annex {
	x := annex{base: 0x4d0000000000, seconds: -86400, marker: [16]byte{1, 2, 3}}
	for _, r := range rulesX86 {
		if slices.Contains([]action{actClockGettime, actGettimeofday, actTime, actUname}, r.act) {
			x.rules = append(x.rules, r)
		}
	}
	for _, at := range []int{utsRelease, utsVersion} {
		x.names = append(x.names, edit{at, bytes.Repeat([]byte{byte(at)}, nameLength)})
	}
	return x
}

// The annex's code reads as instructions from end to end, leaves by r11, has room, and its copy of the names reads them and nothing else.
func TestAnnexCode(t *testing.T) {
	x := testAnnex()
	page, correctors := x.image()
	if len(page) > annexSlots || len(correctors) != len(x.rules) {
		t.Fatalf("%d bytes, %d correctors", len(page), len(correctors))
	}
	for i, c := range correctors {
		end := len(page)
		if i+1 < len(correctors) {
			end = correctors[i+1].at
		}
		names := map[byte]int{}
		leaves := 0
		for at := c.at; at < end; {
			in, err := x86asm.Decode(page[at:end], 64)
			if err != nil {
				t.Fatalf("action %d: %v at %d", c.act, err, at)
			}
			at += in.Len
			if mem, ok := in.Args[1].(x86asm.Mem); ok && mem.Base == x86asm.RIP {
				for _, b := range page[at+int(mem.Disp):][:in.MemBytes] {
					names[b]++
				}
			}
			if in.Op == x86asm.JMP && in.Args[0] == x86asm.R11 {
				if leaves++; c.act == actUname && leaves == 2 {
					break
				}
			}
		}
		if leaves < 2 {
			t.Errorf("action %d never leaves", c.act)
		}
		if first, second := names[byte(utsRelease)], names[byte(utsVersion&0xff)]; c.act == actUname && (first != nameLength || second != nameLength) {
			t.Errorf("uname copies %d and %d bytes", first, second)
		}
	}
}

// A stub sends each of its calls to its own slot, makes the others itself and goes back to where the call was.
func TestStub(t *testing.T) {
	slots := map[uint32]uint64{63: 0x1111, 96: 0x2222, 201: 0x3333, 228: 0x4444}
	const at, after = 0x7f0000000040, 0x7f0000100000
	code := stub(at, after, slots)
	if len(code) > stubSize {
		t.Fatalf("%d bytes", len(code))
	}
	for nr, want := range slots {
		if got := follow(t, code, at, nr); got != want {
			t.Errorf("call %d goes to %#x, want %#x", nr, got, want)
		}
	}
	if got := follow(t, code, at, 39); got != after {
		t.Errorf("another call ends at %#x, want %#x", got, after)
	}
	x := testAnnex()
	slot := x.slot(maxSlots-1, 228, annexCode, after)
	if len(slot) > slotSize || annexSlots+maxSlots*slotSize > pageSize || landingStubs+maxStubs*stubSize > pageSize {
		t.Errorf("a slot of %d bytes, or too many of them", len(slot))
	}
}

// follow runs a stub's few kinds of instructions and returns where it jumps to.
func follow(t *testing.T, code []byte, at uint64, rax uint32) uint64 {
	t.Helper()
	rcx := uint64(0)
	for pc := 0; ; {
		in, err := x86asm.Decode(code[pc:], 64)
		if err != nil {
			t.Fatal(err)
		}
		pc += in.Len
		switch in.Op {
		case x86asm.LEA:
			rcx = uint64(rax) + uint64(in.Args[1].(x86asm.Mem).Disp)
		case x86asm.JRCXZ:
			if rcx == 0 {
				pc += int(in.Args[0].(x86asm.Rel))
			}
		case x86asm.SYSCALL:
		case x86asm.JMP:
			if rel, ok := in.Args[0].(x86asm.Rel); ok {
				return at + uint64(pc) + uint64(int64(rel))
			}
			return binary.LittleEndian.Uint64(code[pc:])
		default:
			t.Fatalf("unexpected %v", in)
		}
	}
}
