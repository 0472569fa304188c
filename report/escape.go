package report

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/selfsame-build/selfsame/compare"
)

// Escape makes untrusted text safe to print and unambiguous: control characters, bidirectional overrides, other invisible
// runes and bytes that are no UTF-8 become Go escapes (\n, \u202e, \xff), and so a backslash becomes two.
func Escape(s string) string {
	q := strconv.Quote(s)
	return strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`)
}

// shorten cuts escaped text for one line of a terminal; the JSON keeps it whole.
func shorten(s string, runes int) string {
	if utf8.RuneCountInString(s) <= runes {
		return s
	}
	r := []rune(s)
	return string(r[:runes-3]) + "..."
}

const (
	maxText = 48 // bytes of text shown of each side
	maxHex  = 16 // bytes shown as hexadecimal
	lead    = 24 // bytes of text shown before the difference
)

// glimpse shows both sides of a window: as text where both are text around the difference, else as hexadecimal.
func glimpse(w compare.Window) (a, b string) {
	at := int(w.Offset - w.Start)
	from := at
	for from > 0 && at-from < lead && textByte(w.A, from-1) && textByte(w.B, from-1) {
		from--
	}
	end := at + int(min(w.Length, maxHex))
	if isText(w.A, at, end) && isText(w.B, at, end) {
		return textRun(w.A, from), textRun(w.B, from)
	}
	return hexRun(w.A, at, end), hexRun(w.B, at, end)
}

func textByte(p []byte, i int) bool { return i < len(p) && p[i] >= 0x20 && p[i] < 0x7f }

// isText looks at p[from:to] only as far as p goes; nothing at all counts as text.
func isText(p []byte, from, to int) bool {
	for i := from; i < min(to, len(p)); i++ {
		if !textByte(p, i) && p[i] != '\n' && p[i] != '\t' {
			return false
		}
	}
	return true
}

// textRun is the line of text from there on.
func textRun(p []byte, from int) string {
	to := min(from, len(p))
	start := to
	for to < len(p) && to-start < maxText && textByte(p, to) {
		to++
	}
	return string(p[start:to])
}

func hexRun(p []byte, from, to int) string {
	var parts []string
	for i := min(from, len(p)); i < min(to, len(p)); i++ {
		parts = append(parts, strconv.FormatUint(uint64(p[i])|0x100, 16)[1:])
	}
	return strings.Join(parts, " ")
}
