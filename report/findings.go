package report

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/selfsame-build/selfsame/compare"
	"github.com/selfsame-build/selfsame/compare/cause"
)

// New starts a Result from comparisons: Platforms, Reproducible, Compared, Findings and Omitted are set, the findings with the causes that
// w lets us name. Without a single comparison nothing is reproducible. The caller adds what only it knows: Digest, Reference, Axes, Build,
// Next, Files.
func New(name string, reports []compare.Report, w cause.World) Result {
	r := Result{SchemaVersion: SchemaVersion, Name: name, Reproducible: len(reports) > 0, Platforms: map[string]string{}}
	for _, rep := range reports {
		if rep.Platform != compare.IndexPlatform && rep.A.Manifest != "" {
			r.Platforms[rep.Platform] = string(rep.A.Manifest)
		}
		r.Reproducible = r.Reproducible && rep.Equal()
		c := Compared{Platform: rep.Platform, Level: string(rep.Level), A: string(rep.A.Manifest), B: string(rep.B.Manifest),
			LayersA: rep.A.Layers, LayersB: rep.B.Layers}
		for _, l := range rep.Layers {
			c.Differing = append(c.Differing, Layer{Layer: l.Index + 1, Only: only(l), LayerB: shifted(l), Step: Escape(l.Step.Name), File: Escape(l.Step.File), Line: l.Step.Line,
				Added: l.Entries.Added, Removed: l.Entries.Removed, Modified: l.Entries.Modified, Metadata: l.Entries.Metadata, Moved: l.Entries.Moved})
			r.Omitted += l.Truncated
		}
		r.Compared = append(r.Compared, c)
		for _, d := range rep.Differences {
			r.Omitted += d.Truncated
		}
		for _, c := range cause.Explain(rep, w) {
			r.Findings = append(r.Findings, explained(rep, c))
		}
	}
	return r
}

// only is the one side that has a layer.
func only(l compare.LayerReport) string {
	switch {
	case l.DiffIDA == "":
		return "B"
	case l.DiffIDB == "":
		return "A"
	}
	return ""
}

// shifted is a layer's number in B, where it is another than in A.
func shifted(l compare.LayerReport) int {
	if only(l) != "" || l.IndexB == l.Index {
		return 0
	}
	return l.IndexB + 1
}

// finding puts one difference into words, whatever its cause.
func finding(rep compare.Report, d compare.Difference) Finding {
	f := Finding{Certainty: "unknown", Severity: "error", Platform: rep.Platform, Layer: d.Layer + 1, Path: Escape(d.Path),
		Step: Escape(d.Step.Name), File: Escape(d.Step.File), Line: d.Step.Line, Kind: string(d.Kind), More: d.Truncated}
	if c := d.Content; c != nil && c.Located {
		f.Offset, f.Bytes = &c.Offset, c.Bytes
		f.Values = contentValues(c)
	}
	for _, v := range d.Fields {
		f.Values = append(f.Values, Values{Escape(v.Name), escaped(v.A), escaped(v.B)})
	}
	f.Summary = summary(rep, d, f)
	return f
}

func escaped(s *string) *string {
	if s == nil {
		return nil
	}
	e := Escape(*s)
	return &e
}

func contentValues(c *compare.Content) []Values {
	var out []Values
	add := func(name, a, b string) { out = append(out, Values{name, &a, &b}) }
	for _, w := range c.Windows {
		a, b := glimpse(w)
		add(fmt.Sprintf("bytes at 0x%x", w.Offset), Escape(a), Escape(b))
	}
	if c.SizeA != c.SizeB {
		add("size", strconv.FormatInt(c.SizeA, 10), strconv.FormatInt(c.SizeB, 10))
	}
	add("sha256", c.DigestA.Encoded(), c.DigestB.Encoded())
	return out
}

func summary(rep compare.Report, d compare.Difference, f Finding) string {
	switch d.Kind {
	case compare.KindPlatform:
		return presence(map[bool]string{true: "A", false: "B"}[d.Fields[0].A != nil], d)
	case compare.KindLayers:
		if d.Layer >= 0 {
			return fmt.Sprintf("layer %d only in %s", d.Layer+1, map[bool]string{true: "A", false: "B"}[d.Fields[0].A != nil])
		}
		return fmt.Sprintf("%d layers in A, %d in B", rep.A.Layers, rep.B.Layers)
	case compare.KindAdded:
		return presence("B", d)
	case compare.KindRemoved:
		return presence("A", d)
	case compare.KindModified:
		return join("content differs: "+where(d.Content), fieldsText(d.Fields, 2))
	case compare.KindTar:
		return "the same entries in another tar: " + where(d.Content)
	case compare.KindOrder:
		if d.Layer < 0 {
			return fmt.Sprintf("platforms in another order: here A has %s, B has %s", shown(f.Values, false), shown(f.Values, true))
		}
		return fmt.Sprintf("%s in another order: here A has %s, B has %s", entriesMoved(rep, d.Layer), shown(f.Values, false), shown(f.Values, true))
	case compare.KindEncoding:
		return "same content, other encoding: " + fieldsText(d.Fields[1:], 2) // [0] is the digest, which says nothing
	case compare.KindManifest, compare.KindConfig, compare.KindIndex:
		if d.Content != nil {
			return "same values, written differently: " + where(d.Content)
		}
	}
	return fieldsText(d.Fields, 3)
}

func presence(side string, d compare.Difference) string {
	switch d.Whiteout {
	case "file":
		return "deleted only in " + side
	case "opaque":
		return "folder emptied only in " + side
	}
	for _, f := range d.Fields {
		if v := firstOf(f.A, f.B); f.Name == "type" && v != nil {
			return Escape(*v) + " only in " + side
		}
	}
	return "only in " + side
}

func firstOf(a, b *string) *string {
	if a != nil {
		return a
	}
	return b
}

// where says how many bytes differ and from where on.
func where(c *compare.Content) string {
	if !c.Located {
		return "not located, because the files stand in another order"
	}
	s := fmt.Sprintf("%s at 0x%x", plural(c.Bytes, "byte"), c.Offset)
	if c.Ranges > 1 {
		s += fmt.Sprintf(" and in %s after", plural(c.Ranges-1, "place"))
	}
	if c.SizeA != c.SizeB {
		s += fmt.Sprintf(", %d long in A and %d in B", c.SizeA, c.SizeB)
	}
	return s
}

func entriesMoved(rep compare.Report, layer int) string {
	for _, l := range rep.Layers {
		if l.Index == layer && l.Entries.Moved == 1 {
			return "1 entry stands"
		} else if l.Index == layer {
			return fmt.Sprintf("%d entries stand", l.Entries.Moved)
		}
	}
	return "entries stand"
}

func fieldsText(fields []compare.Field, limit int) string {
	var parts []string
	for i, f := range fields {
		if i == limit {
			parts = append(parts, fmt.Sprintf("and %d more", len(fields)-limit))
			break
		}
		v := Values{A: escaped(f.A), B: escaped(f.B)}
		parts = append(parts, strings.TrimPrefix(Escape(f.Name)+" ", "value ")+fmt.Sprintf("%s in A, %s in B", value(v.A), value(v.B)))
	}
	return strings.Join(parts, "; ")
}

func shown(v []Values, b bool) string {
	if len(v) == 0 {
		return "nothing"
	}
	if b {
		return value(v[0].B)
	}
	return value(v[0].A)
}

// value is one escaped value for a line of text.
func value(v *string) string {
	switch {
	case v == nil:
		return "absent"
	case *v == "":
		return "empty"
	}
	return shorten(*v, 120)
}

func join(parts ...string) string {
	var kept []string
	for _, p := range parts {
		if p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, "; ")
}

func plural[N int | int64](n N, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}
