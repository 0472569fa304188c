package admission

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/guard/engine"
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

// processor is the processor time that this process has used, in nanoseconds: what others do on the machine is not in it.
func processor(b *testing.B) int64 {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return r.Utime.Nano() + r.Stime.Nano()
}
