package engine

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/trace"
)

// Keeper is an Asker that has answers in memory.
type Keeper interface {
	// AskKept is AskAll for images each of which is allowed by a verdict in memory that counts now. It waits for nobody, so that who asks
	// needs no deadline. Where one is not, ok is false, and nothing was decided, counted or written down.
	AskKept(ctx context.Context, qs []Question) (out []Answer, ok bool)
}

// AskKept implements Keeper.
func (e *Engine) AskKept(ctx context.Context, qs []Question) ([]Answer, bool) {
	start, now := e.c.Monotonic(), e.clock.now()
	out := make([]Answer, len(qs))
	for i, q := range qs {
		if out[i] = e.kept(q, now); !out[i].Allow {
			return nil, false
		}
	}
	took := e.c.Monotonic() - start
	// What is not decided here leaves no span, so they begin when all is known. One slice of options each, for all of them.
	began, ended := []trace.SpanStartOption{trace.WithTimestamp(now)}, []trace.SpanEndOption{trace.WithTimestamp(now.Add(took))}
	for i, q := range qs {
		_, span := e.c.Tracer.Start(ctx, spanName, began...)
		e.record(ctx, span, q, out[i], now, took)
		span.End(ended...)
	}
	return out, true
}

// kept is the answer by a verdict in memory. The zero Answer: there is none that counts, or it takes more than a look to say so.
func (e *Engine) kept(q Question, now time.Time) Answer {
	p := e.policy.Load()
	if p == nil || !p.InScope(e.c.NameOf(q.Name)) {
		return Answer{}
	}
	got := e.memory.get(key{q.Name, q.Digest})
	if got == nil || got.failed != nil || !got.holds(p.Edition().SHA256, e.c.Gatherer.Epoch(), e.lives, now) {
		return Answer{}
	}
	return Answer{Cached: true}.of(got)
}

// of is a with an entry's verdict.
func (a Answer) of(got *entry) Answer {
	a.Epoch, a.Verdict, a.Gathered = got.epoch, got.verdict, got.gathered.UTC()
	if !a.Allow {
		a.Elsewhere = got.elsewhere
	}
	return a.classify(*got)
}
