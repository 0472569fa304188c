// Package pages has the kernel give memory before it is used, many pages at a time.
//
// A page of memory comes when it is first touched, by a fault that costs half a microsecond on bare hardware and 20 in some virtual machines;
// asked for together, a page costs a fifteenth of that there. A short command touches some 500 of them: a tenth of all that `selfsame verify`
// took.
package pages

import (
	"syscall"
	"unsafe"
)

// populateWrite is MADV_POPULATE_WRITE of madvise(2), which Linux knows from 5.14 on.
const populateWrite = 23

// heapPiece is by how much Go's heap grows at least, in bytes, each piece beginning at a multiple of that (runtime/mheap.go).
const heapPiece = 4 << 20

// first is an object in the heap's first piece.
var first = new([64]byte)

// The heap's first piece, before other packages set themselves up in it: this one imports next to nothing, so that it comes before them.
func init() { populate(uintptr(unsafe.Pointer(first))&^(heapPiece-1), heapPiece) } //nolint:gosec // an address to give a hint about

// Populate gives b, which was not used yet, the memory that it stands for. Where the kernel does not know how, b is touched, a page at a time.
func Populate(b []byte) {
	if len(b) == 0 {
		return
	}
	page := uintptr(syscall.Getpagesize())
	start := uintptr(unsafe.Pointer(unsafe.SliceData(b))) //nolint:gosec // as above
	if from, to := (start+page-1)&^(page-1), (start+uintptr(len(b)))&^(page-1); from >= to || populate(from, to-from) {
		return
	}
	touch(b, int(page))
}

func touch(b []byte, page int) {
	for i := 0; i < len(b); i += page {
		b[i] = 0
	}
}

// populate gives the pages of some memory of this process, and tells whether the kernel did: a hint, which changes nothing that anybody could
// read.
func populate(at, size uintptr) bool {
	_, _, errno := syscall.RawSyscall(syscall.SYS_MADVISE, at, size, populateWrite)
	return errno == 0
}
