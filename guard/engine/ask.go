package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/distribution/reference"
	digest "github.com/opencontainers/go-digest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/selfsame-build/selfsame/guard/metrics"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/policy"
)

// spanName is a decision's.
const spanName = "selfsame.decide"

// Ask implements Asker.
func (e *Engine) Ask(ctx context.Context, q Question) Answer {
	start := e.c.Monotonic()
	ctx, span := e.c.Tracer.Start(ctx, spanName)
	now := e.clock.now()
	a := e.answer(ctx, q, now).inTime(e.clock.now())
	if !a.Allow {
		now = e.clock.now()
		a = e.breakGlass(q, a, now).inTime(now)
	}
	e.record(ctx, span, q, a, now, e.c.Monotonic()-start)
	span.End()
	return a
}

// AskAll implements Asker. What is known of all needs nobody to wait, and so no goroutine for each.
func (e *Engine) AskAll(ctx context.Context, qs []Question) []Answer {
	if out, ok := e.AskKept(ctx, qs); ok {
		return out
	}
	out := make([]Answer, len(qs))
	if len(qs) == 1 {
		out[0] = e.Ask(ctx, qs[0])
		return out
	}
	var all sync.WaitGroup
	for i, q := range qs {
		all.Go(func() { out[i] = e.Ask(ctx, q) })
	}
	all.Wait()
	return out
}

func (e *Engine) answer(ctx context.Context, q Question, now time.Time) Answer {
	a := Answer{Epoch: e.c.Gatherer.Epoch()}
	a.Image = policy.Image{Name: q.Name, Digest: q.Digest.String()}
	p := e.policy.Load()
	if err := e.check(q); err != nil {
		return a.undecided(ClassUsage, diag.ExitUsage, err)
	}
	if p == nil {
		return a.undecided(ClassNoPolicy, diag.ExitUndecided, e.noPolicy())
	}
	a.By = p.Edition()
	if name := e.c.NameOf(q.Name); !p.InScope(name) && !e.mayBreakGlass(q, now) {
		// Nobody is asked about it: a name that no rule is about must not make the guard call whatever host it names. One that a signed
		// statement names is another matter: only its evidence shows which of the deny list's entries are about it.
		a.Verdict = p.Decide(ctx, &policy.Evidence{Image: policy.Image{Name: name, Digest: q.Digest.String()}}, now)
		return a.classify(entry{})
	}
	got, cached, err := e.settled(ctx, key{q.Name, q.Digest}, p, a.Epoch, now)
	if p == e.dropped.Load() { // meanwhile
		return e.answer(ctx, q, e.clock.now())
	}
	if a.Cached = cached; err != nil {
		return a.undecided(classOf(err), diag.ExitUndecided, err)
	}
	if a.Epoch = got.epoch; got.failed != nil {
		return a.undecided(classOf(got.failed), diag.ExitUndecided, got.failed)
	}
	return a.of(got)
}

// check is q.check. What is in memory came there by a question that was checked, name and digest, and costs nothing again.
func (e *Engine) check(q Question) error {
	if e.memory.get(key{q.Name, q.Digest}) != nil {
		return nil
	}
	return q.check()
}

// check says why a question cannot be one. Names and digests are bounded here, before anything is done with them.
func (q Question) check() error {
	named, err := reference.ParseNormalizedNamed(q.Name)
	switch {
	case len(q.Name) > 255 || err != nil || !reference.IsNameOnly(named) || named.Name() != q.Name:
		return fmt.Errorf("%.100q is not the name of a repository", q.Name)
	case q.Digest.Validate() != nil || q.Digest.Algorithm() != digest.SHA256:
		return fmt.Errorf("%.100q is not a sha256 digest", q.Digest.String())
	}
	return nil
}

// The ways not to come to a verdict in time.
var (
	errPending = errors.New("verdict pending: the image is being verified")
	errEnded   = errors.New("verdict pending: the one that was reached has ended")
	errBusy    = errors.New("too many images are being verified")
)

func classOf(err error) Class {
	switch {
	case errors.Is(err, errPending):
		return ClassPending
	case errors.Is(err, errBusy):
		return ClassBusy
	case errors.Is(err, policy.ErrGone):
		return ClassGone
	}
	return ClassUndecided
}

// settled gives the entry that answers for policy and epoch. Who gives up waiting (ctx) leaves the work to go on for whoever asks next.
func (e *Engine) settled(ctx context.Context, k key, p *policy.Policy, epoch Epoch, now time.Time) (got *entry, cached bool, err error) {
	sha := p.Edition().SHA256
	if got := e.memory.get(k); got != nil && got.holds(sha, epoch, e.lives, now) {
		return got, true, nil
	}
	if got := e.memory.failure(k); got != nil && got.holds(sha, epoch, e.lives, now) {
		return got, true, nil
	}
	flight := strings.Join([]string{k.name, k.digest.String(), sha, epoch.Trust, fmt.Sprint(epoch.Deny)}, "\x00")
	done, err := e.queued(ctx, flight, func(guest bool) settlement { return e.settle(k, p, guest) })
	if err != nil {
		return nil, false, err
	}
	select {
	case r := <-done:
		return r.Val.(settlement).entry, r.Val.(settlement).cached, nil
	case <-ctx.Done():
	}
	// Evidence that is due to be asked for again is better than none: a registry that hangs is one that is down. A verdict that has ended
	// (the policy's end, a minute for rules that read the time), or is by trust or deny list of before, is not.
	if got := e.memory.get(k); got != nil && got.stands(sha, e.c.Gatherer.Epoch(), e.lives, e.clock.now()) {
		e.c.Metrics.Add(metrics.StaleUsed, 1)
		return got, true, nil
	}
	return nil, false, errPending
}

// record counts a decision and writes it down.
func (e *Engine) record(ctx context.Context, span trace.Span, q Question, a Answer, now time.Time, took time.Duration) {
	result := "deny"
	if a.Allow {
		result = "allow"
	}
	cached := "false"
	if a.Cached {
		cached = "true"
	}
	point := q.Who.Gate.point()
	e.c.Metrics.Add(metrics.Verify, 1, point, result, string(a.Class))
	e.c.Metrics.Observe(metrics.VerifySeconds, took.Seconds(), point, cached)
	if span.IsRecording() {
		span.SetAttributes(attribute.String("selfsame.gate", point), attribute.String("selfsame.image", clip(q.Name)), attribute.String("selfsame.digest", clip(q.Digest.String())),
			attribute.Bool("selfsame.allow", a.Allow), attribute.String("selfsame.class", string(a.Class)), attribute.Bool("selfsame.cached", a.Cached),
			attribute.String("selfsame.policy", a.By.SHA256), attribute.String("k8s.namespace.name", clip(q.Who.Namespace)))
	}
	e.log.write(ctx, q, a, now, took)
}

// point is the gate as a label: those that we know.
func (g Gate) point() string {
	switch g {
	case GateAdmission, GatePull, GateStart, GateWatch:
		return string(g)
	}
	return "other"
}
