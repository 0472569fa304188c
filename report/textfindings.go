package report

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/selfsame-build/selfsame/compare"
)

// platform shows manifest and config, then the first layer that both have in full, then the others by count.
func (t *text) platform(r Result, c Compared) {
	if (c.A == "") != (c.B == "") {
		return // that it is missing was said
	}
	title := "manifest and config"
	if c.Platform == compare.IndexPlatform {
		title = "manifests in the index"
	}
	t.findings(title, "", c.pick(r, Layer{}))
	full, counted := false, 0
	for i, l := range c.Differing {
		if !full && l.Only == "" || len(c.Differing) == 1 {
			full = true
			t.findings(fmt.Sprintf("layer %s %s", l.number(), shorten(l.Step, 60)), place(l.File, l.Line), c.pick(r, l))
			continue
		}
		if counted++; counted == 4 && len(c.Differing)-i > 1 {
			t.line("  %s", plural(len(c.Differing)-i, "more layer")+" above")
			break
		}
		t.line("  layer %s %-32s %s", l.number(), shorten(l.Step, 32), counts(l))
	}
}

// number is the layer's place, in both where that is not the same.
func (l Layer) number() string {
	if l.LayerB > 0 {
		return fmt.Sprintf("%d (%d in B)", l.Layer, l.LayerB)
	}
	return fmt.Sprintf("%-3d", l.Layer)
}

// pick gives the findings of a layer, or of manifest and config for the zero Layer.
func (c Compared) pick(r Result, l Layer) []Finding {
	var out []Finding
	for _, f := range r.Findings {
		alone := f.Layer > 0 && f.Kind == string(compare.KindLayers) // two layers may have one number, where each side has one alone
		if f.Severity == "error" && f.Platform == c.Platform && f.Layer == l.Layer && alone == (l.Only != "") {
			out = append(out, f)
		}
	}
	return out
}

func place(file string, line int) string {
	if file == "" || line == 0 {
		return file
	}
	return fmt.Sprintf("%s:%d", file, line)
}

func counts(l Layer) string {
	if l.Only != "" {
		return "only in " + l.Only
	}
	var parts []string
	for _, c := range []struct {
		n    int
		what string
	}{{l.Modified, "modified"}, {l.Added, "added"}, {l.Removed, "removed"}, {l.Metadata, "with other metadata"}, {l.Moved, "moved"}} {
		if c.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", c.n, c.what))
		}
	}
	return strings.Join(parts, ", ")
}

func (t *text) findings(title, place string, list []Finding) {
	if len(list) == 0 && strings.HasPrefix(title, "manifest") {
		return
	}
	t.line("  %-44s %s", title, place)
	width := 0
	for i, f := range list {
		if i < maxFindings {
			width = max(width, min(maxColumn, utf8.RuneCountInString(f.Path)))
		}
	}
	more := 0
	for i, f := range list {
		if more += f.More; i >= maxFindings {
			more++
			continue
		}
		t.finding(f, width)
	}
	if more > 0 {
		t.line("    %d more", more)
	}
}

func (t *text) finding(f Finding, width int) {
	name := f.Path
	if f.Within != "" {
		name += " > " + f.Within
	}
	t.line("    %-*s  %s", width, shorten(name, maxPath), shorten(f.Summary, maxPath))
	t.values(f)
	if f.Class != "" {
		line := fmt.Sprintf("      cause: %s (%s, %s): %s", f.Cause, f.Class, f.Certainty, shorten(f.Evidence, maxPath))
		if len(f.Also) > 0 {
			line += "; also " + strings.Join(f.Also, ", ")
		}
		t.line("%s", line)
	}
}

// values shows what stands on both sides.
func (t *text) values(f Finding) {
	if len(f.Values) == 0 || f.Offset == nil && f.Values[0].Name != "order" {
		return
	}
	a, b := value(f.Values[0].A), value(f.Values[0].B)
	if utf8.RuneCountInString(a)+utf8.RuneCountInString(b) <= 56 {
		t.line("      A  %s      B  %s", a, b)
		return
	}
	t.line("      A  %s", a)
	t.line("      B  %s", b)
}

func (t *text) files(f Files) {
	var parts []string
	if f.Report != "" {
		parts = append(parts, "report: "+Escape(f.Report))
	}
	if f.A != "" && f.B != "" {
		parts = append(parts, "results: A "+Escape(f.A)+"  B "+Escape(f.B))
	}
	if len(parts) > 0 {
		t.line("  %s", strings.Join(parts, "   "))
	}
}
