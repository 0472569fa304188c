package guardcli

import (
	"runtime"
	"runtime/metrics"
	"testing"
	"time"
)

func TestGarbage(t *testing.T) {
	for _, c := range []struct {
		used uint64
		want int
	}{{0, 1000}, {1 << 20, 1000}, {8 << 20, 400}, {10 << 20, 300}, {20 << 20, 100}, {35 << 20, 100}, {heapRoom, 100}, {1 << 40, 100}} {
		if got := garbage(c.used); got != c.want {
			t.Errorf("%d MiB in use: %d%%, want %d%%", c.used>>20, got, c.want)
		}
	}
}

// TestMakeRoom: the collector is told anew after each time that it ran, also when the heap is large and then small again, and no more at the end.
func TestMakeRoom(t *testing.T) {
	percent := func(good func(uint64) bool) uint64 {
		sample := []metrics.Sample{{Name: "/gc/gogc:percent"}}
		for range 200 {
			runtime.GC()
			if metrics.Read(sample); good(sample[0].Value.Uint64()) {
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
		return sample[0].Value.Uint64()
	}
	more := func(n uint64) bool { return n > leastGarbage }
	least := func(n uint64) bool { return n == leastGarbage }
	end := makeRoom()
	if got := percent(more); !more(got) {
		t.Errorf("little in use: %d%%", got)
	}
	used := new([heapRoom]byte)
	if got := percent(least); !least(got) {
		t.Errorf("much in use: %d%%", got)
	}
	runtime.KeepAlive(used)
	if got := percent(more); !more(got) {
		t.Errorf("little in use again: %d%%", got)
	}
	end()
	if got := percent(least); !least(got) {
		t.Errorf("after the end: %d%%", got)
	}
}
