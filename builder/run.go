package builder

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/selfsame-build/selfsame/builder/graph"
	"github.com/selfsame-build/selfsame/builder/solver"
	"github.com/selfsame-build/selfsame/compare"
	"github.com/selfsame-build/selfsame/compare/window"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/recipes/lock"
)

// twinRun is the twins after their solves.
type twinRun struct {
	a, b   *twin
	axes   []provenance.Axis
	drafts map[string]*graph.Draft
	plans  map[string][2]*graph.Plan
	pairs  []compare.Pair
	seen   *inspection // what A's images hold; nil where nobody asked
	trust  *trust
	mild   string // why B was repeated in the milder world; empty if it was not
}

func (r *twinRun) close() {
	for _, t := range []*twin{r.a, r.b} {
		if t != nil {
			_ = t.close()
		}
	}
}

// runTwins builds on both; where B fails and A did not, B is repeated in a milder world, because a variation must be one
// that a correct build survives (DESIGN §11).
func (h *Host) runTwins(ctx context.Context, x *exports, l *lock.Lock, drafts map[string]*graph.Draft, work string, o Options, s *subject) (*twinRun, error) {
	r := &twinRun{drafts: drafts}
	var err error
	if r.trust, err = h.newTrust(); err != nil {
		return r, err
	}
	wa, wb, excused, err := h.worlds(o)
	if err != nil {
		return r, err
	}
	alone, err := h.claim(ctx, l, drafts) // before the builders: a build that waits must not keep one from others
	if err != nil {
		return r, err
	}
	defer alone.release()
	if err := h.start(ctx, r, wa, wb, l, work); err != nil {
		return r, err
	}
	if err := h.solvePair(ctx, r, l, o, x, s, excused); err == nil {
		return r, nil
	} else if !errors.Is(err, errOnlyB) {
		return r, err
	} else {
		r.mild = brief(err)
	}
	h.notice("builder B failed where A passed (%s); repeating B without the moved clock and kernel name", r.mild)
	if err := r.b.close(); err != nil {
		return r, err
	}
	removeAll(r.b.out)
	if r.b, err = h.acquire(ctx, "B", h.worldMild(), l.Entries, work); err != nil {
		return r, err
	}
	return r, h.solvePair(ctx, r, l, o, x, s, excuses("builder B failed with the tracer: "+r.mild))
}

// brief is a failed step in a few words: its name and how it ended.
func brief(err error) string {
	var se *solver.StepError
	if !errors.As(err, &se) {
		return err.Error()
	}
	return se.Run.Step.Name + ": " + reason(se.Run.Error)
}

// start gets both builders, at once.
func (h *Host) start(ctx context.Context, r *twinRun, wa, wb world, l *lock.Lock, work string) error {
	var eg errgroup.Group
	eg.Go(func() (err error) { r.a, err = h.acquire(ctx, "A", wa, l.Entries, work); return })
	eg.Go(func() (err error) { r.b, err = h.acquire(ctx, "B", wb, l.Entries, work); return })
	if err := eg.Wait(); err != nil {
		return err
	}
	if r.a.info.Worker == r.b.info.Worker {
		return diag.Errorf("A0322", "builders A and B are one daemon").WithWhy("a second build on one daemon compares a cache with itself").
			WithHelp("give --builder-a and --builder-b different addresses")
	}
	run := stepPlatforms(r.drafts)
	return errors.Join(canRun("A", r.a.info, run), canRun("B", r.b.info, run))
}

// errOnlyB marks a failure of B alone.
var errOnlyB = errors.New("only builder B failed")

type onlyB struct{ err error }

func (e onlyB) Error() string        { return errOnlyB.Error() + ": " + e.err.Error() }
func (e onlyB) Unwrap() error        { return e.err }
func (e onlyB) Is(target error) bool { return target == errOnlyB }

// solvePair runs both solves, and meanwhile measures the surroundings; an A that has run already is not repeated.
func (h *Host) solvePair(ctx context.Context, r *twinRun, l *lock.Lock, o Options, x *exports, s *subject, excused map[string]string) error {
	ctx, leave := attend(ctx, r.a, r.b)
	defer leave()
	plans, err := r.finish(l, o.NoCache)
	if err != nil {
		return err
	}
	r.plans = plans
	from := h.Now()
	var errA, errB, errAxes error
	solving, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var measuring sync.WaitGroup
	measuring.Go(func() {
		if errAxes = h.measureAxes(ctx, r, excused); errAxes != nil {
			stop(errAxes)
		}
	})
	var errLook error
	looked := make(chan struct{})
	look := func() {
		defer close(looked)
		if measuring.Wait(); s != nil && errAxes == nil {
			r.seen, errLook = h.inspect(solving, r, x, *s, from)
		}
	}
	if err := h.carryCertificates(solving, r); err != nil {
		stop(err)
		measuring.Wait()
		return err
	}
	if r.a.done(len(plans)) {
		go look()
		errB = h.solveAll(solving, r.b, plans, 1, x, nil)
	} else {
		errA, errB = h.pair(solving, r.a, r.b, plans, x, look)
	}
	measuring.Wait()
	if errors.Join(errAxes, errA, errB) != nil {
		settle(ctx, r.a, r.b)
	}
	if ctx.Err() == nil && errAxes != nil {
		return errAxes
	}
	if err := h.verdict(ctx, r, errA, errB, !r.b.world.daemon.Traced()); err != nil {
		stop(err)
		if errA == nil {
			<-looked
		}
		return err
	}
	if <-looked; errLook != nil {
		return errLook
	}
	r.addGap()
	return r.open()
}

// windows are the times in which the build ran, by both clocks.
func (r *twinRun) windows(from, to time.Time) []window.Span {
	out := []window.Span{{Name: "the build", From: from.Add(-time.Second), To: to.Add(time.Second)}}
	if off := r.b.world.daemon.ClockOffset; off != 0 {
		out = append(out, window.Span{Name: "B's moved clock", From: from.Add(off - time.Second), To: to.Add(off + time.Second)})
	}
	return out
}

// verdict turns what the solves and the input servers saw into one error. What a sealed build asked for in vain is a
// failure of the lock, whatever the step made of it (DESIGN §11 "A sealed miss").
func (h *Host) verdict(ctx context.Context, r *twinRun, errA, errB error, last bool) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := r.answered(); err != nil {
		return err
	}
	if errA != nil && !errors.Is(errA, errTwinFailed) {
		return explainStep(errA, r.a)
	}
	if errB != nil {
		if !last && isStep(errB) {
			return onlyB{errB}
		}
		return explainStep(errB, r.b)
	}
	return nil
}

// answered is nil when every request of both twins was answered, which is what makes their caches worth using again.
func (r *twinRun) answered() error {
	for _, t := range []*twin{r.a, r.b} {
		if err := t.misses(); err != nil {
			return err
		}
	}
	return r.trust.keep()
}

// finish seals every platform's draft for each twin.
func (r *twinRun) finish(l *lock.Lock, noCache bool) (map[string][2]*graph.Plan, error) {
	out := map[string][2]*graph.Plan{}
	for platform, d := range r.drafts {
		var pair [2]*graph.Plan
		for i, t := range []*twin{r.a, r.b} {
			var err error
			if pair[i], err = d.Finish(sealing(l, platform, t.world, noCache, r.trust)); err != nil {
				return nil, err
			}
		}
		out[platform] = pair
	}
	return out, nil
}

// addGap records whether B really ran later, step by step.
func (r *twinRun) addGap() {
	ax := provenance.Axis{Name: "start time", State: provenance.AxisNotApplied, Reason: "every step was cached in both builders"}
	if g, ok := gap(r.a, r.b); ok && g >= startGap {
		ax = provenance.Axis{Name: "start time", State: provenance.AxisMeasured, A: "0s", B: g.Round(time.Millisecond).String()}
	} else if ok {
		ax.Reason = fmt.Sprintf("a step started on both builders within %s", g.Round(time.Millisecond))
	}
	r.axes = append(r.axes, ax)
}

// open reads both images of every platform.
func (r *twinRun) open() error {
	for _, platform := range sortedKeys(r.plans) {
		a, err := compare.Open(r.a.out, r.a.results[platform].Manifest)
		if err != nil {
			return err
		}
		b, err := compare.Open(r.b.out, r.b.results[platform].Manifest)
		if err != nil {
			return err
		}
		r.pairs = append(r.pairs, compare.Pair{Platform: platform, A: a, B: b, Steps: layerSteps(r.plans[platform][0], len(a.Layers()))})
	}
	return nil
}
