package builder

import (
	"context"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/selfsame-build/selfsame/compare"
	"github.com/selfsame-build/selfsame/compare/window"
	"github.com/selfsame-build/selfsame/provenance/sbom"
	"github.com/selfsame-build/selfsame/recipes/lock"
	"github.com/selfsame-build/selfsame/registry/layout"
)

// inspection is what A's images hold, looked up while B still builds. It says nothing about whether B agrees.
type inspection struct {
	packages map[string][]byte        // an SPDX document a platform
	leaks    map[string]window.Result // what a later rebuild would not share
}

// subject is what an inspection must know of the build.
type subject struct {
	project *project
	name    string // what the evidence calls the image
	lock    []lock.Entry
}

// inspect reads A's images once for everything that is said about them.
func (h *Host) inspect(ctx context.Context, r *twinRun, from time.Time) (*inspection, error) {
	out := &inspection{packages: map[string][]byte{}, leaks: map[string]window.Result{}}
	to := h.Now()
	spans := windows(from, to, to.Sub(from), r.b.world.daemon.ClockOffset)
	for _, platform := range sortedKeys(r.a.results) {
		img, err := compare.Open(r.a.out, r.a.results[platform].Manifest)
		if err != nil {
			return nil, err
		}
		eg, ctx := errgroup.WithContext(ctx)
		eg.Go(func() (err error) { out.packages[platform], err = h.listPackages(ctx, r, *r.subject, platform); return })
		eg.Go(func() (err error) { out.leaks[platform], err = h.leaks(ctx, r, img, spans); return })
		if err := eg.Wait(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// listPackages makes the SBOM.
func (h *Host) listPackages(ctx context.Context, r *twinRun, s subject, platform string) ([]byte, error) {
	out, err := layout.Create(r.a.out)
	if err != nil {
		return nil, err
	}
	return sbom.FromImage(ctx, reader{out}, sbom.Options{
		Manifest: r.a.results[platform].Manifest, Name: s.name, Platform: platform, Epoch: s.project.epoch.Unix(),
		Lock: s.lock, Tool: "selfsame-" + h.Selfsame.Version, Scratch: h.TempDir,
		Memory: sbom.Memory{Dir: filepath.Join(h.CacheDir, "packages"), Reader: h.Selfsame.Digest.String()},
	})
}
