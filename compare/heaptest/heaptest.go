// Package heaptest holds calls to a bound on the memory that they have in use at once.
package heaptest

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"
)

const (
	// percent is how much may be allocated beyond what is live until the next collection, which measures again.
	percent = 10
	// tries is how often a call may be too large: what is allocated while a collection runs counts as live until the
	// next, which on a busy machine is a multiple of what is held. It comes and goes; what is held stays.
	tries = 4
)

// Within calls f, which must do the same each time, until it holds at most limit bytes of the heap beyond what was held before the first call,
// and fails the test if it never does. What f has in use for less than 5 ms, or only at its very end, may be missed. Nothing else may run beside
// it: the number is the process's.
func Within(t testing.TB, limit int64, f func()) {
	t.Helper()
	defer debug.SetGCPercent(debug.SetGCPercent(percent))
	runtime.GC()
	before := live()
	start := time.Now()
	least := most(f) - before
	took := time.Since(start)
	for n := 1; n < tries && least > limit; n++ {
		least = min(least, most(f)-before)
	}
	t.Logf("%.1f MB of heap, of %d allowed; %v", float64(least)/(1<<20), limit>>20, took)
	if least > limit {
		t.Errorf("%d MB of heap at least, of %d allowed", least>>20, limit>>20)
	}
}

// most is the most that a collection found in use while f ran.
func most(f func()) int64 {
	runtime.GC()
	var bytes int64
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			bytes = max(bytes, live())
			select {
			case <-done:
				return
			case <-tick.C:
			}
		}
	}()
	func() {
		defer func() { close(done); <-ended }() // also where f ends the test
		f()
	}()
	return max(bytes, live())
}

// live is what the last collection found in use.
func live() int64 {
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(s)
	return int64(s[0].Value.Uint64())
}
