package admission

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/selfsame-build/selfsame/test/kube"
)

// load runs n calls, at most at once at a time, and reports the rate and the 50th and 99th percentile of a call's time.
func load(b *testing.B, n, at int, call func(i int) error) {
	took := make([]time.Duration, n)
	next := make(chan int)
	var all sync.WaitGroup
	begin := time.Now()
	for range at {
		all.Go(func() {
			for i := range next {
				start := time.Now()
				if err := call(i); err != nil {
					b.Error(err)
				}
				took[i] = time.Since(start)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	all.Wait()
	b.ReportMetric(float64(n)/time.Since(begin).Seconds(), "pods/s")
	slices.Sort(took)
	b.ReportMetric(float64(took[n/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[n*99/100].Microseconds())/1000, "p99-ms")
	b.ReportMetric(0, "ns/op") // meaningless here
}

// BenchmarkPods are 1,000 pods at a real API server, with both webhooks and the policies; compare with none in the namespace kube-system,
// which is exempt here.
func BenchmarkPods(b *testing.B) {
	c, h := world(b)
	h.tags.set(shop+":bench", good)
	for _, ns := range []string{c.Namespace(b), "kube-system"} {
		name := "judged"
		if ns == "kube-system" {
			name = "exempt"
		}
		b.Run(name, func(b *testing.B) {
			for n := 0; b.Loop(); n++ {
				load(b, 1000, 16, func(i int) error {
					return c.Create(b.Context(), kube.Pods(ns), kube.Pod(fmt.Sprintf("bench-%d-%d-%d", b.N, n, i), shop+":bench"), nil)
				})
			}
		})
	}
}
