package engine_test

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	digest "github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"github.com/selfsame-build/selfsame/guard/engine"
	"github.com/selfsame-build/selfsame/guard/metrics"
	"github.com/selfsame-build/selfsame/policy"
)

// large is a Gatherer whose evidence is as large as a real image's: 50 statements, 400 packages, 400 inputs.
type large struct{ took time.Duration }

func (l large) Gather(_ context.Context, name string, d digest.Digest) (policy.Evidence, error) {
	time.Sleep(l.took)
	ev := policy.Evidence{Image: policy.Image{Name: name, Digest: d.String()}, Summary: policy.Summary{Reproduced: true, Level: 2}}
	p := policy.Provenance{Subject: d.String(), Signer: "release", Builder: "https://selfsame.build/builder/local/v1", Level: 2, Parameters: map[string]any{"recipe": "shop"}}
	for i := range 400 {
		ev.Packages = append(ev.Packages, policy.Package{Name: fmt.Sprint("package-", i), Version: "1.2.3", PURL: fmt.Sprintf("pkg:deb/debian/package-%d@1.2.3", i), License: "MIT"})
		p.Inputs = append(p.Inputs, policy.Input{URI: fmt.Sprintf("pkg:deb/debian/package-%d@1.2.3", i), Digest: digest.FromString(fmt.Sprint(i)).String()})
	}
	ev.Provenance = []policy.Provenance{p}
	for i := range 50 {
		ev.Signatures = append(ev.Signatures, policy.Signature{Signer: fmt.Sprint("signer-", i), Roles: []string{"release"}, Subject: d.String(), Type: "https://slsa.dev/provenance/v1"})
	}
	return ev, nil
}
func (large) Epoch() engine.Epoch           { return engine.Epoch{Trust: "t", Deny: 1} }
func (large) Refresh(context.Context) error { return nil }

// rules look at most of the evidence.
const rules = `policy: v1
name: bench
version: %d
rules:
  - {name: signed, match: ["registry.example.com/**"], require: 'signatures.exists(s, s.signer == "signer-%d")', message: m, fix: f}
  - {name: built-here, match: ["registry.example.com/**"], require: 'provenance.every(p, p.level >= 2)', message: m, fix: f}
  - {name: reproduced, match: ["registry.example.com/**"], require: 'summary.reproduced', message: m, fix: f}
  - {name: licences, match: ["registry.example.com/**"], require: '!packages.exists(p, p.license == "AGPL-3.0-only")', message: m, fix: f}
`

// bench is an engine as a node has it: with metrics, a log and a folder.
func bench(b *testing.B, took time.Duration, images int) (*engine.Engine, *int) {
	b.Helper()
	return benchRules(b, took, images, rules)
}

func benchRules(b *testing.B, took time.Duration, images int, rules string) (*engine.Engine, *int) {
	b.Helper()
	version := 1
	e, err := engine.New(engine.Config{Gatherer: large{took}, Metrics: metrics.New(), Decisions: io.Discard, State: filepath.Join(b.TempDir(), "s"), Fresh: time.Hour, Images: max(images, 1),
		Policy: func(context.Context) (*policy.Policy, error) {
			return policy.Parse("p", fmt.Appendf(nil, rules, version, version))
		}})
	check(b, err)
	b.Cleanup(e.Close)
	check(b, e.Refresh(b.Context()))
	return e, &version
}

func image(i int) engine.Question {
	return engine.Question{Name: shop, Digest: digest.FromString(fmt.Sprint(i)), Who: engine.Who{Gate: engine.GateStart, Namespace: "shop", Workload: "Pod/shop-0"}}
}

// BenchmarkAskWarm is what every container start pays: nanoseconds, and the slowest of a hundred.
func BenchmarkAskWarm(b *testing.B) {
	e, _ := bench(b, 0, 100)
	for i := range 100 {
		e.Ask(b.Context(), image(i))
	}
	var mu sync.Mutex
	var all []time.Duration
	b.ReportAllocs()
	used := processor(b)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		var took []time.Duration
		for i := 0; pb.Next(); i++ {
			q := image(i % 100)
			began := time.Now()
			if a := e.Ask(b.Context(), q); !a.Allow || !a.Cached {
				b.Error(a.Denial())
			}
			took = append(took, time.Since(began))
		}
		mu.Lock()
		defer mu.Unlock()
		all = append(all, took...)
	})
	b.ReportMetric(float64(processor(b)-used)/float64(b.N), "cpu-ns/op")
	slices.Sort(all)
	b.ReportMetric(float64(all[len(all)*99/100].Microseconds()), "p99-us")
}

// BenchmarkDecideKept is a verdict over kept evidence, as after a restart or with a policy that looks at the time.
func BenchmarkDecideKept(b *testing.B) {
	e, version := bench(b, 0, 1)
	e.Ask(b.Context(), image(0))
	b.ReportAllocs()
	used := processor(b)
	for b.Loop() {
		b.StopTimer()
		*version++
		*version %= 50
		b.StartTimer()
		_ = e.Refresh(b.Context()) // an older number is refused now and then
		e.Ask(b.Context(), image(0))
	}
	b.ReportMetric(float64(processor(b)-used)/float64(b.N), "cpu-ns/op")
}

// BenchmarkRejudge is a change of policy on a node, or in a cluster, that knows 10,000 images: each rule has to be asked about each.
func BenchmarkRejudge(b *testing.B) { rejudge(b, rules) }

// BenchmarkRejudgeElsewhere is the same for a change that is about none of them.
func BenchmarkRejudgeElsewhere(b *testing.B) {
	rejudge(b, strings.Replace(rules, `match: ["registry.example.com/**"]`, `match: ["registry.example.org/**"]`, 1))
}

func rejudge(b *testing.B, rules string) {
	const images = 10_000
	e, version := benchRules(b, 0, images, rules)
	var all sync.WaitGroup
	for w := range 8 {
		all.Go(func() {
			for i := w; i < images; i += 8 {
				e.Ask(b.Context(), image(i))
			}
		})
	}
	all.Wait()
	used := processor(b)
	for b.Loop() {
		*version++
		if err := e.Refresh(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(processor(b)-used)/float64(b.N), "cpu-ns/op")
	if a := e.Ask(b.Context(), image(7)); !a.Allow || !a.Cached || a.By.Version != *version {
		b.Errorf("%+v\n%s", a.By, a.Denial())
	}
}

// processor is the processor time that this process has used, in nanoseconds: what others do on the machine is not in it.
func processor(b *testing.B) int64 {
	b.Helper()
	var r unix.Rusage
	check(b, unix.Getrusage(unix.RUSAGE_SELF, &r))
	return r.Utime.Nano() + r.Stime.Nano()
}

// BenchmarkCold is what the engine adds to gathering: evidence that takes 10 ms to gather, for a pod of 8 containers at once.
func BenchmarkCold(b *testing.B) {
	e, _ := bench(b, 10*time.Millisecond, 100_000)
	n, used := 0, processor(b)
	for b.Loop() {
		var pod []engine.Question
		for range 8 {
			n++
			pod = append(pod, image(n))
		}
		for _, a := range e.AskAll(b.Context(), pod) {
			if !a.Allow {
				b.Error(a.Denial())
			}
		}
	}
	b.ReportMetric(float64(processor(b)-used)/float64(b.N), "cpu-ns/op")
}
