package builder

import (
	"context"
	"fmt"
	"path/filepath"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/internal/atomicfile"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/registry/layout"
	"github.com/selfsame-build/selfsame/report"
)

// summary is the report of a build whose twins agree.
func (b *build) summary(index ocispec.Descriptor, images []provenance.Image) report.Result {
	res := b.report()
	res.Reproducible = true
	res.Digest = index.Digest.String()
	res.Platforms = map[string]string{}
	for _, i := range images {
		res.Platforms[i.Platform] = i.Manifest.Digest.String()
	}
	return res
}

// agreement is the report of a build that was only made to be explained: nothing is kept of it, and nothing signed.
func (b *build) agreement() report.Result {
	res := b.report()
	res.Reproducible = true
	return res
}

// report is what both outcomes share.
func (b *build) report() report.Result {
	res := report.New(b.project.recipe.Name, b.reports, b.run.known(b.project.epoch))
	for _, x := range b.run.axes {
		if x.State != provenance.AxisMeasured {
			res.NotApplied = append(res.NotApplied, report.NotApplied{Name: x.Name, Reason: x.Reason})
			continue
		}
		res.Axes = append(res.Axes, x.Name)
		if len(x.Except) > 0 {
			res.NotApplied = append(res.NotApplied, exceptions(x))
		}
	}
	res.Build = &report.Build{SecondsA: b.run.a.took.Seconds(), SecondsB: b.run.b.took.Seconds()}
	res.Timeline = timeline(b.run.a, b.run.b)
	for _, r := range b.run.a.results {
		for _, s := range r.Steps {
			if s.Step.Name == "" {
				continue
			}
			res.Build.Steps++
			if s.Cached {
				res.Build.Cached++
			}
		}
	}
	return res
}

// exceptions are the steps that did without an axis which was measured otherwise.
func exceptions(x provenance.Axis) report.NotApplied {
	n := report.NotApplied{Name: x.Name, Reason: "some steps choose for themselves"}
	for _, s := range x.Except {
		n.Steps = append(n.Steps, report.NotAppliedStep{Step: s.Step, Reason: s.Reason})
	}
	return n
}

// mismatch keeps both results and says where they part.
func (b *build) mismatch(ctx context.Context) (*Result, error) {
	res := b.report()
	res.Files = report.Files{A: filepath.Join(b.opt.Out, "A"), B: filepath.Join(b.opt.Out, "B"), Report: filepath.Join(b.opt.Out, "report.json")}
	for _, keep := range []struct {
		t  *twin
		to string
	}{{b.run.a, res.Files.A}, {b.run.b, res.Files.B}} {
		if err := keep.t.list(ctx); err != nil {
			return nil, err
		}
		if err := replace(keep.t.out, keep.to); err != nil {
			return nil, err
		}
	}
	if err := writeReport(res.Files.Report, res); err != nil {
		return nil, err
	}
	// The verdict stands and is kept; from here on nothing can lose it.
	mended := b.diagnose(ctx, &res)
	if err := writeReport(res.Files.Report, res); err != nil {
		b.host.notice("writing what was found out since: %v", err)
	}
	return &Result{Report: res, Mended: mended, Err: diag.Errorf("A0401", "`%s` is not reproducible", b.project.recipe.Name).
		WithWhy("two builds from the same sealed inputs gave different images").
		WithHelp(fmt.Sprintf("selfsame diff %s %s", res.Files.A, res.Files.B))}, nil
}

// list makes a twin's output an OCI layout that others can read: its index names each platform's manifest.
func (t *twin) list(ctx context.Context) error {
	l, err := layout.Create(t.out)
	if err != nil {
		return err
	}
	for _, platform := range sortedKeys(t.results) {
		d := t.results[platform].Manifest
		desc, raw, err := l.Manifest(ctx, d)
		if err != nil {
			return err
		}
		if err := l.Add(ctx, desc, raw); err != nil {
			return err
		}
	}
	return nil
}

func writeReport(path string, r report.Result) error {
	return atomicfile.WriteFunc(path, 0o644, func(w writer) error { return report.JSON(w, r) })
}
