package builder

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/selfsame-build/selfsame/builder/graph"
	"github.com/selfsame-build/selfsame/builder/solver"
	"github.com/selfsame-build/selfsame/internal/canary"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance"
)

// canaryImage puts the canary's program for a platform into the store as an image.
func (h *Host) canaryImage(ctx context.Context, platform string) (digest.Digest, error) {
	path := h.Daemons.Binaries.Vary
	if foreign(platform) {
		var err error
		if path, err = h.Canary(architecture(platform)); err != nil {
			return "", err
		}
	}
	of, err := FileDigest(h.CacheDir, path)
	if err != nil {
		return "", err
	}
	mark := filepath.Join(h.CacheDir, "canaries", of.Encoded()+"-"+architecture(platform))
	if data, err := os.ReadFile(mark); err == nil { //nolint:gosec // below our own cache folder
		if d := digest.Digest(data); d.Validate() == nil && h.hasImage(d) {
			return d, nil
		}
	}
	program, err := os.ReadFile(path) //nolint:gosec // a program of ours
	if err != nil {
		return "", fmt.Errorf("reading the canary: %w", err)
	}
	layer, err := h.Store.PutBytes(ctx, tarOf("canary", program))
	if err != nil {
		return "", fmt.Errorf("storing the canary: %w", err)
	}
	img := ocispec.Image{RootFS: ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{layer.Digest}}}
	img.OS, img.Architecture = "linux", architecture(platform)
	desc, err := h.Store.PutImage(ctx, img, []ocispec.Descriptor{{
		MediaType: ocispec.MediaTypeImageLayer, Digest: layer.Digest, Size: layer.Size,
	}}, nil)
	if err != nil {
		return "", err
	}
	remember(mark, desc.Digest)
	return desc.Digest, nil
}

// observe runs a platform's canary on one twin.
// carry also brings the certificate of the builder's proxy to where networked steps look for it (graph.Look).
func (h *Host) observe(ctx context.Context, t *twin, platform string, carry bool) (r canary.Report, err error) {
	image, err := h.canaryImage(ctx, platform)
	if err != nil {
		return r, err
	}
	once, err := h.word()
	if err != nil {
		return r, err
	}
	plan, err := graph.Canary(ctx, graph.Look{
		Platform: platform, Image: image, Args: []string{"/", t.address}, Once: once, Carry: carry,
		Hostname: t.world.hostname, Env: t.world.variables(), OpenFiles: t.world.openFiles,
	})
	if err != nil {
		return r, err
	}
	res, err := t.client.Solve(ctx, solver.Request{Plan: plan, Store: h.Store.Content()})
	if err != nil {
		if ctx.Err() != nil {
			return r, context.Cause(ctx)
		}
		switch {
		case tooOld(err):
			return r, t.old()
		case full(err.Error()): // by what a step beside the canary writes, as a rule
			return r, builderFull(t.label, err)
		}
		return r, diag.Errorf("A0702", "measuring builder %s: %w%s", t.label, err, said(err)).
			WithHelp("a builder of your own needs --proxy-network and --allow-insecure-entitlement network.host; for ours run `selfsame doctor`")
	}
	for _, s := range res.Steps {
		if s.Step.Name != graph.CanaryStep {
			continue
		}
		if r, err = canary.Parse(s.Log); err != nil {
			return r, fmt.Errorf("measuring builder %s: %w", t.label, err)
		}
		if len(r.Reached) > 0 {
			return r, diag.Errorf("A0320", "a step of builder `%s` could reach %v over TCP", t.label, r.Reached).
				WithWhy("a build that can reach the network is not sealed").WithHelp("run `selfsame doctor`")
		}
		return r, nil
	}
	return r, errors.New("measuring builder " + t.label + ": the canary did not run")
}

// said is the last line that a failed step wrote.
func said(err error) string {
	var se *solver.StepError
	if !errors.As(err, &se) || len(se.Run.Log) == 0 {
		return ""
	}
	return " (" + tail(se.Run.Log, 1)[0] + ")"
}

// views are what steps of one platform saw on both twins.
type views struct {
	platform string
	a, b     canary.Report
}

// measure turns what was seen into the evidence's axes; what the first views saw stands for all. An axis counts only if every
// platform's steps see it: an emulator may answer for itself. excused gives the reason why an axis was not wanted in this build; a
// required axis that is neither seen nor excused means that nothing was proved.
func measure(seen []views, excused map[string]string) ([]provenance.Axis, error) {
	var out []provenance.Axis
	for _, x := range axisTable {
		va, vb := x.value(seen[0].a), x.value(seen[0].b)
		alike := slices.IndexFunc(seen, func(v views) bool { return !x.differ(v) })
		where := ""
		if alike > 0 {
			where, va = " on "+seen[alike].platform, x.value(seen[alike].a)
		}
		switch {
		case alike < 0:
			out = append(out, provenance.Axis{Name: x.name, State: provenance.AxisMeasured, A: va, B: vb})
		case excused[x.name] != "":
			out = append(out, provenance.Axis{Name: x.name, State: provenance.AxisNotApplied, Reason: excused[x.name]})
		case x.required:
			return nil, diag.Errorf("A0321", "the builders do not differ in %s: both see %q%s", x.name, va, where).
				WithWhy("twins in equal surroundings agree on what they should not").WithHelp("run `selfsame doctor`")
		default:
			out = append(out, provenance.Axis{Name: x.name, State: provenance.AxisNotApplied, Reason: x.whyAlike(where)})
		}
	}
	return out, nil
}

// measureAxes runs the canary on both twins. carried is closed once no step need wait any more for the certificates of the proxies.
func (h *Host) measureAxes(ctx context.Context, r *twinRun, excused map[string]string, carried chan<- struct{}) error {
	seen, err := h.look(ctx, r, carried)
	if err != nil {
		return err
	}
	r.a.report, r.b.report = seen[0].a, seen[0].b
	if excused == nil {
		excused = map[string]string{}
	}
	if h.CPUs < 2 {
		excused["CPU count"] = "the machine has one CPU"
	}
	if why := r.b.world.noOrder(); why != "" {
		excused["directory order"] = why
	}
	if r.b.world.openFiles == nil && excused["open files"] == "" {
		excused["open files"] = "the machine's limit is not known"
	}
	axes, err := measure(seen, excused)
	if err == nil {
		r.axes = r.exceptSteps(axes)
	}
	return err
}

// look runs the canary on both twins: on the machine's own platform, and on every other that a step runs on.
func (h *Host) look(ctx context.Context, r *twinRun, carried chan<- struct{}) ([]views, error) {
	own := "linux/" + hostArch
	seen := []views{{platform: own}}
	for _, platform := range stepPlatforms(r.drafts) {
		if foreign(platform) {
			seen = append(seen, views{platform: platform})
		}
	}
	carry := slices.ContainsFunc(sortedKeys(r.plans), func(p string) bool { return networkedPlan(r.plans[p][0]) })
	var eg errgroup.Group
	var first sync.WaitGroup
	for i := range seen {
		v := &seen[i]
		both := []func() error{
			func() (err error) { v.a, err = h.observe(ctx, r.a, v.platform, carry && v.platform == own); return },
			func() (err error) { v.b, err = h.observe(ctx, r.b, v.platform, carry && v.platform == own); return },
		}
		for _, one := range both {
			if v.platform != own {
				eg.Go(one)
				continue
			}
			first.Add(1)
			eg.Go(func() error {
				defer first.Done()
				return one()
			})
		}
	}
	go func() {
		first.Wait()
		close(carried)
	}()
	err := eg.Wait()
	if err == nil && carry {
		err = errors.Join(r.a.setCarried(), r.b.setCarried())
	}
	return seen, err
}

// carried says whether the twin's networked steps need not wait for the certificate of its proxy.
func (t *twin) carried() bool { return t.lease != nil && t.lease.Carried() }

func (t *twin) setCarried() error {
	if t.lease == nil {
		return nil
	}
	return t.lease.SetCarried()
}

// networkedPlan says whether a plan has a step that may make requests.
func networkedPlan(p *graph.Plan) bool {
	return slices.ContainsFunc(p.Steps, func(s graph.Step) bool { return s.Networked })
}
