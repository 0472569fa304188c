package trace

import "encoding/binary"

// wrappersA64 are the wrappers for arm64. Arguments arrive in x0 and x1; x9 and x10 are free to use. Each begins with a
// landing pad for indirect branches (bti c), which older CPUs take as a no-op.
var wrappersA64 = []wrapper{
	{[]string{"__kernel_clock_gettime"}, a64ClockGettime},
	{[]string{"__kernel_gettimeofday"}, a64Gettimeofday},
}

// a64ClockGettime wraps clock_gettime(clock, ts). A clock that is not a wall clock goes to the original by a plain branch.
func a64ClockGettime(at, original uint64, seconds int64) []byte {
	a := a64{at: at}
	a.op(0xd503245f)                 //  0 bti c
	a.op(0x71002c1f)                 //  1 cmp w0, #11
	a.op(0x54000008 | 18<<5)         //  2 b.hi plain (20)
	a.op(0x52800009 | wallClocks<<5) //  3 mov w9, #wallClocks
	a.op(0x1ac02529)                 //  4 lsr w9, w9, w0
	a.op(0x36000009 | 15<<5)         //  5 tbz w9, #0, plain (20)
	a.op(0xa9be7bfd)                 //  6 stp x29, x30, [sp, #-32]!
	a.op(0x910003fd)                 //  7 mov x29, sp
	a.op(0xf9000be1)                 //  8 str x1, [sp, #16]
	a.branch(0x94000000, original)   //  9 bl original
	a.op(0xf9400be1)                 // 10 ldr x1, [sp, #16]
	a.op(0xa8c27bfd)                 // 11 ldp x29, x30, [sp], #32
	a.op(0x35000000 | 5<<5)          // 12 cbnz w0, done (17)
	a.op(0x58000009 | 9<<5)          // 13 ldr x9, seconds (22)
	a.op(0xf940002a)                 // 14 ldr x10, [x1]
	a.op(0x8b09014a)                 // 15 add x10, x10, x9
	a.op(0xf900002a)                 // 16 str x10, [x1]
	a.op(0xd65f03c0)                 // 17 done: ret
	a.op(0xd503201f)                 // 18 nop
	a.op(0xd503201f)                 // 19 nop
	a.branch(0x14000000, original)   // 20 plain: b original
	a.op(0xd503201f)                 // 21 nop: the literal is aligned to 8
	a.u64(uint64(seconds))           // 22 seconds
	return a.out
}

// a64Gettimeofday wraps gettimeofday(tv, tz); tv may be null.
func a64Gettimeofday(at, original uint64, seconds int64) []byte {
	a := a64{at: at}
	a.op(0xd503245f)               //  0 bti c
	a.op(0xa9be7bfd)               //  1 stp x29, x30, [sp, #-32]!
	a.op(0x910003fd)               //  2 mov x29, sp
	a.op(0xf9000be0)               //  3 str x0, [sp, #16]
	a.branch(0x94000000, original) //  4 bl original
	a.op(0xf9400be1)               //  5 ldr x1, [sp, #16]
	a.op(0xa8c27bfd)               //  6 ldp x29, x30, [sp], #32
	a.op(0x35000000 | 6<<5)        //  7 cbnz w0, done (13)
	a.op(0xb4000001 | 5<<5)        //  8 cbz x1, done (13)
	a.op(0x58000009 | 5<<5)        //  9 ldr x9, seconds (14)
	a.op(0xf940002a)               // 10 ldr x10, [x1]
	a.op(0x8b09014a)               // 11 add x10, x10, x9
	a.op(0xf900002a)               // 12 str x10, [x1]
	a.op(0xd65f03c0)               // 13 done: ret
	a.u64(uint64(seconds))         // 14 seconds
	return a.out
}

// a64 collects instructions that will stand at offset at, which is a multiple of 16.
type a64 struct {
	at  uint64
	out []byte
}

func (a *a64) op(v uint32)  { a.out = binary.LittleEndian.AppendUint32(a.out, v) }
func (a *a64) u64(v uint64) { a.out = binary.LittleEndian.AppendUint64(a.out, v) }

// branch emits b or bl to offset target, counted in instructions from the branch itself.
func (a *a64) branch(opcode uint32, target uint64) {
	words := int64(target-a.at-uint64(len(a.out))) / 4
	a.op(opcode | uint32(words)&0x03ffffff)
}
