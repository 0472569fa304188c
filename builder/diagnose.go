package builder

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/selfsame-build/selfsame/compare"
	"github.com/selfsame-build/selfsame/compare/cause"
	"github.com/selfsame-build/selfsame/report"
)

// quickTime is how long a build that differs looks for its remedy before it gives its result.
const quickTime = 60 * time.Second

// diagnose finds the step at fault, and what mends it. It never changes the verdict: where it cannot be carried out, the result says so.
func (b *build) diagnose(ctx context.Context, res *report.Result) *Mended {
	within, cancel := ctx, context.CancelFunc(func() {})
	if b.opt.Explain == Quick {
		within, cancel = context.WithTimeout(ctx, quickTime)
	}
	defer cancel()
	mended, err := b.look(within, res)
	switch {
	case errors.Is(within.Err(), context.DeadlineExceeded) && ctx.Err() == nil:
		res.Notes = append(res.Notes, fmt.Sprintf("the step was looked into for %s; `selfsame explain` takes the time it needs", quickTime))
	case err != nil && ctx.Err() == nil:
		res.Notes = append(res.Notes, "the guilty step could not be run again: "+report.Escape(err.Error()))
	}
	b.distrust()
	return mended
}

// distrust takes back what the journal says of this build's answers where looking into it asked for something in vain.
func (b *build) distrust() {
	if len(b.run.a.misses())+len(b.run.b.misses()) > 0 {
		b.run.trust.forget()
	}
}

func (b *build) look(ctx context.Context, res *report.Result) (*Mended, error) {
	alone, err := b.host.claim(ctx, b.lock, b.run.drafts)
	if err != nil {
		return nil, err
	}
	defer alone.release()
	ctx, leave := attend(ctx, b.run.a, b.run.b)
	defer leave()
	list, err := b.run.culprits(ctx, b.reports)
	for _, c := range list {
		blame(res, c)
	}
	if err != nil || len(list) == 0 || !list[0].made.Exec {
		return nil, err
	}
	c := list[0]
	b.host.notice("%s differs; running it again", c.made.Step.Name)
	if c.frozen, err = b.run.freeze(ctx, c); err != nil {
		return nil, err
	}
	if c.earlier != nil {
		if c, err = b.earlier(ctx, c); err != nil {
			return nil, err
		}
		blame(res, c)
	}
	return b.rerun(ctx, res, c, b.findings(c))
}

// earlier tells whether a step is itself at fault, or only makes something of what an earlier one left: on equal inputs it agrees then.
func (b *build) earlier(ctx context.Context, c culprit) (culprit, error) {
	same, _, err := b.agrees(ctx, c, b.project.authored())
	if err != nil || !same {
		return c, err
	}
	c.made = *c.earlier
	c.frozen, err = b.run.freeze(ctx, c)
	return c, err
}

// rerun tries remedies, and makes the experiment where it was asked for or nothing certain is known.
func (b *build) rerun(ctx context.Context, res *report.Result, c culprit, findings []cause.Finding) (*Mended, error) {
	mended, err := b.tryRemedies(ctx, res, c, findings)
	if mended != nil {
		cured(res, c)
	}
	certain := slices.ContainsFunc(findings, func(f cause.Finding) bool { return f.Certainty == cause.Certain })
	if err == nil && (b.opt.Explain == Full || !certain && mended == nil) {
		if res.Experiment, err = b.run.explain(ctx, c, suspect(findings)); err == nil {
			conclude(res, c)
			if mended == nil {
				mended, err = b.tryRemedies(ctx, res, c, concluded(res.Experiment, findings))
			}
		} else {
			res.Experiment = nil
		}
	}
	return mended, err
}

// concluded are the findings with what the experiment made of them, for remedies that nobody thought of before.
func concluded(x *report.Experiment, findings []cause.Finding) []cause.Finding {
	out := slices.Clone(findings)
	for i := range out {
		if class, certainty := cause.Conclude(out[i].Class, x.Causes, x.Random, proven(x)); certainty != cause.Unknown {
			out[i].Class = class
		}
	}
	return out
}

// open are the findings of a culprit's layer whose cause the bytes alone do not prove.
func open(res *report.Result, c culprit) []*report.Finding {
	var out []*report.Finding
	for i := range res.Findings {
		if f := &res.Findings[i]; f.Severity == "error" && f.Platform == c.platform && f.Layer == c.layer+1 && f.Certainty != string(cause.Certain) {
			out = append(out, f)
		}
	}
	return out
}

// conclude corrects what the bytes alone made likely by what the experiment has shown.
func conclude(res *report.Result, c culprit) {
	x := res.Experiment
	for _, f := range open(res, c) {
		if class, certainty := cause.Conclude(cause.Class(f.Class), x.Causes, x.Random, proven(x)); certainty != cause.Unknown {
			attribute(f, class, certainty, x.Verdict)
		}
	}
}

// cured takes the cause whose remedy both builders agree with.
func cured(res *report.Result, c culprit) {
	p := res.Patches[len(res.Patches)-1]
	for _, f := range open(res, c) {
		if p.Class != "" && p.Class != f.Class {
			attribute(f, cause.Class(p.Class), cause.Likely, "both builders agree once the step is changed: "+p.Note)
		}
	}
}

// attribute gives a finding another cause.
func attribute(f *report.Finding, class cause.Class, certainty cause.Certainty, evidence string) {
	known, ok := cause.Lookup(class)
	if !ok {
		return
	}
	if string(class) != f.Class {
		f.Also = slices.DeleteFunc(append([]string{f.Class}, f.Also...), func(c string) bool { return c == "" || c == string(class) })
		f.Class, f.Cause, f.Fix = string(class), known.Title, report.Escape(known.Remedy)
	}
	f.Certainty, f.Evidence = string(certainty), evidence
}

// tryRemedies looks for a change with which the builders agree.
func (b *build) tryRemedies(ctx context.Context, res *report.Result, c culprit, findings []cause.Finding) (*Mended, error) {
	ch, err := b.mend(ctx, c, findings)
	if err != nil || ch == nil {
		return nil, err
	}
	if ch.together {
		ch.patch.Class = "" // of more than one cause
	}
	res.Patches = append(res.Patches, ch.patch)
	path := b.project.recipe.Path
	if b.project.dockerfile != nil {
		path = filepath.Join(b.project.recipe.Dir, b.project.recipe.Source.Path, b.project.recipe.Build.Dockerfile)
	}
	return &Mended{Path: path, Old: b.project.authored(), New: ch.file}, nil
}

// blame puts the guilty step in the place of the copy that only brought its result in.
func blame(res *report.Result, c culprit) {
	s := c.made.Step
	for i := range res.Findings {
		if f := &res.Findings[i]; f.Severity == "error" && f.Platform == c.platform && f.Layer == c.layer+1 {
			f.Step, f.File, f.Line = report.Escape(s.Command), report.Escape(filepath.Base(s.File)), s.Line
		}
	}
	for i := range res.Compared {
		if res.Compared[i].Platform != c.platform {
			continue
		}
		for j := range res.Compared[i].Differing {
			if l := &res.Compared[i].Differing[j]; l.Layer == c.layer+1 {
				l.Step, l.File, l.Line = report.Escape(s.Command), report.Escape(filepath.Base(s.File)), s.Line
			}
		}
	}
}

// findings are those of the layer that the culprit made.
func (b *build) findings(c culprit) []cause.Finding {
	i := slices.IndexFunc(b.reports, func(r compare.Report) bool { return r.Platform == c.platform })
	if i < 0 {
		return nil
	}
	all := cause.Explain(b.reports[i], b.run.known(b.project.epoch))
	return slices.DeleteFunc(all, func(f cause.Finding) bool { return f.Difference.Layer != c.layer })
}

// suspect is the axis that the bytes speak of.
func suspect(list []cause.Finding) string {
	for _, f := range list {
		if f.Axis != "" {
			return f.Axis
		}
		if axis := axesOf[f.Class]; axis != "" {
			return axis
		}
	}
	return ""
}

// axesOf are the axes on which a cause shows, where it shows on one.
var axesOf = map[cause.Class]string{
	"T1": "clock calls", "T4": "directory order", "T5": "CPU count", "T7": "host name", "T8": "kernel name", "T9": "locale", "T10": "time zone",
	"T12": "environment", "T14": "address layout", "T15": "CPU count", "T16": "CPU features", "T17": "directory order", "T18": "directory order",
}
