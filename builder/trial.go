package builder

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/builder/daemon"
	"github.com/selfsame-build/selfsame/builder/graph"
	"github.com/selfsame-build/selfsame/compare"
	"github.com/selfsame-build/selfsame/report"
)

// frozen are copies of what a step runs on, as images in the store.
type frozen struct {
	states map[graph.Edge]digest.Digest
	layers int // of the root
}

// freeze copies what the guilty step runs on out of builder A.
func (r *twinRun) freeze(ctx context.Context, c culprit) (*frozen, error) {
	out := &frozen{states: map[graph.Edge]digest.Digest{}, layers: c.made.BaseLayers}
	for i, in := range c.made.Inputs {
		part, err := c.draft.At(in, r.host.countLayers)
		if err != nil {
			return nil, err
		}
		plan, err := part.Finish(r.found(part.Platform, r.a.world))
		if err != nil {
			return nil, err
		}
		name := fmt.Sprintf("frozen-%s-%d", strings.NewReplacer("/", "-", ":", "-").Replace(c.platform+"-"+c.made.Step.Name), i)
		img, res, err := r.bring(ctx, r.a, plan, name)
		if err != nil {
			return nil, fmt.Errorf("freezing the inputs of the step: %w", err)
		}
		if err := r.host.adopt(ctx, filepath.Join(r.work, name), res.Manifest); err != nil {
			return nil, err
		}
		out.states[in] = res.Manifest
		if i == 0 && !c.made.OnSource {
			out.layers = len(img.Layers())
		}
	}
	return out, nil
}

// passTime waits until files made now bear another time than those of the run before.
func (x *experiment) passTime(ctx context.Context) {
	wait := startGap - x.run.host.Now().Sub(x.last)
	if wait <= 0 {
		return
	}
	select {
	case <-time.After(wait):
	case <-ctx.Done():
	}
}

// trial runs the step with some axes varied, and says whether the result is that of the first run.
func (x *experiment) trial(ctx context.Context, axes ...string) (same bool, err error) {
	start := x.run.host.Now()
	x.last = start
	got, err := x.result(ctx, axes)
	if err != nil {
		return false, err
	}
	now := x.run.host.Now()
	if len(x.images) >= 2 { // only the controls are looked into
		removeAll(got.Dir())
	}
	x.images = append(x.images, got)
	x.spans = append(x.spans, windows(start, now, now.Sub(start), 0))
	same = got.Manifest() == x.images[0].Manifest()
	x.trials = append(x.trials, report.Trial{Varied: append([]string{}, axes...), Equal: same, Seconds: x.run.host.Now().Sub(start).Seconds()})
	return same, nil
}

// result runs the step in the world that has these axes varied.
func (x *experiment) result(ctx context.Context, axes []string) (*compare.Image, error) {
	n := x.runs
	x.runs++
	w := x.run.host.worldA()
	for _, k := range x.knobs {
		if slices.Contains(axes, k.axis) {
			k.turn(x.run.host, &w)
		}
	}
	t, err := x.place(ctx, w)
	if err != nil {
		return nil, err
	}
	return x.on(ctx, t, w, n)
}

// place is the builder for a world: A where only the step's own surroundings are varied, else one of the experiment's.
func (x *experiment) place(ctx context.Context, w world) (*twin, error) {
	if w.daemon == x.run.host.worldA().daemon {
		return x.run.a, nil
	}
	name := trialPrefix + x.run.trust.word[:6]
	for i, on := range []bool{w.daemon.Root != daemon.RootHost, w.daemon.CPUs > 0, w.daemon.KernelRelease != "", w.daemon.ClockOffset != 0, w.daemon.FixedAddresses} {
		if on {
			name += "-" + []string{"order", "cpus", "kernel", "clock", "addresses"}[i]
		}
	}
	if t := x.extra[name]; t != nil {
		return t, nil
	}
	w.name = name
	x.names = append(x.names, name)
	t, err := x.run.host.acquire(ctx, name, w, x.run.lock.Entries, x.run.work)
	if err != nil {
		return nil, err
	}
	x.extra[name] = t
	if slices.ContainsFunc(x.step.Steps, func(s graph.Step) bool { return s.Networked }) && !t.carried() {
		if _, err := x.run.host.observe(ctx, t, "linux/"+hostArch, true); err != nil {
			return nil, err
		}
		return t, t.setCarried()
	}
	return t, nil
}

// on runs the step on one builder, uncached.
func (x *experiment) on(ctx context.Context, t *twin, w world, n int) (*compare.Image, error) {
	once, err := x.run.host.word()
	if err != nil {
		return nil, err
	}
	f := sealing(x.run.lock, x.step.Platform, w, true, x.run.trust)
	f.Alone, f.Once = true, once
	plan, err := x.step.Finish(f)
	if err != nil {
		return nil, err
	}
	ctx, leave := attend(ctx, t)
	defer leave()
	img, _, err := x.run.bring(ctx, t, plan, fmt.Sprintf("trial-%d", n))
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, fmt.Errorf("running %s again: %w", x.name, err)
	}
	return img, nil
}

// close ends the experiment's builders, which no build needs again.
func (x *experiment) close(ctx context.Context) {
	ctx = context.WithoutCancel(ctx)
	var errs []error
	for _, t := range x.extra {
		errs = append(errs, t.close())
	}
	for _, name := range x.names {
		errs = append(errs, x.run.host.Daemons.Stop(ctx, name, true))
	}
	if err := errors.Join(errs...); err != nil {
		x.run.host.notice("ending the builders of the experiment: %v", err)
	}
}

// trialPrefix begins the names of an experiment's builders.
const trialPrefix = "trial-"

// sweep removes what experiments that were killed have left.
func (h *Host) sweep(ctx context.Context) {
	list, err := h.Daemons.List(ctx)
	if err != nil {
		return
	}
	for _, e := range list {
		if strings.HasPrefix(e.Name, trialPrefix) && e.PID == 0 && !e.InUse {
			_ = h.Daemons.Stop(ctx, e.Name, true)
		}
	}
}
