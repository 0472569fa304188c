package pages

import (
	"os"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// known skips a test where the kernel does not know how, which is no failure: memory comes page by page there.
func known(t *testing.T) {
	t.Helper()
	if !populate(uintptr(unsafe.Pointer(first))&^uintptr(os.Getpagesize()-1), uintptr(os.Getpagesize())) {
		t.Skip("this kernel has no MADV_POPULATE_WRITE")
	}
}

// resident is how many of a range's pages are there.
func resident(t *testing.T, at, size uintptr) (pages, all int) {
	t.Helper()
	seen := make([]byte, int(size)/os.Getpagesize())
	if _, _, errno := unix.Syscall(unix.SYS_MINCORE, at, size, uintptr(unsafe.Pointer(&seen[0]))); errno != 0 {
		t.Fatal(errno)
	}
	for _, s := range seen {
		pages += int(s & 1)
	}
	return pages, len(seen)
}

// TestFirstPiece: a wrong place or size of the heap's first piece would go unnoticed, as what is asked for is a hint.
func TestFirstPiece(t *testing.T) {
	known(t)
	if there, all := resident(t, uintptr(unsafe.Pointer(first))&^(heapPiece-1), heapPiece); there != all {
		t.Errorf("%d pages of %d are there", there, all)
	}
}

func TestPopulate(t *testing.T) {
	known(t)
	b, err := unix.Mmap(-1, 0, 1<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Munmap(b) }()
	at := uintptr(unsafe.Pointer(&b[0]))
	b[len(b)/2] = 7
	if there, _ := resident(t, at, uintptr(len(b))); there != 1 {
		t.Fatalf("%d pages are there at the start", there)
	}
	page := os.Getpagesize()
	Populate(b[page+1 : len(b)-1]) // whole pages alone
	if there, all := resident(t, at, uintptr(len(b))); there != all-3 || b[len(b)/2] != 7 {
		t.Errorf("%d pages of %d are there; what was in one is %d", there, all, b[len(b)/2])
	}
	Populate(nil) // no panic
	Populate(b[1:2])
}

// TestTouch: what older kernels are left with.
func TestTouch(t *testing.T) {
	b, err := unix.Mmap(-1, 0, 1<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Munmap(b) }()
	touch(b, os.Getpagesize())
	if there, all := resident(t, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b))); there != all {
		t.Errorf("%d pages of %d are there", there, all)
	}
}
