package cause

import (
	"encoding/binary"
	"fmt"

	"github.com/selfsame-build/selfsame/internal/lazyregexp"
)

// address is where something lay in memory.
var address = Cause{
	Class: "T14", Title: "memory address", judge: judgeAddress,
	Remedy: "do not print or sort by addresses: use a name or a number of your own",
	Page: `A program wrote the address of something in its memory, or memory that it had never set, or sorted by addresses.

Addresses are drawn anew for each process. Print names instead; sort by a key; set memory before writing it (valgrind and MemorySanitizer
find where it is not).`,
}

// pointers are addresses of programs, heaps, stacks and libraries on 64-bit Linux.
var pointers = lazyregexp.New(`(?i)^(0x)?(0000)?(7[ef][0-9a-f]{10}|5[5-6][0-9a-f]{10}|ffff[0-9a-f]{8}|aaaa[0-9a-f]{8}|ffff[89a-f][0-9a-f]{11})$`)

func looksPointer(word string) bool { return pointers.MatchString(word) }

func judgeAddress(s *spot) (verdict, bool) {
	for _, r := range s.runs {
		a, b := r.a.word(), r.b.word()
		if looksPointer(a) && looksPointer(b) {
			return verdict{certainty: Likely, weight: 9, evidence: fmt.Sprintf("two addresses: %s and %s", a, b)}, true
		}
		if pa, ok := binaryPointer(r.a); ok {
			if pb, ok := binaryPointer(r.b); ok {
				return verdict{certainty: Likely, weight: 7, evidence: fmt.Sprintf("two addresses: 0x%x and 0x%x", pa, pb)}, true
			}
		}
	}
	return verdict{}, false
}

// binaryPointer is an address in eight bytes, little endian, that the run is in.
func binaryPointer(s side) (uint64, bool) {
	for at := max(0, s.from-7); at <= s.from && at+8 <= len(s.text); at++ {
		v := binary.LittleEndian.Uint64(s.text[at:])
		if s.to <= at+8 && s.to > s.from && (v>>40 == 0x7f || v>>40 == 0x7e || v>>40 == 0x55 || v>>40 == 0x56) {
			return v, true
		}
	}
	return 0, false
}
