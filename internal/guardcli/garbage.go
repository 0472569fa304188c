package guardcli

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/selfsame-build/selfsame/internal/pages"
)

// heapRoom is how large the heap may grow before its garbage is collected, in bytes, where twice of what is in use would be less: a guard that
// knows a hundred images uses 9 MB, and under load collected five times a second, each time in the way of what was being judged. It is well
// below softMemory, and what is used of it is memory that gathering evidence has had before.
const heapRoom = 40 << 20

// Bounds of the percentage of garbage (runtime/debug.SetGCPercent). The least is Go's own.
const (
	leastGarbage = 100
	mostGarbage  = 1000
)

// garbage is how much garbage may lie beside what is in use, in percent, so that both fill the room.
func garbage(used uint64) int {
	for percent := mostGarbage; percent > leastGarbage; percent -= 10 {
		if used+used*uint64(percent)/100 <= heapRoom {
			return percent
		}
	}
	return leastGarbage
}

// makeRoom has the collector wait for the heap to fill its room, now and after each time that it ran, until end. The room is there from the
// start.
func makeRoom() (end func()) {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	var ended atomic.Bool
	before := debug.SetGCPercent(leastGarbage)
	present := leastGarbage
	var again func(struct{})
	again = func(struct{}) {
		if ended.Load() {
			debug.SetGCPercent(before)
			return
		}
		metrics.Read(sample)
		// Each change stops everything for a moment: one that is small is not worth it.
		if want := garbage(sample[0].Value.Uint64()); want < present*9/10 || want > present*11/10 {
			debug.SetGCPercent(want)
			present = want
		}
		runtime.AddCleanup(new([16]byte), again, struct{}{}) // which the next collection calls
	}
	again(struct{}{})
	touchRoom()
	return func() { ended.Store(true) }
}

// touchRoom has the kernel give us the room's memory now, in large pages where it can, and frees it for what is to come. Each question that nobody
// has asked before would otherwise meet 20 to 50 pages that were never used.
func touchRoom() {
	room := make([]byte, heapRoom/4*3)                                           // what is alive has its part already
	_ = unix.Madvise(room[:len(room)&^(os.Getpagesize()-1)], unix.MADV_HUGEPAGE) // where that is off, pages are small
	pages.Populate(room)
	runtime.GC() // it is not used any more
}
