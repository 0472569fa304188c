package diag

import (
	"strings"
	"unicode/utf8"
)

// tabStop is how wide a tab of an excerpt is drawn: always the same, so that carets need not know where it stands.
const tabStop = 4

// span is a caret line: start cells of space, then length carets.
type span struct{ start, length int }

// piece is one rune of an excerpt as it is drawn.
type piece struct {
	text  string
	width int
}

// window draws the part of line that fits into width cells (0 or less: all of it) with the place at column (in runes, from 1)
// in sight, and says where its carets go. What is cut is marked by "...".
func window(line string, column, length, width int) (string, span) {
	pieces := pieces(line)
	from := min(max(column-1, 0), len(pieces))
	to := min(from+length, len(pieces))
	if column == 0 {
		to = from
	}
	// A length that reaches past the end, or a place at the end of the line, still gets its one caret.
	past := length > 0 && column > 0 && to == from
	first, last := cut(pieces, from, to, width)
	var b strings.Builder
	if first > 0 {
		b.WriteString("...")
	}
	start := b.Len() + total(pieces[first:from])
	for _, p := range pieces[first:last] {
		b.WriteString(p.text)
	}
	if last < len(pieces) {
		b.WriteString("...")
	}
	carets := total(pieces[from:max(min(to, last), from)])
	if past || (carets == 0 && length > 0 && column > 0) {
		carets = 1
	}
	return b.String(), span{start, carets}
}

// cut chooses which pieces are shown: all, when they fit, else as many as fit from a little before the place.
func cut(pieces []piece, from, to, width int) (int, int) {
	if width <= 0 || total(pieces) <= width {
		return 0, len(pieces)
	}
	const dots = 3
	first := 0
	if total(pieces[:to])+dots > width {
		for first = from; first > 0 && total(pieces[first-1:from]) <= width/4; {
			first--
		}
	}
	room := width - dots
	if first > 0 {
		room -= dots
	}
	last, used := first, 0
	for last < len(pieces) && used+pieces[last].width <= room {
		used += pieces[last].width
		last++
	}
	return first, max(last, from)
}

func pieces(line string) []piece {
	var out []piece
	for len(line) > 0 {
		r, n := utf8.DecodeRuneInString(line)
		text := shown(r, line[:n])
		if r == '\t' {
			text = strings.Repeat(" ", tabStop)
		}
		out = append(out, piece{text, columns(text)})
		line = line[n:]
	}
	return out
}

func total(pieces []piece) int {
	n := 0
	for _, p := range pieces {
		n += p.width
	}
	return n
}
