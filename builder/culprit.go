package builder

import (
	"context"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/builder/graph"
	"github.com/selfsame-build/selfsame/builder/solver"
	"github.com/selfsame-build/selfsame/compare"
)

// culprit is the step that made the first difference. A layer that copies from another stage only brings it in: the stage's own steps are
// then compared, as far back as the one after which the twins first part.
type culprit struct {
	platform string
	draft    *graph.Draft // of the whole build
	made     graph.Made
	layer    int // of the image, from 0, in which the difference came in
	frozen   *frozen
	earlier  *graph.Made // the first step after which the twins part, where that is not made: what it changed may not be what was copied
}

// culprits finds the guilty step of each platform that differs. Both builders have everything in their caches, so that only exports are made.
func (r *twinRun) culprits(ctx context.Context, reports []compare.Report) ([]culprit, error) {
	var out []culprit
	for _, rep := range reports {
		if rep.Level != compare.LevelDifferent || rep.FirstLayer() < 0 {
			continue
		}
		c, ok, err := r.culprit(ctx, r.drafts[rep.Platform], rep, 0)
		if err != nil {
			return nil, err
		}
		if ok {
			c.platform, c.draft, c.layer = rep.Platform, r.drafts[rep.Platform], rep.FirstLayer()
			out = append(out, c)
		}
	}
	return out, nil
}

// maxStages is how many stages a difference is followed through.
const maxStages = 16

func (r *twinRun) culprit(ctx context.Context, d *graph.Draft, rep compare.Report, depth int) (culprit, bool, error) {
	made := d.Made()
	n := rep.FirstLayer() - d.BaseLayers()
	if n < 0 || n >= len(made) || depth == maxStages || len(made)+d.BaseLayers() != rep.A.Layers {
		return culprit{}, false, nil
	}
	m := made[n]
	for i, from := range m.From {
		sub, err := d.At(from.Edge, r.host.countLayers)
		if err != nil {
			return culprit{}, false, err
		}
		a, b, err := r.both(ctx, sub, fmt.Sprintf("stage-%d-%d", depth, i))
		if err != nil {
			return culprit{}, false, err
		}
		inner, err := compare.Images(ctx, a, b, compare.Options{Checked: r.exports.checked})
		if err != nil {
			return culprit{}, false, err
		}
		if inner.FirstLayer() < 0 {
			continue
		}
		same := layerWith(inner, namesIn(rep, rep.FirstLayer(), nil), from.Paths)
		c, ok, err := r.culprit(ctx, sub, startingAt(inner, same), depth+1)
		if first := inner.FirstLayer() - sub.BaseLayers(); ok && same > inner.FirstLayer() && first >= 0 && c.earlier == nil {
			if list := sub.Made(); first < len(list) && list[first].Exec {
				c.earlier = &list[first]
			}
		}
		return c, ok, err
	}
	return culprit{made: m}, true, nil
}

// namesIn are the base names of what differs in a layer, below the given paths if there are any.
func namesIn(rep compare.Report, layer int, below []string) map[string]bool {
	out := map[string]bool{}
	for _, d := range rep.Differences {
		at := path.Clean("/" + d.Path)
		inside := func(p string) bool {
			return at == p || p == "/" || strings.HasPrefix(at, p+"/") || strings.ContainsAny(p, "*?[")
		}
		if d.Layer == layer && (len(below) == 0 || slices.ContainsFunc(below, inside)) {
			out[path.Base(d.Path)] = true
		}
	}
	return out
}

// layerWith is the first layer that has a difference of one of these names below the paths, or any there; without one the first that
// differs.
func layerWith(rep compare.Report, names map[string]bool, below []string) int {
	for _, l := range rep.Layers {
		for name := range namesIn(rep, l.Index, below) {
			if names[name] {
				return l.Index
			}
		}
	}
	for _, l := range rep.Layers { // a copy may give another name
		if len(namesIn(rep, l.Index, below)) > 0 {
			return l.Index
		}
	}
	return rep.FirstLayer()
}

// startingAt is a report that begins with a layer.
func startingAt(rep compare.Report, layer int) compare.Report {
	for i, l := range rep.Layers {
		if l.Index == layer {
			rep.Layers = rep.Layers[i:]
			break
		}
	}
	return rep
}

// both brings one state out of both builders.
func (r *twinRun) both(ctx context.Context, d *graph.Draft, name string) (a, b *compare.Image, err error) {
	var out [2]*compare.Image
	for i, t := range []*twin{r.a, r.b} {
		plan, err := d.Finish(r.found(d.Platform, t.world))
		if err != nil {
			return nil, nil, err
		}
		if out[i], _, err = r.bring(ctx, t, plan, name+"-"+t.label); err != nil {
			return nil, nil, err
		}
	}
	return out[0], out[1], nil
}

// found is how a state is finished that this build has made already: with the salts that it had.
func (r *twinRun) found(platform string, w world) graph.Finish {
	f := sealing(r.lock, platform, w, false, r.trust)
	f.Salted = r.opt.NoCache
	return f
}

// bring runs a plan on one builder and opens what came of it.
func (r *twinRun) bring(ctx context.Context, t *twin, plan *graph.Plan, name string) (*compare.Image, *solver.Result, error) {
	dir := filepath.Join(r.work, name)
	res, err := r.host.solveInto(ctx, t, dir, plan, r.exports, nil)
	if err != nil {
		return nil, res, err
	}
	img, err := compare.Open(dir, res.Manifest)
	return img, res, err
}

// countLayers is how many layers an image in the store has.
func (h *Host) countLayers(manifest digest.Digest) (int, error) {
	list, err := h.layersOf(manifest)
	return len(list), err
}
