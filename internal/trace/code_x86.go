package trace

import "encoding/binary"

// wrapper is code that replaces one vDSO function: it calls the original and adds the offset to its answer.
type wrapper struct {
	symbols []string // the names under which programs look the function up
	// code returns the instructions as they must stand at offset at of the vDSO, given the original's offset.
	code func(at, original uint64, seconds int64) []byte
}

// wrappersX86 are the wrappers for x86-64. Arguments arrive in rdi and rsi; the added pushes keep rsp a multiple of 16 at
// each call, as the calling convention asks.
var wrappersX86 = []wrapper{
	{[]string{"__vdso_clock_gettime", "clock_gettime"}, x86ClockGettime},
	{[]string{"__vdso_gettimeofday", "gettimeofday"}, x86Gettimeofday},
	{[]string{"__vdso_time", "time"}, x86Time},
}

// x86ClockGettime wraps clock_gettime(clock, ts). A clock that is not a wall clock goes to the original by a plain jump.
func x86ClockGettime(at, original uint64, seconds int64) []byte {
	a := x86{at: at}
	a.bytes(0x83, 0xff, 0x0b) // cmp edi, 11
	a.bytes(0x77, 0x23)       // ja plain
	a.bytes(0xb8)             // mov eax, wallClocks
	a.u32(wallClocks)         //
	a.bytes(0x0f, 0xa3, 0xf8) // bt eax, edi
	a.bytes(0x73, 0x19)       // jnc plain
	a.bytes(0x56)             // push rsi
	a.rel32(0xe8, original)   // call original
	a.bytes(0x5e)             // pop rsi
	a.bytes(0x85, 0xc0)       // test eax, eax
	a.bytes(0x75, 0x0d)       // jne done
	a.bytes(0x48, 0xb9)       // mov rcx, seconds
	a.u64(uint64(seconds))    //
	a.bytes(0x48, 0x01, 0x0e) // add [rsi], rcx
	a.bytes(0xc3)             // done: ret
	a.rel32(0xe9, original)   // plain: jmp original
	return a.out
}

// x86Gettimeofday wraps gettimeofday(tv, tz); tv may be null.
func x86Gettimeofday(at, original uint64, seconds int64) []byte {
	a := x86{at: at}
	a.bytes(0x57)             // push rdi
	a.rel32(0xe8, original)   // call original
	a.bytes(0x5f)             // pop rdi
	a.bytes(0x85, 0xc0)       // test eax, eax
	a.bytes(0x75, 0x12)       // jne done
	a.bytes(0x48, 0x85, 0xff) // test rdi, rdi
	a.bytes(0x74, 0x0d)       // je done
	a.bytes(0x48, 0xb9)       // mov rcx, seconds
	a.u64(uint64(seconds))    //
	a.bytes(0x48, 0x01, 0x0f) // add [rdi], rcx
	a.bytes(0xc3)             // done: ret
	return a.out
}

// x86Time wraps time(t), which returns the seconds and stores them too when t is not null.
func x86Time(at, original uint64, seconds int64) []byte {
	a := x86{at: at}
	a.bytes(0x57)             // push rdi
	a.rel32(0xe8, original)   // call original
	a.bytes(0x5f)             // pop rdi
	a.bytes(0x48, 0xb9)       // mov rcx, seconds
	a.u64(uint64(seconds))    //
	a.bytes(0x48, 0x01, 0xc8) // add rax, rcx
	a.bytes(0x48, 0x85, 0xff) // test rdi, rdi
	a.bytes(0x74, 0x03)       // je done
	a.bytes(0x48, 0x89, 0x07) // mov [rdi], rax
	a.bytes(0xc3)             // done: ret
	return a.out
}

// x86 collects instructions that will stand at offset at.
type x86 struct {
	at  uint64
	out []byte
}

func (a *x86) bytes(b ...byte) { a.out = append(a.out, b...) }
func (a *x86) u32(v uint32)    { a.out = binary.LittleEndian.AppendUint32(a.out, v) }
func (a *x86) u64(v uint64)    { a.out = binary.LittleEndian.AppendUint64(a.out, v) }

// rel32 emits a call or jump to offset target, which the CPU counts from the end of the instruction.
func (a *x86) rel32(opcode byte, target uint64) {
	a.bytes(opcode)
	a.u32(uint32(target - (a.at + uint64(len(a.out)) + 4)))
}
