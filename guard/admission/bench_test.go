package admission

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/guard/engine"
	"github.com/selfsame-build/selfsame/guard/metrics"
	"github.com/selfsame-build/selfsame/policy"
)

// BenchmarkValidate is one review of a pod of 10 kB and 8 containers, without the network and with verdicts that are known.
func BenchmarkValidate(b *testing.B) {
	a := &asker{allow: map[digest.Digest]bool{good: true}}
	g, err := New(Options{Asker: a, Tags: tags{}, Now: at.Local, Reviewed: func(Reviewed) {}})
	if err != nil {
		b.Fatal(err)
	}
	container := `{"name":"app","image":"` + shop + "@" + good.String() + `","env":[{"name":"A","value":"` + strings.Repeat("x", 1000) + `"}]}`
	body := podAsk(`{"containers":[` + strings.TrimSuffix(strings.Repeat(container+",", 8), ",") + `]}`).body()
	handler := g.Handler()
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	used := processor(b)
	for b.Loop() {
		r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/validate?timeout=5s", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"allowed":true`) {
			b.Fatal(w.Body)
		}
		a.asked = []engine.Question{}
	}
	b.ReportMetric(float64(processor(b)-used)/float64(b.N), "cpu-ns/op")
}

// signedImages is a gatherer to whom all images are signed.
type signedImages struct{}

func (signedImages) Gather(_ context.Context, name string, d digest.Digest) (policy.Evidence, error) {
	return policy.Evidence{Image: policy.Image{Name: name, Digest: d.String()}, Signatures: []policy.Signature{{Signer: "release"}}}, nil
}
func (signedImages) Epoch() engine.Epoch           { return engine.Epoch{Trust: "t"} }
func (signedImages) Refresh(context.Context) error { return nil }

// BenchmarkWarmPod is both reviews of a pod of 6 kB and two containers, with the engine, its metrics and its log of decisions, without the
// network: what `make bench-guard` puts HTTPS around.
func BenchmarkWarmPod(b *testing.B) {
	log, err := os.Create(filepath.Join(b.TempDir(), "decisions.json"))
	if err != nil {
		b.Fatal(err)
	}
	e, err := engine.New(engine.Config{Gatherer: signedImages{}, Metrics: metrics.New(), Decisions: log, Fresh: time.Hour, Policy: func(context.Context) (*policy.Policy, error) {
		return policy.Parse("policy.yaml", []byte("policy: v1\nname: p\nversion: 1\nrules:\n  - {name: signed, match: [\"**\"], require: 'signatures.exists(s, s.signer == \"release\")', message: m, fix: f}\n"))
	}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(e.Close)
	if err := e.Refresh(b.Context()); err != nil {
		b.Fatal(err)
	}
	g, err := New(Options{Asker: e, Tags: tags{}, Now: time.Now})
	if err != nil {
		b.Fatal(err)
	}
	container := `{"name":"app","image":"` + shop + "@" + good.String() + `","env":[{"name":"A","value":"` + strings.Repeat("x", 2600) + `"}]}`
	body := podAsk(`{"containers":[` + container + `],"initContainers":[` + strings.ReplaceAll(container, "app", "set-up") + `]}`).body()
	handler := g.Handler()
	b.ReportAllocs()
	used := processor(b)
	for b.Loop() {
		for _, path := range []string{"/mutate?timeout=5s", "/validate?timeout=5s"} {
			r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, path, strings.NewReader(body))
			r.Header.Set("Content-Type", "application/json")
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"allowed":true`) {
				b.Fatal(w.Body)
			}
		}
	}
	b.ReportMetric(float64(processor(b)-used)/float64(b.N), "cpu-ns/op")
}

// processor is the processor time that this process has used, in nanoseconds: what others do on the machine is not in it.
func processor(b *testing.B) int64 {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return r.Utime.Nano() + r.Stime.Nano()
}
