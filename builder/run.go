package builder

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/selfsame-build/selfsame/builder/daemon"
	"github.com/selfsame-build/selfsame/builder/graph"
	"github.com/selfsame-build/selfsame/builder/solver"
	"github.com/selfsame-build/selfsame/compare"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/trace"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/recipes/lock"
)

// twinRun is one build on both twins: what is to be built, and what came of it.
type twinRun struct {
	host    *Host
	lock    *lock.Lock
	drafts  map[string]*graph.Draft
	exports *exports
	opt     Options
	bytes   int64    // that a builder of ours may write, where it can be bounded; 0: as the machine has it
	work    string   // gets the twins' images
	subject *subject // whom A's images are inspected for; nil: nobody asked

	a, b   *twin
	axes   []provenance.Axis
	plans  map[string][2]*graph.Plan
	pairs  []compare.Pair
	seen   *inspection // what A's images hold
	trust  *trust
	from   time.Time      // when the first solve began, by our clock
	solved time.Time      // when B's last one ended, by our clock
	before trace.Counters // of B's tracer, before it
}

func (r *twinRun) close() {
	for _, t := range []*twin{r.a, r.b} {
		if t != nil {
			_ = t.close()
		}
	}
}

// build builds on both; where B fails and A did not, B is repeated in a milder world, because a variation must be one
// that a correct build survives (DESIGN §11).
func (r *twinRun) build(ctx context.Context) error {
	var err error
	if r.trust, err = r.host.newTrust(); err != nil {
		return err
	}
	wa, wb, excused, err := r.host.worlds(r.opt)
	if err != nil {
		return err
	}
	alone, err := r.host.claim(ctx, r.lock, r.drafts) // before the builders: a build that waits must not keep one from others
	if err != nil {
		return err
	}
	defer alone.release()
	if err := r.start(ctx, wa, wb); err != nil {
		return err
	}
	err = r.solvePair(ctx, excused)
	if errors.Is(err, errCrowded) {
		err = r.onDisk(ctx, excused)
	}
	if !errors.Is(err, errOnlyB) {
		return err
	}
	return r.milder(ctx, "builder B failed where A passed", brief(err))
}

// milder repeats B in the milder world: what happened there, and why, in the words of a step or a program.
func (r *twinRun) milder(ctx context.Context, what, why string) error {
	r.host.notice("%s (%s); repeating B in a milder world", what, why)
	return r.again(ctx, r.host.milder(r.b.world), milderExcuses(r.b.world, what+": "+why))
}

// onDisk repeats B where there is more room than in memory.
func (r *twinRun) onDisk(ctx context.Context, excused map[string]string) error {
	r.host.notice("builder B's %d GB of memory are full; repeating B with its root on disk", r.b.world.daemon.RootBytes>>30)
	return r.again(ctx, r.host.worldRoomy(), excused)
}

// again repeats B in another world.
func (r *twinRun) again(ctx context.Context, w world, excused map[string]string) error {
	r.axes, r.pairs = nil, nil
	if err := r.b.close(); err != nil {
		return err
	}
	removeAll(r.b.out)
	var err error
	if r.b, err = r.host.acquire(ctx, "B", w.within(r.bytes), r.lock.Entries, r.work); err != nil {
		return err
	}
	return r.solvePair(ctx, excused)
}

// prove compares what the twins built. Before a difference counts that a step of B's may owe to the tracer, B is repeated without it.
func (r *twinRun) prove(ctx context.Context) (compare.Proof, []compare.Report, error) {
	proof, reports, err := r.exports.prove(ctx, r.pairs)
	if err == nil && proof.Valid() {
		err = r.nameUncovered(ctx)
	}
	if err != nil || proof.Valid() {
		return proof, reports, err
	}
	why, err := r.keptFromTracing(ctx)
	if err != nil || why == "" {
		return proof, reports, err
	}
	alone, err := r.host.claim(ctx, r.lock, r.drafts)
	if err != nil {
		return proof, nil, err
	}
	defer alone.release()
	if err := r.milder(ctx, "the images differ, and builder B kept a program from tracing", why); err != nil {
		return proof, nil, err
	}
	return r.exports.prove(ctx, r.pairs)
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
func (r *twinRun) start(ctx context.Context, wa, wb world) error {
	var eg errgroup.Group
	eg.Go(func() (err error) {
		r.a, err = r.host.acquire(ctx, "A", wa.within(r.bytes), r.lock.Entries, r.work)
		return
	})
	eg.Go(func() (err error) {
		r.b, err = r.host.acquire(ctx, "B", wb.within(r.bytes), r.lock.Entries, r.work)
		return
	})
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

// errCrowded marks a builder B whose filesystem in memory is full, while the machine has disks.
var errCrowded = errors.New("builder B's memory is full")

// crowded says whether a twin failed because its root is in memory, and full.
func (h *Host) crowded(t *twin, err error) bool {
	w := t.world
	return err != nil && w.at == nil && w.daemon.Root == daemon.RootTmpfs && !h.Rootless && t.full(err)
}

type onlyB struct{ err error }

func (e onlyB) Error() string        { return errOnlyB.Error() + ": " + e.err.Error() }
func (e onlyB) Unwrap() error        { return e.err }
func (e onlyB) Is(target error) bool { return target == errOnlyB }

// solvePair runs both solves, and meanwhile measures the surroundings; an A that has run already is not repeated.
func (r *twinRun) solvePair(ctx context.Context, excused map[string]string) error {
	ctx, leave := attend(ctx, r.a, r.b)
	defer leave()
	plans, err := r.finish()
	if err != nil {
		return err
	}
	r.plans = plans
	if r.from.IsZero() { // A is not repeated
		r.from = r.host.Now()
	}
	r.before = r.b.counters()
	var errA, errB, errAxes error
	solving, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var measuring sync.WaitGroup
	carried := make(chan struct{})
	measuring.Go(func() {
		if errAxes = r.host.measureAxes(ctx, r, excused, carried); errAxes != nil {
			stop(errAxes)
		}
	})
	var errLook error
	looked := make(chan struct{})
	look := func() {
		defer close(looked)
		if measuring.Wait(); r.subject != nil && errAxes == nil {
			r.seen, errLook = r.host.inspect(solving, r, r.from)
		}
	}
	networked := slices.ContainsFunc(sortedKeys(plans), func(p string) bool { return networkedPlan(plans[p][0]) })
	if networked && !(r.a.carried() && r.b.carried()) {
		<-carried
	}
	if r.a.done(len(plans)) {
		go look()
		errB = r.host.solveAll(solving, r.b, plans, 1, r.exports, nil)
	} else {
		errA, errB = r.host.pair(solving, r.a, r.b, plans, r.exports, look)
	}
	r.solved = r.host.Now()
	measuring.Wait()
	if errors.Join(errAxes, errA, errB) != nil {
		settle(ctx, r.a, r.b)
		r.noteRemarks()
	}
	if ctx.Err() == nil && errAxes != nil {
		return errAxes
	}
	if err := r.verdict(ctx, errA, errB); err != nil {
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

// verdict turns what the solves and the input servers saw into one error. What a sealed build asked for in vain is a
// failure of the lock, whatever the step made of it (DESIGN §11 "A sealed miss").
func (r *twinRun) verdict(ctx context.Context, errA, errB error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := r.answered(errA, errB); err != nil {
		return err
	}
	if errA != nil && !errors.Is(errA, errTwinFailed) {
		return explainStep(errA, r.a)
	}
	if errB != nil {
		if r.host.crowded(r.b, errB) {
			return errCrowded
		}
		if r.b.world.harsh() && isStep(errB) {
			return onlyB{errB}
		}
		return explainStep(errB, r.b)
	}
	return nil
}

// answered is nil when every request of both twins was answered, which is what makes their caches worth using again. Where both came to
// their end they must have asked for the same, too.
func (r *twinRun) answered(errA, errB error) error {
	if list := r.a.misses(); len(list) > 0 {
		return withOutput(list, errA)
	}
	if list := r.b.misses(); len(list) > 0 {
		return withOutput(list, errB)
	}
	if errors.Join(errA, errB) == nil {
		if err := r.sameRequests(); err != nil {
			return err
		}
	}
	return r.trust.keep()
}

// finish seals every platform's draft for each twin.
func (r *twinRun) finish() (map[string][2]*graph.Plan, error) {
	out := map[string][2]*graph.Plan{}
	for platform, d := range r.drafts {
		var pair [2]*graph.Plan
		for i, t := range []*twin{r.a, r.b} {
			var err error
			if pair[i], err = d.Finish(sealing(r.lock, platform, t.world, r.opt.NoCache, r.trust)); err != nil {
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
