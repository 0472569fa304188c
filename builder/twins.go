package builder

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/selfsame-build/selfsame/builder/daemon"
	"github.com/selfsame-build/selfsame/builder/graph"
	"github.com/selfsame-build/selfsame/builder/remote"
	"github.com/selfsame-build/selfsame/builder/solver"
	"github.com/selfsame-build/selfsame/inputs"
	"github.com/selfsame-build/selfsame/internal/canary"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/recipes/lock"
)

// twin is one of the two builders, in use.
type twin struct {
	label  string // "A" or "B"
	world  world
	lease  *daemon.Lease
	tunnel *remote.Tunnel // nil: not reached by ssh
	client *solver.Client
	info   solver.Info
	report canary.Report
	server *inputs.Server
	// address is where the server is, as the builder sees it: what no step may reach but through the proxy.
	address string
	out     string // its image layout
	// took is how long its solves took, all platforms together.
	took    time.Duration
	results map[string]*solver.Result // by platform
	seen    map[string]time.Time      // when each step was first seen to run, by our clock: "platform step"
	gates   map[string]*gate          // by platform
	lag     lag                       // of our clock behind its
	mu      sync.Mutex
}

// acquire gets a twin's daemon and an input server of its own.
func (h *Host) acquire(ctx context.Context, label string, w world, entries []lock.Entry, dir string) (*twin, error) {
	t := &twin{
		label: label, world: w, out: filepath.Join(dir, label),
		results: map[string]*solver.Result{}, seen: map[string]time.Time{}, gates: map[string]*gate{},
	}
	if err := h.reach(ctx, t, entries); err != nil {
		return nil, errors.Join(err, t.close())
	}
	return t, nil
}

// connectTimeout is how long a builder may take to answer for the first time; one of ours has answered already.
const (
	connectTimeout    = 60 * time.Second
	connectOursWithin = 8 * time.Second
)

// connect reaches the builder and asks what it is.
func (t *twin) connect(parent context.Context, address string, tls remote.TLS) error {
	timeout := connectTimeout
	if t.lease != nil {
		timeout = connectOursWithin
	}
	ctx, cancel := context.WithTimeout(parent, timeout)
	defer cancel()
	err := t.ask(ctx, address, tls)
	switch {
	case err == nil:
		return nil
	case parent.Err() != nil:
		return context.Cause(parent)
	}
	return diag.Errorf("A0702", "reaching builder %s: %w", t.label, err).WithWhy("no builder answers at " + t.place(address)).
		WithHelp("start it, or leave the flag out; `selfsame doctor` checks the builders of this machine" + t.log())
}

// ask reaches the builder. BuildKit's client would try an address where nobody listens again and again.
func (t *twin) ask(ctx context.Context, address string, tls remote.TLS) (err error) {
	if t.lease == nil {
		if err := remote.Knock(ctx, address, tls); err != nil {
			return err
		}
	}
	if t.client, err = solver.Dial(ctx, address, tls); err != nil {
		return err
	}
	t.info, err = t.client.Info(ctx)
	return err
}

// place is what the user calls the builder's address.
func (t *twin) place(address string) string {
	if t.world.at != nil {
		return t.world.at.String()
	}
	return address
}

// done says whether the twin has built all of its platforms.
func (t *twin) done(platforms int) bool {
	for _, r := range t.results {
		if r == nil || r.Manifest == "" {
			return false
		}
	}
	return len(t.results) == platforms
}

func (t *twin) close() error {
	var errs []error
	if t.server != nil {
		errs = append(errs, t.server.Close())
	}
	if t.client != nil {
		errs = append(errs, t.client.Close())
	}
	if t.tunnel != nil {
		errs = append(errs, t.tunnel.Close())
	}
	if t.lease != nil {
		t.lease.Release()
	}
	return errors.Join(errs...)
}

// pair runs both twins at once: B starts a step at least startGap after A, unless neither has anything to run. look is called, and not
// waited for, once A's images are there.
func (h *Host) pair(ctx context.Context, a, b *twin, plans map[string][2]*graph.Plan, l *exports, look func()) (errA, errB error) {
	var wg errgroup.Group
	doneA := make(chan struct{})
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	wg.Go(func() error {
		defer close(doneA)
		if errA = h.solveAll(ctx, a, plans, 0, l, nil); errA != nil {
			if errors.Is(context.Cause(ctx), errTwinFailed) {
				errA = errTwinFailed
			}
			cancel(errTwinFailed) // a step that fails on A fails the build; B need not go on
			return nil
		}
		go look()
		return nil
	})
	wg.Go(func() error {
		errB = h.solveAll(ctx, b, plans, 1, l, func(platform string) { a.lead(ctx, platform, doneA) })
		if errB != nil && !isStep(errB) && !h.crowded(b, errB) {
			cancel(errTwinFailed) // where B is lost, nothing that A makes can be proven
		}
		return nil
	})
	_ = wg.Wait()
	return errA, errB
}

// errTwinFailed ends a twin when the other has failed already.
var errTwinFailed = errors.New("the other builder failed")

// solveAll builds each platform on one twin. wait is called before each; it may be nil.
func (h *Host) solveAll(ctx context.Context, t *twin, plans map[string][2]*graph.Plan, side int, l *exports, wait func(platform string)) error {
	for _, platform := range sortedKeys(plans) {
		if wait != nil {
			wait(platform)
		}
		start := h.Now()
		res, err := h.solve(ctx, t, platform, plans[platform][side], l)
		t.took += h.Now().Sub(start)
		t.results[platform] = res
		if err != nil {
			return err
		}
	}
	return nil
}

// solve builds one platform on one twin, and makes its image canonical.
func (h *Host) solve(ctx context.Context, t *twin, platform string, plan *graph.Plan, l *exports) (*solver.Result, error) {
	return h.solveInto(ctx, t, t.out, plan, l, func(r solver.StepRun) { t.note(platform, r, h.Now()) })
}

// solveInto builds a plan on one twin and brings its canonical image to a layout.
func (h *Host) solveInto(ctx context.Context, t *twin, out string, plan *graph.Plan, l *exports, note func(solver.StepRun)) (*solver.Result, error) {
	export, err := l.begin(h, out, plan)
	if err != nil {
		return nil, err
	}
	res, err := t.client.Solve(ctx, solver.Request{
		Plan: plan, Store: h.Store.Content(), Output: export,
		Convert: t.server.ConvertURL, Own: t.server.Owns,
		Display: h.Display.Attempt(t.label),
		OnEvent: note,
	})
	if err != nil {
		return res, err
	}
	res.Manifest, err = l.finish(ctx, export, res.Manifest)
	return res, err
}

// note remembers when a step started.
func (t *twin) note(platform string, r solver.StepRun, now time.Time) {
	g := t.gate(platform)
	if r.Step.Name != "" && !r.Started.IsZero() {
		t.mu.Lock()
		t.lag.saw(r.Started, now)
		t.mu.Unlock()
	}
	if r.Exports && !r.Started.IsZero() {
		g.onceIdle.Do(func() { close(g.idle) })
	}
	if r.Step.Name == "" || r.Started.IsZero() || r.Cached {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	key := platform + " " + r.Step.Name
	if _, ok := t.seen[key]; !ok {
		t.seen[key] = now
		g.onceFirst.Do(func() { close(g.first) })
	}
}

// gate is how far a twin is with one platform.
type gate struct {
	first, idle         chan struct{} // closed when its first uncached step starts, and when there is nothing more to run
	onceFirst, onceIdle sync.Once
}

func (t *twin) gate(platform string) *gate {
	t.mu.Lock()
	defer t.mu.Unlock()
	g := t.gates[platform]
	if g == nil {
		g = &gate{first: make(chan struct{}), idle: make(chan struct{})}
		t.gates[platform] = g
	}
	return g
}

// lead waits until a platform's steps have run on t for startGap, or t has none to run: the twin that waits may be quicker than t,
// and have caught up on an earlier platform. done is closed when t has built all platforms.
func (t *twin) lead(ctx context.Context, platform string, done <-chan struct{}) {
	g := t.gate(platform)
	select {
	case <-done:
	case <-g.idle:
	case <-g.first:
		select {
		case <-time.After(startGap + startMargin):
		case <-ctx.Done():
		}
	case <-ctx.Done():
	}
}

// gap is the shortest time between the two starts of a step, over the steps that both ran; ok is false where there is none.
// B starts later, but may overtake A: what matters is that no step ran on both in the same moment.
func gap(a, b *twin) (shortest time.Duration, ok bool) {
	for key, ta := range a.seen {
		tb, both := b.seen[key]
		if !both {
			continue
		}
		if d := tb.Sub(ta).Abs(); !ok || d < shortest {
			shortest, ok = d, true
		}
	}
	return shortest, ok
}

// removeAll deletes a folder that we made; failing to is not worth failing for.
func removeAll(dir string) { _ = os.RemoveAll(dir) }
