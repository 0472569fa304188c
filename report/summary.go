package report

import (
	"fmt"
	"io"
	"sort"
	"strings"
)

// Summary writes a successful build in six lines at most: digest, steps, time, verdict, axes, next command. Lines about what r
// does not say are left out.
func Summary(w io.Writer, r Result) error {
	t := &text{}
	if id := firstText(r.Reference, r.Digest); id != "" {
		t.line("digest   %s", Escape(id))
	}
	if b := r.Build; b != nil {
		t.line("steps    %d, %d cached", b.Steps, b.Cached)
		t.line("time     A %.1f s, B %.1f s", b.SecondsA, b.SecondsB)
	}
	t.line("verdict  %s", verdict(r))
	if line := axes(r); line != "" {
		t.line("axes     %s", line)
	}
	if r.Next != "" {
		t.line("next     %s", r.Next)
	}
	return t.to(w)
}

func firstText(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}

func verdict(r Result) string {
	var names []string
	for p := range r.Platforms {
		names = append(names, Escape(p))
	}
	sort.Strings(names)
	v := "reproducible: A and B are the same bit for bit (" + strings.Join(names, ", ") + ")"
	n := 0
	for _, f := range r.Findings {
		if f.Severity == "warning" {
			n++
		}
	}
	if n > 0 {
		v += ", with " + plural(n, "warning")
	}
	return v
}

func axes(r Result) string {
	var parts []string
	for _, a := range r.Axes {
		parts = append(parts, Escape(a))
	}
	line := strings.Join(parts, ", ")
	var not []string
	for _, a := range r.NotApplied {
		not = append(not, fmt.Sprintf("%s: %s", Escape(a.Name), Escape(a.Why())))
	}
	if len(not) > 0 {
		line += " (not applied: " + strings.Join(not, "; ") + ")"
	}
	return strings.TrimSpace(line)
}

// Why is the reason, with the steps that it is about.
func (a NotApplied) Why() string {
	if len(a.Steps) == 0 {
		return a.Reason
	}
	first := a.Steps[0].Step + ": " + a.Steps[0].Reason
	if more := len(a.Steps) - 1; more > 0 {
		first += fmt.Sprintf(", and %d more", more)
	}
	return first
}

// maxWarnings is how many warnings the text shows.
const maxWarnings = 8

// Warnings writes the warnings of r, if it has any: what A and B agree on although a later build will not.
func Warnings(w io.Writer, r Result) error {
	var list []Finding
	for _, f := range r.Findings {
		if f.Severity == "warning" {
			list = append(list, f)
		}
	}
	t := &text{}
	if len(list) > 0 {
		t.line("warning: A and B agree on %s that a later build may not give again", plural(len(list), "value"))
	}
	for i, f := range list {
		if i == maxWarnings {
			t.line("  %d more", len(list)-i)
			break
		}
		t.warning(f)
	}
	for _, n := range r.Notes {
		t.line("note: %s", Escape(n))
	}
	return t.to(w)
}

func (t *text) warning(f Finding) {
	at := ""
	if f.Offset != nil {
		at = fmt.Sprintf(" at 0x%x", *f.Offset)
	}
	t.line("  layer %-3d %-32s %s", f.Layer, shorten(f.Step, 32), place(f.File, f.Line))
	t.line("    %s%s  %s  (%s, %s)", shorten(f.Path, maxPath), at, shown(f.Values, false), f.Class, f.Certainty)
	line := f.Summary
	if f.More > 0 {
		line += fmt.Sprintf(" (%d more in this file)", f.More)
	}
	t.line("      %s", shorten(line, maxPath))
	if f.Fix != "" {
		t.line("      = help: %s", f.Fix)
	}
}
