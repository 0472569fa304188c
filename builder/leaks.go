package builder

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/compare"
	"github.com/selfsame-build/selfsame/compare/window"
	"github.com/selfsame-build/selfsame/internal/atomicfile"
)

// leaks looks in an image for values that a later rebuild would not share. Each layer is searched for the times of the build that made
// it: this one, or an earlier one whose result the builder still had. One in which there was nothing is not searched again; the base's
// are other builds' layers.
func (h *Host) leaks(ctx context.Context, r *twinRun, img *compare.Image, now []window.Span) (window.Result, error) {
	epoch := r.subject.project.epoch
	plan := r.plans[img.Platform()][0]
	base, err := h.layersOf(plan.Base)
	if err != nil {
		return window.Result{}, err
	}
	opt := window.Options{
		Epoch: epoch, HostNames: []string{r.a.report.Hostname, r.b.report.Hostname}, Kernels: []string{r.a.report.Release},
		BootIDs: []string{r.a.report.BootID},
		Steps:   layerSteps(plan, len(img.Layers())),
	}
	var fresh []digest.Digest
	var out window.Result
	for _, l := range img.Layers() {
		before, known := h.searched(l.DiffID, epoch)
		switch {
		case base[l.Digest]:
		case !known, !r.exports.madeBefore(l.DiffID) && r.a.ran(img.Platform()):
			fresh = append(fresh, l.DiffID)
		case !before.Clean:
			found, err := scanOnly(ctx, img, opt, before.Spans, l.DiffID)
			if err != nil {
				return window.Result{}, err
			}
			found.Findings = slices.DeleteFunc(found.Findings, func(f window.Finding) bool { return f.Layer < 0 }) // the configuration is this build's
			out = joined(out, found)
		}
	}
	found, err := scanOnly(ctx, img, opt, now, fresh...)
	if err != nil {
		return window.Result{}, err
	}
	return joined(out, found), h.remember(img, fresh, now, found, epoch)
}

// ran says whether a step of a platform ran on the twin in this build: else all of its layers are older.
func (t *twin) ran(platform string) bool {
	for _, s := range t.results[platform].Steps {
		if s.Step.Name != "" && !s.Cached {
			return true
		}
	}
	return false
}

// scanOnly searches the configuration and the given layers.
func scanOnly(ctx context.Context, img *compare.Image, opt window.Options, spans []window.Span, layers ...digest.Digest) (window.Result, error) {
	opt.Spans = spans
	for _, d := range img.DiffIDs() {
		if !slices.Contains(layers, d) {
			opt.SkipLayers = append(opt.SkipLayers, d)
		}
	}
	return window.Scan(ctx, img, opt)
}

// joined is both results, in the order of layers.
func joined(a, b window.Result) window.Result {
	out := window.Result{
		Findings: slices.Concat(a.Findings, b.Findings), Truncated: a.Truncated + b.Truncated, Bytes: a.Bytes + b.Bytes,
		Chance: window.Chance{Seen: a.Chance.Seen + b.Chance.Seen, Expected: a.Chance.Expected + b.Chance.Expected},
	}
	slices.SortStableFunc(out.Findings, func(a, b window.Finding) int { return a.Layer - b.Layer })
	return out
}

// search is what is remembered of a layer that was searched.
type search struct {
	Spans []window.Span `json:"spans"` // when the layer was made
	Clean bool          `json:"clean"`
}

// searchPath depends on the program that searches: another one may find more.
func (h *Host) searchPath(diffID digest.Digest, epoch time.Time) string {
	key := digest.FromString(fmt.Sprint(h.Selfsame.Digest, diffID, epoch.Unix()))
	return filepath.Join(h.CacheDir, "searched", key.Encoded())
}

func (h *Host) searched(diffID digest.Digest, epoch time.Time) (search, bool) {
	var s search
	data, err := os.ReadFile(h.searchPath(diffID, epoch))
	return s, err == nil && json.Unmarshal(data, &s) == nil
}

// remember keeps what the search of fresh layers gave.
func (h *Host) remember(img *compare.Image, fresh []digest.Digest, spans []window.Span, found window.Result, epoch time.Time) error {
	if err := os.MkdirAll(filepath.Join(h.CacheDir, "searched"), 0o700); err != nil {
		return fmt.Errorf("remembering the search: %w", err)
	}
	for _, l := range img.Layers() {
		if !slices.Contains(fresh, l.DiffID) {
			continue
		}
		dirty := found.Truncated > 0 || found.Chance.Seen > 0 || slices.ContainsFunc(found.Findings, func(f window.Finding) bool { return f.Layer == l.Index })
		data, err := json.Marshal(search{Spans: spans, Clean: !dirty})
		if err != nil {
			return err
		}
		if err := atomicfile.Write(h.searchPath(l.DiffID, epoch), data, 0o600); err != nil {
			return err
		}
	}
	return nil
}
