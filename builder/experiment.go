package builder

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/builder/graph"
	"github.com/selfsame-build/selfsame/compare"
	"github.com/selfsame-build/selfsame/compare/cause"
	"github.com/selfsame-build/selfsame/compare/inside"
	"github.com/selfsame-build/selfsame/compare/window"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/report"
)

// maxTrials bounds an experiment: more runs of one step than this tell little more and take long.
const maxTrials = 8

// knob is one variation that can be switched on by itself.
type knob struct {
	axis string
	turn func(h *Host, w *world)
}

// knobs are the variations, the likeliest first. Those of the step's own surroundings cost nothing to turn; the others need a builder in
// a world of its own.
var knobs = []knob{
	{"directory order", func(h *Host, w *world) { w.daemon.Root, w.daemon.RootBytes = h.rootRoomy() }},
	{"CPU count", func(_ *Host, w *world) { w.daemon.CPUs = 1 }},
	{"environment", func(h *Host, w *world) { w.canary = h.plantedB().canary }},
	{"time zone", func(h *Host, w *world) { w.timeZone = h.plantedB().timeZone }},
	{"locale", func(h *Host, w *world) { w.locale = h.plantedB().locale }},
	{"host name", func(h *Host, w *world) { w.hostname = h.worldB().hostname }},
	{"CPU features", func(h *Host, w *world) { w.tunables = h.plantedB().tunables }},
	{"open files", func(h *Host, w *world) { w.openFiles = h.plantedB().openFiles }},
	{"kernel name", func(h *Host, w *world) {
		b := h.worldB().daemon
		w.daemon.KernelRelease, w.daemon.KernelVersion = b.KernelRelease, b.KernelVersion
	}},
	{"clock calls", func(_ *Host, w *world) { w.daemon.ClockOffset = clockOffset }},
	{"address layout", func(_ *Host, w *world) { w.daemon.FixedAddresses = true }},
}

// experiment runs one step again and again on frozen copies of its inputs.
type experiment struct {
	run    *twinRun
	step   *graph.Draft
	name   string
	knobs  []knob           // the variations that this build had
	extra  map[string]*twin // builders in worlds of their own, by name
	names  []string         // of all that were asked for, also of those that never came
	trials []report.Trial
	images []*compare.Image // results, in the order of trials
	spans  [][]window.Span  // when each was made
	last   time.Time        // when the last run began
	runs   int
}

// explain finds out on what the difference of a step depends. suspect is the axis that the bytes speak of; empty: none.
func (r *twinRun) explain(ctx context.Context, c culprit, suspect string) (*report.Experiment, error) {
	step, err := c.draft.Isolate(c.made.Step.Name, c.frozen.states, c.frozen.layers)
	if err != nil {
		return nil, err
	}
	x := &experiment{run: r, step: step, name: c.made.Step.Name, extra: map[string]*twin{}, knobs: r.knobs()}
	defer x.close(ctx)
	r.host.sweep(ctx)
	out := &report.Experiment{Step: report.Escape(c.made.Step.Command), File: report.Escape(filepath.Base(c.made.Step.File)), Line: c.made.Step.Line}
	out.Verdict, out.Causes, out.Random, err = x.decide(ctx, suspect)
	out.Runs = x.trials
	return out, err
}

// knobs are the variations of this build: what was not seen to differ is no reason for a difference. On a builder of somebody else's only
// the steps' own surroundings can be turned.
func (r *twinRun) knobs() []knob {
	var out []knob
	for _, k := range knobs {
		w := r.host.worldA()
		k.turn(r.host, &w)
		ours := r.a.world.at == nil || w.daemon == r.host.worldA().daemon
		if ours && slices.ContainsFunc(r.axes, func(x provenance.Axis) bool { return x.Name == k.axis && x.State == provenance.AxisMeasured }) {
			out = append(out, k)
		}
	}
	return out
}

// decide plans the runs: controls first, then everything varied, then the suspect with and without the rest, then halves.
func (x *experiment) decide(ctx context.Context, suspect string) (verdict string, causes []string, random bool, err error) {
	if _, err = x.trial(ctx); err != nil {
		return
	}
	x.passTime(ctx)
	same, err := x.trial(ctx)
	if err != nil {
		return
	}
	if !same {
		return x.inherent(ctx)
	}
	all := axisNames(x.knobs)
	if same, err = x.trial(ctx, all...); err != nil {
		return
	}
	if same {
		return fmt.Sprintf("it did not differ again in %s on copies of its inputs: it comes and goes, as a race does, or takes from its inputs what copies do not keep, such as the times of files", times(x.runs)), nil, false, nil
	}
	found, err := x.search(ctx, all, suspect)
	if err != nil {
		return
	}
	return x.sentence(found), found, false, nil
}

// inherent tells what differs with nothing varied: by the time that passes, or by chance. The two results say it themselves: either holds
// the time of its own run, and nothing else differs, or there is more.
func (x *experiment) inherent(ctx context.Context) (string, []string, bool, error) {
	rep, err := compare.Images(ctx, x.images[0], x.images[1], compare.Options{
		Checked: x.run.exports.checked, Inside: &inside.Options{Scratch: x.run.host.TempDir},
	})
	if err != nil {
		return "", nil, false, err
	}
	found := cause.Explain(rep, cause.World{SpansA: x.spans[0], SpansB: x.spans[1], Epoch: x.run.subject.project.epoch.Unix()})
	whole := !slices.ContainsFunc(rep.Layers, func(l compare.LayerReport) bool { return l.Truncated > 0 })
	if len(found) > 0 && whole && !slices.ContainsFunc(found, func(f cause.Finding) bool { return !f.OfTime }) {
		return "differs whenever time passes: two runs a few seconds apart, with nothing varied, each hold the time of their own", []string{"start time"}, false, nil
	}
	return x.calmed(ctx)
}

// calming are the axes that take chance away where they are varied: addresses that are not drawn, one CPU for all that runs at once.
var calming = []string{"address layout", "CPU count"}

// calmed looks for the kind of chance: what differs with nothing varied may agree with itself where addresses are fixed, or on one CPU.
func (x *experiment) calmed(ctx context.Context) (string, []string, bool, error) {
	for _, axis := range calming {
		if !slices.Contains(axisNames(x.knobs), axis) {
			continue
		}
		first := len(x.images)
		for range 2 {
			if _, err := x.trial(ctx, axis); err != nil {
				return "", nil, false, err
			}
		}
		if x.images[first].Manifest() == x.images[first+1].Manifest() {
			return fmt.Sprintf("two runs differ with nothing varied, and two agree where the %s is B's", axis), []string{axis}, false, nil
		}
	}
	return "random even with nothing varied: " + x.agreement(), nil, true, nil
}

// agreement says how many of the runs gave a result of their own.
func (x *experiment) agreement() string {
	seen := map[digest.Digest]bool{}
	for _, i := range x.images {
		seen[i.Manifest()] = true
	}
	if len(seen) == len(x.images) {
		return fmt.Sprintf("no two of %s agree", times(len(x.images)))
	}
	return fmt.Sprintf("%d results in %s", len(seen), times(len(x.images)))
}

// search looks for the axis that a difference hangs on: the suspect first, then by halves. What it gives was run alone.
func (x *experiment) search(ctx context.Context, all []string, suspect string) ([]string, error) {
	list := all
	if slices.Contains(all, suspect) {
		same, err := x.trial(ctx, suspect)
		if err != nil {
			return nil, err
		}
		if !same {
			return []string{suspect}, x.without(ctx, all, suspect)
		}
		list = others(all, suspect)
	}
	alone := false
	for len(list) > 1 && x.runs < maxTrials-1 {
		half := list[:len(list)/2]
		same, err := x.trial(ctx, half...)
		if err != nil {
			return nil, err
		}
		if alone = !same && len(half) == 1; same {
			half = list[len(list)/2:]
		}
		list = half
	}
	if len(list) == 1 && !alone && x.runs < maxTrials {
		if same, err := x.trial(ctx, list[0]); err != nil || same {
			return nil, err
		}
	}
	if len(list) == 1 {
		return list, x.without(ctx, all, list[0])
	}
	return list, nil
}

// without varies everything but one axis.
func (x *experiment) without(ctx context.Context, all []string, axis string) error {
	rest := others(all, axis)
	if x.runs >= maxTrials || len(rest) == 0 {
		return nil
	}
	_, err := x.trial(ctx, rest...)
	return err
}

func others(all []string, axis string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(a string) bool { return a == axis })
}

// proven says whether results differed with one axis alone, and never without it.
func proven(x *report.Experiment) bool {
	if x == nil || len(x.Causes) != 1 {
		return false
	}
	alone, rest := false, false
	for _, r := range x.Runs[min(1, len(x.Runs)):] {
		switch with := slices.Contains(r.Varied, x.Causes[0]); {
		case with && len(r.Varied) == 1 && !r.Equal:
			alone = true
		case with != r.Equal: // differs with it, or is equal without
			rest = rest || !with && len(r.Varied) > 1
		default:
			return false
		}
	}
	return alone && rest
}

// sentence counts the runs for and against.
func (x *experiment) sentence(causes []string) string {
	if len(causes) == 0 {
		return fmt.Sprintf("differs where everything is varied, but with no one thing alone that was tried (%s)", times(x.runs))
	}
	var with, differ, without, equal int
	for _, t := range x.trials[1:] {
		if slices.ContainsFunc(t.Varied, func(a string) bool { return slices.Contains(causes, a) }) {
			with++
			if !t.Equal {
				differ++
			}
			continue
		}
		without++
		if t.Equal {
			equal++
		}
	}
	return fmt.Sprintf("differs only if the %s differs (%d of %d), equal otherwise (%d of %d)", strings.Join(causes, " or the "), differ, with, equal, without)
}

func times(n int) string {
	if n == 1 {
		return "1 run"
	}
	return fmt.Sprintf("%d runs", n)
}

func axisNames(list []knob) []string {
	var out []string
	for _, k := range list {
		out = append(out, k.axis)
	}
	return out
}
