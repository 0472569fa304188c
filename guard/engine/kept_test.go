package engine_test

import (
	"strings"
	"testing"
	"time"

	digest "github.com/opencontainers/go-digest"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/selfsame-build/selfsame/guard/engine"
)

// TestAskKept: what counts now is answered and written down as AskAll does; what does not, or takes a look elsewhere, is left to that.
func TestAskKept(t *testing.T) {
	ask := func(w *world, all ...digest.Digest) (out []engine.Answer, ok bool) {
		var qs []engine.Question
		for _, d := range all {
			qs = append(qs, engine.Question{Name: shop, Digest: d, Who: engine.Who{Gate: engine.GateAdmission, Namespace: "shop"}})
		}
		return w.AskKept(t.Context(), qs)
	}
	other := digest.FromString("another good one")
	for _, c := range []struct {
		name  string
		then  func(*world)
		asked []digest.Digest
		want  bool
	}{
		{"known", func(*world) {}, []digest.Digest{good, other}, true},
		{"one is not known", func(*world) {}, []digest.Digest{good, digest.FromString("new")}, false},
		{"one is denied", func(*world) {}, []digest.Digest{good, evil}, false},
		{"due to be gathered again", func(w *world) { w.pass(time.Minute) }, []digest.Digest{good}, false},
		{"another trust file", func(w *world) { w.f.set(func(f *fake) { f.epoch.Trust = "t2" }) }, []digest.Digest{good}, false},
		{"a list that denies more", func(w *world) { w.f.set(func(f *fake) { f.epoch.Deny++ }) }, []digest.Digest{good}, false},
		{"out of scope", func(w *world) {
			w.write(strings.Replace(text(2, signed, ""), "example.com", "example.org", 1))
			check(t, w.Refresh(t.Context()))
		}, []digest.Digest{good}, false},
	} {
		w := newWorld(t)
		w.f.signed, w.f.denied[evil] = true, true
		for _, d := range []digest.Digest{good, other, evil} {
			w.ask(d)
		}
		c.then(w)
		before := w.f.total()
		out, ok := ask(w, c.asked...)
		if ok != c.want || ok != (len(out) == len(c.asked)) || w.f.total() != before {
			t.Errorf("%s: %v, %d answers, %d gatherings", c.name, ok, len(out), w.f.total()-before)
		}
		for i, a := range out {
			if !a.Allow || !a.Cached || a.Class != engine.ClassOK || a.Image.Digest != c.asked[i].String() || a.By != w.Edition() || a.Gathered.IsZero() || a.Epoch != w.f.Epoch() {
				t.Errorf("%s: %+v", c.name, a)
			}
		}
		w.Close()
		if got, want := strings.Count(w.log.String(), `"gate":"admission"`), len(out); got != want {
			t.Errorf("%s: %d lines, want %d", c.name, got, want)
		}
	}
}

// TestAskKeptSpans: spans of what is known take as long as the look did, and what is left to AskAll has none.
func TestAskKeptSpans(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	w := newWorld(t, func(c *engine.Config) {
		c.Tracer = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)).Tracer("test")
	})
	w.ask(good)
	before := len(spans.Ended())
	if _, ok := w.AskKept(t.Context(), []engine.Question{{Name: shop, Digest: digest.FromString("new")}}); ok || len(spans.Started()) != before {
		t.Errorf("%t, %d spans", ok, len(spans.Started()))
	}
	w.mu.Lock()
	w.reads = func() { w.now += time.Millisecond } // mu is held
	w.mu.Unlock()
	if _, ok := w.AskKept(t.Context(), []engine.Question{{Name: shop, Digest: good}, {Name: shop, Digest: good}}); !ok {
		t.Fatal("not known")
	}
	for _, s := range spans.Ended()[before:] {
		if took := s.EndTime().Sub(s.StartTime()); took != time.Millisecond || s.StartTime().Sub(start).Abs() > 10*time.Millisecond {
			t.Errorf("from %s to %s", s.StartTime(), s.EndTime())
		}
	}
	if n := len(spans.Ended()) - before; n != 2 {
		t.Errorf("%d spans", n)
	}
}
