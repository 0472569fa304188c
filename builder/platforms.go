package builder

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/containerd/platforms"
	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/builder/graph"
	"github.com/selfsame-build/selfsame/builder/remote"
	"github.com/selfsame-build/selfsame/builder/solver"
	"github.com/selfsame-build/selfsame/inputs/debian"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/recipes"
)

// canRun refuses a platform that a builder cannot run steps for, before anything is built. A platform that no step runs on needs
// nobody to run it: files can be copied for any.
func canRun(label string, info solver.Info, run []string) error {
	for _, platform := range run {
		if runs(info, platform) {
			continue
		}
		return diag.Errorf("A0324", "builder %s cannot run steps for `%s`", label, platform).
			WithWhy("it runs " + strings.Join(info.Platforms, ", ")).
			WithHelp("apt-get install qemu-user-static binfmt-support && selfsame builders stop")
	}
	return nil
}

// runs says whether the daemon lists a platform. Variants count only where the daemon tells them apart.
func runs(info solver.Info, platform string) bool {
	want, err := platforms.Parse(platform)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(info.Platforms, func(have string) bool {
		p, err := platforms.Parse(have)
		return err == nil && p.Architecture == want.Architecture && platforms.Only(p).Match(want)
	})
}

// foreign says whether programs for a platform are another CPU's than the machine's.
func foreign(platform string) bool {
	return architecture(platform) != hostArch
}

func architecture(platform string) string {
	_, arch, _ := strings.Cut(platform, "/")
	arch, _, _ = strings.Cut(arch, "/")
	return arch
}

// stepPlatforms are the platforms that the steps of all drafts run on, sorted.
func stepPlatforms(drafts map[string]*graph.Draft) []string {
	var out []string
	for _, d := range drafts {
		out = append(out, d.Runs...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// runnable refuses platforms whose Debian bases the builders of this machine cannot configure. What a build's own steps need is
// looked at when its graphs are made; but making them takes the bases, which are built, one platform after the other. So the graphs
// are made first with stand-ins, where a platform is not the machine's.
func (h *Host) runnable(ctx context.Context, p *project, wanted []string, res resolver) error {
	if !slices.ContainsFunc(p.recipe.Platforms, foreign) {
		return nil
	}
	trial := &standIns{resolver: res}
	for _, platform := range wanted {
		if _, err := h.compile(ctx, p, platform, trial); err != nil {
			return err
		}
	}
	if !slices.ContainsFunc(trial.run, foreign) {
		return nil
	}
	slices.Sort(trial.run)
	lease, err := h.Daemons.Acquire(ctx, h.worldA().spec())
	if err != nil {
		return err
	}
	defer lease.Release()
	t := &twin{label: "A", lease: lease}
	if err := t.connect(ctx, lease.Address, remote.TLS{}); err != nil {
		return err
	}
	return errors.Join(canRun("A", t.info, slices.Compact(trial.run)), t.client.Close())
}

// standIns answers for Debian bases with an image that does not exist, and notes that building one takes a step.
type standIns struct {
	resolver
	run []string
}

func (s *standIns) debian(_ context.Context, d recipes.Debian, platform string) (graph.Image, error) {
	s.run = append(s.run, platform)
	cfg, err := debianConfig(d, debian.Arch(platform))
	return graph.Image{Digest: digest.FromString("stand-in"), Config: cfg}, err
}
