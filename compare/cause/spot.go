package cause

import (
	"path"
	"strings"

	"github.com/selfsame-build/selfsame/compare"
	"github.com/selfsame-build/selfsame/compare/inside"
)

// spot is one place where A and B part, as the rules look at it.
type spot struct {
	world *world
	layer *layer
	diff  compare.Difference
	part  *inside.Part // nil: the entry itself
	path  string       // of the file in the image, with no leading slash
	// field is the innermost value's name where the difference is a value ("mtime", "mode", "$.built"), else "".
	field string
	// format is what was opened last: "tar", "zip", "pyc", "json", "elf", ...; "image" for the image's own entries, "" for bytes.
	format string
	a, b   string // both values of a field; "" where absent
	runs   []run
	// orderA and orderB are lines or names that stand in another sequence.
	orderA, orderB []string
}

// run is one differing run with what stands around it, on both sides.
type run struct{ a, b side }

// side is text or bytes of which [from:to] differs from the other side's.
type side struct {
	text     []byte
	from, to int
}

func (s side) own() string { return string(s.text[s.from:s.to]) }

// layer is what a rule may ask about the layer that a spot is in.
type layer struct {
	names map[string]bool // base names of differing entries
}

// spots lists the places of one difference, one for each part that was found within.
func spots(w *world, l *layer, d compare.Difference) []*spot {
	base := spot{world: w, layer: l, diff: d, path: strings.TrimPrefix(path.Clean("/"+d.Path), "/")}
	if d.Kind == compare.KindManifest || d.Kind == compare.KindConfig || d.Kind == compare.KindLayers {
		base.path = d.Path
	}
	var out []*spot
	for _, f := range d.Fields {
		s := base
		s.format, s.field, s.a, s.b = "image", f.Name, text(f.A), text(f.B)
		s.runs = []run{wholeRun(s.a, s.b)}
		out = append(out, &s)
	}
	if c := d.Content; c != nil && d.Kind != compare.KindManifest && d.Kind != compare.KindConfig {
		out = append(out, contentSpots(base, c)...)
	}
	if len(out) == 0 {
		s := base
		s.format = "image"
		out = append(out, &s)
	}
	return out
}

// contentSpots are what was found within a file; where nothing was opened, the windows around the first differing bytes.
func contentSpots(base spot, c *compare.Content) []*spot {
	var out []*spot
	for i := range c.Parts {
		out = append(out, partSpot(base, &c.Parts[i]))
	}
	if len(out) == 0 {
		s := base
		for _, w := range c.Windows {
			s.runs = append(s.runs, windowRun(w))
		}
		out = append(out, &s)
	}
	return out
}

func partSpot(base spot, p *inside.Part) *spot {
	s := base
	s.part, s.format = p, p.Format
	if p.Kind == inside.KindField {
		s.field, s.a, s.b = p.Name, text(p.A), text(p.B)
		s.runs = []run{wholeRun(s.a, s.b)}
	}
	for _, e := range p.Edits {
		s.runs = append(s.runs, run{sideOf(e.Before, e.A, e.After), sideOf(e.Before, e.B, e.After)})
	}
	s.orderA, s.orderB = p.OrderA, p.OrderB
	return &s
}

func sideOf(before, own, after []byte) side {
	all := append(append(append([]byte(nil), before...), own...), after...)
	return side{all, len(before), len(before) + len(own)}
}

// wholeRun is two values of which all differs but what they begin and end with alike.
func wholeRun(a, b string) run {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	k := 0
	for k < len(a)-n && k < len(b)-n && a[len(a)-1-k] == b[len(b)-1-k] {
		k++
	}
	return run{side{[]byte(a), n, len(a) - k}, side{[]byte(b), n, len(b) - k}}
}

func windowRun(w compare.Window) run {
	at := int(w.Offset - w.Start)
	cut := func(p []byte) side {
		from := min(at, len(p))
		return side{p, from, min(len(p), from+int(w.Length))}
	}
	return run{cut(w.A), cut(w.B)}
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// inner is the name of the innermost entry that the spot is in, or the file's own path.
func (s *spot) inner() string {
	if s.part != nil {
		for i := len(s.part.Path) - 1; i >= 0; i-- {
			if e := s.part.Path[i].Entry; e != "" {
				return e
			}
		}
	}
	return s.path
}

// kind is the part's kind, or that of the difference.
func (s *spot) kind() string {
	if s.part != nil {
		return string(s.part.Kind)
	}
	return string(s.diff.Kind)
}

func (s *spot) base() string { return path.Base(s.inner()) }

// every says whether fits holds for all runs, and there is one.
func (s *spot) every(fits func(run) bool) bool {
	for _, r := range s.runs {
		if !fits(r) {
			return false
		}
	}
	return len(s.runs) > 0
}

// some gives the first run for which fits holds.
func (s *spot) some(fits func(run) bool) bool {
	for _, r := range s.runs {
		if fits(r) {
			return true
		}
	}
	return false
}

// size is how long the file is in A, in bytes; 0 where it is none.
func (s *spot) size() int64 {
	if s.diff.Content == nil {
		return 0
	}
	return s.diff.Content.SizeA
}
