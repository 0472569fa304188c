package page

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/selfsame-build/selfsame/report"
)

// seg is a piece of text; D: it differs between A and B. Q: it stands for something that cannot be seen.
type seg struct {
	Text string
	D, Q bool
}

// hunkView is one run of differing bytes on both sides.
type hunkView struct {
	Where  string
	IsText bool
	A, B   hunkSide
}

type hunkSide struct {
	Text []seg
	Rows []hexRow
	Rest string // bytes of the run that are not shown
}

// hexRow is eight bytes.
type hexRow struct {
	Offset     string
	Hex, ASCII []seg
}

func newHunk(h report.Hunk) hunkView {
	before, lead := h.Before, len(h.Before)
	if lead > maxBefore {
		before = before[lead-maxBefore:]
	}
	a, b := head(h.A, maxRun), head(h.B, maxRun)
	after := head(h.After, maxBefore)
	restA, restB := max(h.LengthA, int64(len(h.A)))-int64(len(a)), max(h.LengthB, int64(len(h.B)))-int64(len(b))
	if restA > 0 || restB > 0 {
		after = nil // it would not follow what is shown
	}
	same := h.LengthA == h.LengthB && len(a) == len(b)
	v := hunkView{Where: where(h), IsText: isText(a) && isText(b)}
	v.A = side(before, a, b, after, same, h.OffsetA, restA)
	v.B = side(before, b, a, after, same, h.OffsetB, restB)
	return v
}

func head(p []byte, n int) []byte { return p[:min(n, len(p))] }

func where(h report.Hunk) string {
	a, b := max(h.LengthA, int64(len(h.A))), max(h.LengthB, int64(len(h.B)))
	s := fmt.Sprintf("%s at 0x%x", plural(a, "byte"), h.OffsetA)
	switch {
	case h.OffsetA != h.OffsetB:
		return s + fmt.Sprintf(" in A, %s at 0x%x in B", plural(b, "byte"), h.OffsetB)
	case a != b:
		return fmt.Sprintf("at 0x%x: %s in A, %s in B", h.OffsetA, plural(a, "byte"), plural(b, "byte"))
	}
	return s
}

// side draws own bytes where other has its. Where both are of one length, the bytes are compared one by one.
func side(before, own, other, after []byte, same bool, offset, rest int64) hunkSide {
	all := append(append(append([]byte(nil), before...), own...), after...)
	differs := make([]bool, len(all))
	for i := range own {
		differs[len(before)+i] = !same || own[i] != other[i]
	}
	s := hunkSide{Text: textSegs(all, differs)}
	for i := 0; i < len(all); i += 8 {
		end := min(i+8, len(all))
		s.Rows = append(s.Rows, newRow(offset-int64(len(before))+int64(i), all[i:end], differs[i:end]))
	}
	if len(own) == 0 {
		s.Rest = "nothing here"
	}
	if rest > 0 {
		s.Rest = plural(rest, "more byte") + " not shown"
	}
	return s
}

func newRow(offset int64, p []byte, differs []bool) hexRow {
	row := hexRow{Offset: fmt.Sprintf("%04x", max(0, offset))}
	for i, c := range p {
		row.Hex = add(row.Hex, fmt.Sprintf("%02x", c), differs[i], false)
		glyph := "·"
		if c >= 0x20 && c < 0x7f {
			glyph = string(rune(c))
		}
		row.ASCII = add(row.ASCII, glyph, differs[i], false)
	}
	for i := range row.Hex { // pairs of digits stand apart, also where one mark covers several
		row.Hex[i].Text = spaced(row.Hex[i].Text)
	}
	return row
}

func spaced(digits string) string {
	var b strings.Builder
	for i := 0; i < len(digits); i += 2 {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(digits[i : i+2])
	}
	return b.String()
}

// add appends to the last piece where it is of the same kind.
func add(list []seg, s string, differs, quiet bool) []seg {
	if n := len(list) - 1; n >= 0 && list[n].D == differs && list[n].Q == quiet {
		list[n].Text += s
		return list
	}
	return append(list, seg{s, differs, quiet})
}

// isText says that bytes are text as people write it. A rune may be cut off at either end: a run of bytes knows nothing of runes.
func isText(p []byte) bool {
	for i := 0; i < len(p); {
		r, n := utf8.DecodeRune(p[i:])
		switch {
		case r == utf8.RuneError && n == 1 && (i < 3 || len(p)-i <= 3) && p[i] >= 0x80:
		case r == utf8.RuneError && n == 1:
			return false
		case r != '\n' && r != '\t' && r != '\r' && !unicode.IsPrint(r):
			return false
		}
		i += n
	}
	return true
}

// textSegs is bytes as text: line breaks are kept, and what cannot be seen is spelled out.
func textSegs(p []byte, differs []bool) []seg {
	var out []seg
	for i := 0; i < len(p); {
		r, n := utf8.DecodeRune(p[i:])
		d := false
		for k := i; k < i+n; k++ {
			d = d || differs[k]
		}
		switch {
		case r == '\n':
			out = add(out, "↵\n", d, true)
		case r == utf8.RuneError && n == 1:
			out = add(out, fmt.Sprintf(`\x%02x`, p[i]), d, true)
		case !unicode.IsPrint(r):
			out = add(out, report.Visible(string(r)), d, true)
		default:
			out = add(out, string(r), d, false)
		}
		i += n
	}
	return out
}
