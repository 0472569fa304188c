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
			Fix: fixes[w.Class], Kind: "leak", Values: []Values{{Name: "found", A: &v}}, More: w.More}
		if known, ok := cause.Lookup(cause.Class(w.Class)); ok {
			f.Cause = known.Title
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

// fixes are the usual edits, for classes whose leak was found in the open.
var fixes = map[window.Class]string{
	window.ClassClock:   "make the program use SOURCE_DATE_EPOCH, or delete the file in the step that writes it",
	window.ClassMtime:   "set the time in the step: touch -d @$SOURCE_DATE_EPOCH FILE",
	window.ClassArchive: "pack with fixed times: tar --mtime=@$SOURCE_DATE_EPOCH, gzip -n, zip -X after touch",
	window.ClassHost:    "keep the host name out of the file, or delete the file in the step that writes it",
	window.ClassKernel:  "do not let the build ask for the running kernel (uname -r)",
	window.ClassTool:    "compile with PYTHONDONTWRITEBYTECODE=1, or python -m compileall --invalidation-mode checked-hash",
}
