package builder

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/selfsame-build/selfsame/builder/graph"
	"github.com/selfsame-build/selfsame/builder/remote"
	"github.com/selfsame-build/selfsame/builder/solver"
	"github.com/selfsame-build/selfsame/compare"
	"github.com/selfsame-build/selfsame/compare/window"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/recipes"
	"github.com/selfsame-build/selfsame/recipes/lock"
	"github.com/selfsame-build/selfsame/report"
	"github.com/selfsame-build/selfsame/signing"
)

// Options of one build.
type Options struct {
	Recipe    string   // a file or a folder
	Out       string   // folder that gets "image" (an OCI layout), or on a mismatch "A" and "B"
	Platforms []string // a subset of the recipe's; empty: all
	NoCache   bool     // run every step
	Offline   bool     // do not fetch locked bytes that the store lacks
	// BuilderA and BuilderB are addresses of BuildKit daemons to use instead of our own (unix://, ssh:// or tcp://).
	BuilderA, BuilderB string
	// BuilderTLS is for those at tcp://.
	BuilderTLS remote.TLS
	// Push is the repository (with or without a tag) that gets the image; empty: none.
	Push string
	// Seal is the repository that gets the sealed inputs: "same", a name, or "none" (the default).
	Seal string
	// From repeats a published image's build (REPOSITORY@sha256:...) instead of building Recipe; FromKeys must have signed its
	// provenance, if there are any.
	From     string
	FromKeys []*signing.Verifier
	// Signer signs the evidence; nil leaves it unsigned.
	Signer *signing.Signer
}

// Result of a build that took place, reproducible or not.
type Result struct {
	Report report.Result
	// Err is what the report's verdict amounts to: nil, or the diagnostic that carries exit 13.
	Err error
}

// Build builds the recipe twice and, if both are the same, writes the image with its evidence. A build that failed because of
// damage in the store is repeated once, with what was damaged fetched anew.
func (h *Host) Build(ctx context.Context, o Options) (*Result, error) {
	return repaired(ctx, h, func() (*Result, error) { return h.build(ctx, o) })
}

func (h *Host) build(ctx context.Context, o Options) (*Result, error) {
	started := h.Now()
	p, l, from, err := h.inputs(ctx, o)
	if err != nil {
		return nil, err
	}
	if err := o.destinations(p.recipe); err != nil {
		return nil, err
	}
	platforms, err := choosePlatforms(p.recipe.Platforms, o.Platforms)
	if err != nil {
		return nil, err
	}
	if err := h.haveInputs(ctx, p, l, o.Offline); err != nil {
		return nil, err
	}
	drafts, err := h.drafts(ctx, p, platforms, &lockResolver{h: h, p: p, lock: l, again: o.NoCache})
	if err != nil {
		return nil, err
	}
	work, err := newWorkDir(o.Out)
	if err != nil {
		return nil, err
	}
	defer removeAll(work)
	x := h.exports(p.recipe.Output.Compression)
	run, err := h.runTwins(ctx, x, l, drafts, work, o,
		&subject{project: p, name: o.imageName(p.recipe), lock: l.Entries})
	if run != nil {
		defer run.close()
	}
	if err != nil {
		return nil, err
	}
	proof, reports, err := x.prove(ctx, run.pairs)
	if err != nil {
		return nil, err
	}
	b := &build{host: h, opt: o, project: p, lock: l, run: run, platforms: platforms, reports: reports, started: started, from: from}
	if !proof.Valid() {
		return b.mismatch(ctx)
	}
	return b.publish(ctx, proof)
}

// build is a build whose twins have run.
type build struct {
	host      *Host
	opt       Options
	project   *project
	lock      *lock.Lock
	run       *twinRun
	platforms []string
	reports   []compare.Report
	started   time.Time
	from      *restored // nil: built from a recipe on disk
}

// inputs are a recipe and its lock: from disk, or those of a published image.
func (h *Host) inputs(ctx context.Context, o Options) (*project, *lock.Lock, *restored, error) {
	if o.From != "" {
		r, err := h.restore(ctx, o.From, o.FromKeys)
		if err != nil {
			return nil, nil, nil, err
		}
		return r.project, r.lock, r, nil
	}
	r, err := recipes.Load(o.Recipe)
	if err != nil {
		return nil, nil, nil, err
	}
	if r.Source.Git != "" {
		l, err := readLock(r)
		if err == nil {
			err = stale(lockPath(r.Path), l.Header, ofCommit(r, l))
		}
		if err != nil {
			return nil, nil, nil, err
		}
		p, err := h.locked(ctx, r, l, o.Offline)
		return p, l, nil, err
	}
	p, err := h.open(ctx, r, o.Out)
	if err != nil {
		return nil, nil, nil, err
	}
	l, err := readLock(r)
	if err == nil {
		err = stale(lockPath(r.Path), l.Header, p.header)
	}
	return p, l, nil, err
}

// ofCommit is what the lock of a recipe whose source is a commit must have been made for: the commit's own files are what it names.
func ofCommit(r *recipes.Recipe, l *lock.Lock) lock.Header {
	return lock.Header{Recipe: r.Digest(), Dockerfile: l.Header.Dockerfile, Dockerignore: l.Header.Dockerignore, Frontend: frontendVersion}
}

// readLock reads the recipe's lock.
func readLock(r *recipes.Recipe) (*lock.Lock, error) {
	path := lockPath(r.Path)
	l, err := lock.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, diag.Errorf("A0201", "there is no `%s`", path).
			WithWhy("a build only reads inputs that a lock names").WithHelp("run `selfsame lock`")
	}
	return l, err
}

// drafts compiles every platform's graph.
func (h *Host) drafts(ctx context.Context, p *project, platforms []string, res resolver) (map[string]*graph.Draft, error) {
	if err := h.runnable(ctx, p, platforms, res); err != nil {
		return nil, err
	}
	out := map[string]*graph.Draft{}
	for _, pl := range platforms {
		d, err := h.compile(ctx, p, pl, res)
		if err != nil {
			return nil, err
		}
		for _, s := range d.Steps {
			h.warnOf(s)
		}
		out[pl] = d
	}
	return out, nil
}

// warnOf tells what a step declares and a sealed build does not give it.
func (h *Host) warnOf(s graph.Step) {
	at := diag.Position{File: s.File, Line: s.Line}
	for _, c := range s.EmptyCaches {
		h.warn(diag.Warnf("A0313", "the cache mount at `%s` is an empty folder", c).WithAt(at, "").
			WithWhy("what an earlier build left behind is an input that no lock names"))
	}
}

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

// worlds picks both builders, and excuses the axes that cannot be varied on a builder that is not ours.
func (h *Host) worlds(o Options) (a, b world, excused map[string]string, err error) {
	placeA, placeB, err := o.places(h.InputsListen)
	if err != nil {
		return a, b, nil, err
	}
	a, b = h.worldA(), h.worldB()
	if placeA != nil {
		a = elsewhere(placeA, o.BuilderTLS, a)
	}
	if placeB != nil {
		b = elsewhere(placeB, o.BuilderTLS, b)
		excused = excuses("builder B is run by somebody else")
		for _, x := range []string{"CPU count", "directory order"} {
			excused[x] = "builder B is run by somebody else"
		}
	}
	return a, b, excused, nil
}

// excuses are the axes that the milder world does without, and why.
func excuses(why string) map[string]string {
	out := map[string]string{}
	for _, x := range []string{"clock calls", "kernel name", "/proc/version", "/proc/sys/kernel/osrelease", "boot id", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat"} {
		out[x] = why
	}
	return out
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

// measureAxes runs the canary on both twins.
func (h *Host) measureAxes(ctx context.Context, r *twinRun, excused map[string]string) error {
	seen, err := h.look(ctx, r)
	if err != nil {
		return err
	}
	r.a.report, r.b.report = seen[0].a, seen[0].b
	if h.CPUs < 2 {
		if excused == nil {
			excused = map[string]string{}
		}
		excused["CPU count"] = "the machine has one CPU"
	}
	r.axes, err = measure(seen, excused)
	return err
}

// look runs the canary on both twins: on the machine's own platform, and on every other that a step runs on.
func (h *Host) look(ctx context.Context, r *twinRun) ([]views, error) {
	seen := []views{{platform: "linux/" + hostArch}}
	for _, platform := range stepPlatforms(r.drafts) {
		if foreign(platform) {
			seen = append(seen, views{platform: platform})
		}
	}
	var eg errgroup.Group
	for i := range seen {
		v := &seen[i]
		image, err := h.canaryImage(ctx, v.platform)
		if err != nil {
			return nil, errors.Join(err, eg.Wait())
		}
		eg.Go(func() (err error) { v.a, err = h.observe(ctx, r.a, v.platform, image); return })
		eg.Go(func() (err error) { v.b, err = h.observe(ctx, r.b, v.platform, image); return })
	}
	return seen, eg.Wait()
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

// workDir is a folder of ours beside the output, so that results can be renamed into place.
var workOnce sync.Mutex

func newWorkDir(out string) (string, error) {
	workOnce.Lock()
	defer workOnce.Unlock()
	if err := os.MkdirAll(out, 0o755); err != nil { //nolint:gosec // the user's output folder
		return "", fmt.Errorf("making the output folder: %w", err)
	}
	dir, err := os.MkdirTemp(out, ".work-")
	if err != nil {
		return "", fmt.Errorf("making a work folder: %w", err)
	}
	return filepath.Abs(dir)
}
