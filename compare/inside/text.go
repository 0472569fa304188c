package inside

import (
	"bytes"
	"unicode/utf8"

	"github.com/selfsame-build/selfsame/compare/inside/align"
)

const (
	textProbe = 64 << 10 // bytes by which text is recognised
	maxText   = 4 << 20  // bytes of a side's differing middle that are compared by lines
	maxLines  = 1 << 17  // lines of it
	maxLine   = 64 << 10 // bytes; longer lines are no lines
)

// texts compares lines, and within lines the bytes that differ.
func texts(c *comparer, at place, a, b File) bool {
	if !isText(a.upTo(0, textProbe)) || !isText(b.upTo(0, textProbe)) {
		return false
	}
	l := &runs{}
	r := c.middle(a, b)
	x, okA := c.lines(a, r.a0, r.a1)
	y, okB := c.lines(b, r.b0, r.b1)
	if okA && okB {
		// The last line may have no end, wherever it stood before.
		if ids := map[string]int32{}; reordered(x.number(ids, x.line), y.number(ids, y.line)) {
			c.add(Part{Path: at.path, Format: "text", Kind: KindOrder, Name: "lines", OrderA: x.first(), OrderB: y.first()})
			return true
		}
		ids := map[string]int32{}
		x.ids, y.ids = x.number(ids, x.whole), y.number(ids, y.whole)
		c.changed(l, a, b, x, y)
	}
	if l.flush(); len(l.kept) == 0 {
		if !isText(a.upTo(r.a0, textProbe)) || !isText(b.upTo(r.b0, textProbe)) {
			return false // a script with an archive behind it
		}
		c.runs(l, a, b)
	}
	c.show(at, KindText, "text", a, b, l)
	return true
}

// isText says whether a file that begins like this is shown as lines: UTF-8, or another superset of ASCII, with hardly any control
// characters.
func isText(head []byte) bool {
	if bytes.IndexByte(head, 0) >= 0 {
		return false
	}
	cut := head
	for i := 0; i < 3 && len(cut) > 0 && !utf8.RuneStart(cut[len(cut)-1]); i++ {
		cut = cut[:len(cut)-1] // the last character may go on behind the probe
	}
	if len(cut) > 0 && cut[len(cut)-1] >= utf8.RuneSelf {
		cut = cut[:len(cut)-1]
	}
	utf := utf8.Valid(cut) || utf8.Valid(head)
	odd := 0
	for _, v := range head {
		if v < ' ' && v != '\n' && v != '\t' && v != '\r' && v != '\f' && v != 0x1b || v == 0x7f || !utf && v >= 0x80 && v < 0xa0 {
			odd++
		}
	}
	return odd*50 <= len(head)
}

// middle is what lies between the common beginning and end, in whole lines.
func (c *comparer) middle(a, b File) run {
	p := c.prefix(a, b)
	s := c.suffix(a, b, p)
	back := int64(maxLine)
	if before := a.upTo(p-min(p, back), int(min(p, back))); p <= back || bytes.IndexByte(before, '\n') >= 0 {
		p -= int64(len(before) - 1 - bytes.LastIndexByte(before, '\n'))
	}
	after := a.upTo(a.Size-s, maxLine)
	switch n := bytes.IndexByte(after, '\n'); {
	case s == 0 || a.Size-s > p && b.Size-s > p && endsLine(a, a.Size-s) && endsLine(b, b.Size-s):
	case n >= 0:
		s -= int64(n + 1)
	case s < maxLine:
		s = 0 // the last line has no end
	}
	return run{p, a.Size - s, p, b.Size - s}
}

func endsLine(f File, at int64) bool { return string(f.upTo(at-1, 1)) == "\n" }

// lined is a region in lines.
type lined struct {
	pieces
	text  []byte
	start int64
}

func (c *comparer) lines(f File, from, to int64) (*lined, bool) {
	if to-from > maxText {
		return nil, false
	}
	text := f.upTo(from, int(to-from))
	if n := bytes.Count(text, []byte{'\n'}); n > maxLines || bytes.IndexByte(text, 0) >= 0 {
		return nil, false
	}
	l := &lined{text: text, start: from}
	for off := 0; off < len(text); {
		l.starts = append(l.starts, from+int64(off))
		n := bytes.IndexByte(text[off:], '\n')
		if n < 0 {
			break
		}
		off += n + 1
	}
	l.starts = append(l.starts, to)
	return l, true
}

func (l *lined) whole(i int) []byte { return l.text[l.starts[i]-l.start : l.starts[i+1]-l.start] }

// line is line i without its end.
func (l *lined) line(i int) []byte { return bytes.TrimSuffix(l.whole(i), []byte{'\n'}) }

// number gives equal lines equal numbers.
func (l *lined) number(ids map[string]int32, line func(int) []byte) []int32 {
	out := make([]int32, len(l.starts)-1)
	for i := range out {
		id, ok := ids[string(line(i))]
		if !ok {
			id = int32(len(ids)) //nolint:gosec // G115: maxLines
			ids[string(line(i))] = id
		}
		out[i] = id
	}
	return out
}

func (l *lined) first() []string {
	var out []string
	for i := range min(len(l.starts)-1, MaxOrder) {
		out = append(out, clip(string(l.line(i)), MaxValue))
	}
	return out
}

// reordered says whether b has the elements of a in another order.
func reordered(a, b []int32) bool {
	if len(a) != len(b) {
		return false
	}
	count, moved := map[int32]int{}, false
	for i, v := range a {
		count[v]++
		count[b[i]]--
		moved = moved || v != b[i]
	}
	for _, n := range count {
		if n != 0 {
			return false
		}
	}
	return moved
}

// changed finds the runs within the lines that differ.
func (c *comparer) changed(l *runs, a, b File, x, y *lined) {
	for _, h := range align.Hunks(x.ids, y.ids) {
		if h.A1-h.A0 != h.B1-h.B0 {
			l.add(c.trim(a, b, run{x.starts[h.A0], x.starts[h.A1], y.starts[h.B0], y.starts[h.B1]}))
			l.flush() // runs are joined within a line only
			continue
		}
		for i := range h.A1 - h.A0 {
			c.fine(l, a, b, run{x.starts[h.A0+i], x.starts[h.A0+i+1], y.starts[h.B0+i], y.starts[h.B0+i+1]})
			l.flush()
		}
	}
}
