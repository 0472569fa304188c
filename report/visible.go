package report

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Visible makes text safe to show where Escape has been at work already, or should have been: control characters, invisible and
// bidirectional runes and bytes that are no UTF-8 become Go escapes. All else stays, backslashes too, so Visible(Visible(s)) is Visible(s).
func Visible(s string) string {
	if clean(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case shows(r):
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
		i += n
	}
	return b.String()
}

func clean(s string) bool {
	for _, r := range s {
		if r == utf8.RuneError || !shows(r) {
			return false
		}
	}
	return true
}

// shows says that a rune has a form of its own on a screen. unicode.IsPrint leaves out every space but one, and all that is invisible.
func shows(r rune) bool { return unicode.IsPrint(r) }
