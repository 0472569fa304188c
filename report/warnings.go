package report

import (
	"fmt"

	"github.com/selfsame-build/selfsame/compare/cause"
	"github.com/selfsame-build/selfsame/compare/window"
)

// WithWarnings adds what a window scan found. Warnings never change the verdict.
func (r Result) WithWarnings(scan window.Result) Result {
	r.Findings = append([]Finding(nil), r.Findings...)
	for _, w := range scan.Findings {
		v := Escape(w.Value)
		f := Finding{Class: string(w.Class), Certainty: string(w.Certainty), Severity: "warning", Platform: w.Platform, Layer: w.Layer + 1,
			Path: Escape(w.Path), Step: Escape(w.Step.Name), File: Escape(w.Step.File), Line: w.Step.Line, Summary: Escape(w.Summary),
			Kind: "leak", Values: []Values{{Name: "found", A: &v}}, More: w.More}
		if known, ok := cause.Lookup(cause.Class(w.Class)); ok {
			f.Cause, f.Fix = known.Title, known.Remedy
		}
		if w.Offset >= 0 {
			f.Offset = &w.Offset
		}
		r.Findings = append(r.Findings, f)
	}
	r.Omitted += scan.Truncated
	if c := scan.Chance; c.Seen > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("%d binary values look like the build's time; chance alone gives about %.1f in %d MB", c.Seen, c.Expected, scan.Bytes>>20))
	}
	return r
}
