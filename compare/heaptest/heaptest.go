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

// Within calls f, which must do the same each time, until it holds at most limit bytes of the heap beyond what was held
// before, and fails the test if it never does. Nothing else may run beside it: the number is the process's.
func Within(t testing.TB, limit int64, f func()) {
	t.Helper()
	least, took := measured(f)
	for n := 1; n < tries && least > limit; n++ {
		again, _ := measured(f)
		least = min(least, again)
	}
	t.Logf("%.1f MB of heap, of %d allowed; %v", float64(least)/(1<<20), limit>>20, took)
	if least > limit {
		t.Errorf("%d MB of heap at least, of %d allowed", least>>20, limit>>20)
	}
}

func measured(f func()) (most int64, took time.Duration) {
	defer debug.SetGCPercent(debug.SetGCPercent(percent))
	runtime.GC()
	before := live()
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for tick := time.NewTicker(5 * time.Millisecond); ; {
			select {
			case <-done:
				tick.Stop()
				return
			case <-tick.C:
				most = max(most, live()-before)
			}
		}
	}()
	start := time.Now()
	f()
	took = time.Since(start)
	close(done)
	<-ended
	return max(most, live()-before), took
}

// live is what the last collection found in use.
func live() int64 {
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(s)
	return int64(s[0].Value.Uint64())
}
