package builder

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/builder/graph"
	"github.com/selfsame-build/selfsame/compare"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/recipes"
	"github.com/selfsame-build/selfsame/recipes/lock"
)

// solo is a build on one builder: the other half of its comparison has been published.
type solo struct {
	host    *Host
	twin    *twin
	lock    *lock.Lock
	trust   *trust
	exports *exports
	dir     string
	bases   map[digest.Digest]digest.Digest // Debian bases that were made, by baseKey
}

func (h *Host) repeatOnce(ctx context.Context, r *Restored, o RepeatOptions, platforms []string, out *Repetition) error {
	tr, err := h.newTrust()
	if err != nil {
		return err
	}
	t, err := h.acquire(ctx, "R", h.worldAudit(o.RootBytes), r.lock.Entries, o.Dir)
	if err != nil {
		return err
	}
	defer t.close() //nolint:errcheck // there is nothing to be done about it
	s := &solo{
		host: h, twin: t, lock: r.lock, trust: tr, exports: h.exports(r.project.recipe.Output.Compression), dir: o.Dir,
		bases: map[digest.Digest]digest.Digest{},
	}
	drafts, err := h.drafts(ctx, r.project, platforms, h.keeping(&soloResolver{lockResolver{h: h, p: r.project, lock: r.lock}, s}, r, o, out))
	if err != nil {
		return err
	}
	if err := canRun("R", t.info, stepPlatforms(drafts)); err != nil {
		return err
	}
	if err := s.build(ctx, drafts); err != nil {
		return err
	}
	d, err := h.describe(t, t.report.Release, r.Recipe)
	if err != nil {
		return err
	}
	out.Builders = append(out.Builders, d)
	if o.Stages {
		if err := out.stages(ctx, drafts, h, s.stage); err != nil {
			return err
		}
	}
	return out.collect(ctx, t)
}

// build solves all platforms, and meanwhile makes sure that no step reaches a network.
func (s *solo) build(ctx context.Context, drafts map[string]*graph.Draft) error {
	t := s.twin
	attended, leave := attend(ctx, t)
	defer leave()
	plans := map[string][2]*graph.Plan{}
	networked := false
	for _, platform := range sortedKeys(drafts) {
		plan, err := drafts[platform].Finish(sealing(s.lock, platform, t.world, false, s.trust))
		if err != nil {
			return err
		}
		plans[platform] = [2]*graph.Plan{plan, plan}
		networked = networked || networkedPlan(plan)
	}
	solving, stop := context.WithCancelCause(attended)
	defer stop(nil)
	looked := make(chan struct{})
	var errLook error
	go func() {
		defer close(looked)
		if t.report, errLook = s.host.observe(solving, t, "linux/"+hostArch, networked); errLook == nil && networked {
			errLook = t.setCarried()
		}
		if errLook != nil {
			stop(errLook)
		}
	}()
	if networked && !t.carried() {
		<-looked
	}
	err := s.host.solveAll(solving, t, plans, 0, s.exports, nil)
	<-looked
	return s.verdict(attended, errLook, err)
}

// verdict is twinRun.verdict for one builder.
func (s *solo) verdict(attended context.Context, errLook, err error) error {
	if err != nil || errLook != nil {
		settle(attended, s.twin)
	}
	switch {
	case attended.Err() != nil:
		return context.Cause(attended)
	case errLook != nil:
		return errLook
	}
	if list := s.twin.misses(); len(list) > 0 {
		return withOutput(list, err)
	}
	if err != nil {
		return explainStep(err, s.twin)
	}
	return s.trust.keep()
}

// stage brings out what a stage holds.
func (s *solo) stage(ctx context.Context, d *graph.Draft, name string) ([]digest.Digest, error) {
	plan, err := d.Finish(sealing(s.lock, d.Platform, s.twin.world, false, s.trust))
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(s.dir, name)
	res, err := s.host.solveInto(ctx, s.twin, dir, plan, s.exports, nil)
	if err != nil {
		return nil, err
	}
	defer removeAll(dir)
	img, err := compare.Open(dir, res.Manifest)
	if err != nil {
		return nil, err
	}
	return img.DiffIDs(), nil
}

// soloResolver makes Debian bases on the one builder, once: the image that is compared with was made from one that two builders agreed on.
type soloResolver struct {
	lockResolver
	s *solo
}

func (r *soloResolver) debian(ctx context.Context, d recipes.Debian, platform string) (graph.Image, error) {
	entries := r.lock.Step(platform, baseName(d))
	if len(entries) == 0 {
		return graph.Image{}, diag.Errorf("A0334", "Debian base `%s` is not in the lock", baseName(d)).WithHelp("run `selfsame lock`")
	}
	base, err := r.h.debianBase(ctx, r.p.epoch, d, platform, entries)
	if err != nil {
		return graph.Image{}, err
	}
	key := baseKey(base, r.p.epoch)
	if r.s.bases[key] == "" {
		r.h.notice("%s: building the base", base.Name)
		if r.s.bases[key], err = r.s.base(ctx, base, r.p, platform); err != nil {
			return graph.Image{}, err
		}
	}
	cfg, err := r.h.imageConfig(r.s.bases[key])
	return graph.Image{Digest: r.s.bases[key], Config: cfg}, err
}

// base builds a Debian base and brings it into the store.
func (s *solo) base(ctx context.Context, base graph.DebianBase, p *project, platform string) (digest.Digest, error) {
	draft, err := graph.CompileBase(ctx, base, platform, p.epoch)
	if err != nil {
		return "", err
	}
	plan, err := draft.Finish(sealing(&lock.Lock{}, platform, s.twin.world, false, s.trust))
	if err != nil {
		return "", err
	}
	dir := filepath.Join(s.dir, fmt.Sprintf("base-%d", len(s.bases)))
	defer removeAll(dir)
	ctx, leave := attend(ctx, s.twin)
	defer leave()
	res, err := s.host.solveInto(ctx, s.twin, dir, plan, s.host.exports("zstd"), nil)
	if err != nil {
		return "", explainStep(err, s.twin)
	}
	return res.Manifest, s.host.adopt(ctx, dir, res.Manifest)
}
