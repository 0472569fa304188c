package report

import (
	"fmt"
	"strings"

	"github.com/selfsame-build/selfsame/compare"
	"github.com/selfsame-build/selfsame/compare/cause"
	"github.com/selfsame-build/selfsame/compare/inside"
)

// explained puts a difference with its cause into words.
func explained(rep compare.Report, c cause.Finding) Finding {
	f := finding(rep, c.Difference)
	f.Class, f.Certainty, f.Evidence, f.Fix, f.More = string(c.Class), string(c.Certainty), Escape(c.Evidence), Escape(c.Fix), c.More
	if known, ok := cause.Lookup(c.Class); ok {
		f.Cause = known.Title
	}
	for _, a := range c.Also {
		f.Also = append(f.Also, string(a))
	}
	if c.Part != nil {
		f.within(*c.Part)
	} else if k := c.Difference.Content; k != nil {
		f.Hunks = windowHunks(k.Windows)
	}
	return f
}

// within shows what was found inside a file, in place of the file's first differing bytes.
func (f *Finding) within(p inside.Part) {
	var way []string
	for _, n := range p.Path {
		way = append(way, strings.TrimSuffix(n.Format+":"+Escape(n.Entry), ":"))
	}
	if p.Format != "" && (len(p.Path) == 0 || p.Path[len(p.Path)-1].Format != p.Format) && p.Format != "text" {
		way = append(way, p.Format)
	}
	if p.Name != "" {
		way = append(way, Escape(p.Name))
	}
	f.Within = strings.Join(way, " > ")
	f.Values = partValues(p)
	for _, e := range p.Edits {
		f.Hunks = append(f.Hunks, Hunk{OffsetA: e.OffsetA, OffsetB: e.OffsetB, Before: e.Before, A: e.A, B: e.B, After: e.After, LengthA: e.LenA, LengthB: e.LenB})
	}
	f.Offset = nil
	if len(p.Edits) > 0 {
		f.Offset = &p.Edits[0].OffsetA
	}
	if len(p.Path) > 0 || p.Kind != inside.KindText && p.Kind != inside.KindBytes {
		f.Summary = partSummary(p)
	}
}

func partValues(p inside.Part) []Values {
	var out []Values
	switch p.Kind {
	case inside.KindField:
		out = append(out, Values{Escape(p.Name), escaped(p.A), escaped(p.B)})
	case inside.KindOrder:
		a, b := Escape(strings.Join(head(p.OrderA), " | ")), Escape(strings.Join(head(p.OrderB), " | "))
		out = append(out, Values{"order", &a, &b})
	}
	for _, e := range p.Edits {
		a, b := editText(e)
		out = append(out, Values{fmt.Sprintf("bytes at 0x%x", e.OffsetA), &a, &b})
	}
	return out
}

func head(list []string) []string { return list[:min(len(list), 6)] }

// editText shows both sides of a run: as text with what stands before it, or as hexadecimal.
func editText(e inside.Edit) (a, b string) {
	w := compare.Window{Offset: int64(len(e.Before)), Length: max(e.LenA, e.LenB, 1)}
	w.A = append(append(append([]byte(nil), e.Before...), e.A...), e.After...)
	w.B = append(append(append([]byte(nil), e.Before...), e.B...), e.After...)
	a, b = glimpse(w)
	return Escape(a), Escape(b)
}

func partSummary(p inside.Part) string {
	switch p.Kind {
	case inside.KindField:
		return fmt.Sprintf("%s: %s in A, %s in B", Escape(p.Name), value(escaped(p.A)), value(escaped(p.B)))
	case inside.KindAdded:
		return "only in B: " + Escape(p.Name)
	case inside.KindRemoved:
		return "only in A: " + Escape(p.Name)
	case inside.KindOrder:
		return "the same in another order"
	case inside.KindEncoding:
		return strings.TrimSpace("the same content, compressed otherwise " + Escape(p.Name))
	}
	if len(p.Edits) == 0 {
		return "content differs"
	}
	e := p.Edits[0]
	s := fmt.Sprintf("content differs: %s at 0x%x", plural(max(e.LenA, e.LenB), "byte"), e.OffsetA)
	if n := len(p.Edits) - 1 + p.More; n > 0 {
		s += fmt.Sprintf(" and in %s after", plural(n, "place"))
	}
	return s
}

func windowHunks(list []compare.Window) []Hunk {
	var out []Hunk
	for _, w := range list {
		at := int(w.Offset - w.Start)
		cut := func(p []byte) (before, own, after []byte) {
			from := min(at, len(p))
			to := min(len(p), from+int(w.Length))
			return p[:from], p[from:to], p[to:]
		}
		before, a, after := cut(w.A)
		_, b, _ := cut(w.B)
		out = append(out, Hunk{OffsetA: w.Offset, OffsetB: w.Offset, Before: before, A: a, B: b, After: after, LengthA: w.Length, LengthB: w.Length})
	}
	return out
}
