package strictyaml

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// MaxBytes is the greatest size of a file: 1 MiB.
const MaxBytes = 1 << 20

// vetText refuses a file that is not plain text before any parser sees it. It reports the first fault of each kind only.
func (d *Decoder) vetText(data []byte) bool {
	if len(data) > MaxBytes {
		d.Report(d.dialect.Codes.TooLarge, diag.Position{File: d.name}, "the "+d.dialect.Noun+" is larger than 1 MiB",
			"every read is bounded", d.dialect.Large)
		return false
	}
	seen := map[string]bool{}
	line, column := 1, 1
	for i := 0; i < len(data); {
		r, n := utf8.DecodeRune(data[i:])
		if what := forbidden(r, n, data[i:]); what != "" && !seen[what] {
			seen[what] = true
			d.Report(d.dialect.Codes.Encoding, diag.Position{File: d.name, Line: line, Column: column, Length: 1},
				fmt.Sprintf("byte %d is %s", i, what), "the file could read otherwise than it looks", "save the file as plain UTF-8, or write the character as an escape in double quotes")
		}
		if column++; r == '\n' {
			line, column = line+1, 1
		}
		i += n
	}
	return len(seen) == 0
}

// forbidden says what is wrong with the rune at the beginning of rest, n bytes long, or nothing.
func forbidden(r rune, n int, rest []byte) string {
	switch {
	case r == utf8.RuneError && n == 1:
		return "not UTF-8"
	case r == 0:
		return "a NUL"
	case r == '\uFEFF':
		return "a byte order mark"
	case r == '\r' && !bytes.HasPrefix(rest, []byte("\r\n")):
		return "a carriage return without a line feed"
	case r == '\u0085' || r == '\u2028' || r == '\u2029':
		return "a line break that is not seen"
	case isBidi(r):
		return "a character that turns the direction of text"
	case r < ' ' && r != '\t' && r != '\n' && r != '\r', r >= 0x7f && r <= 0x9f:
		return "a control character"
	}
	return ""
}

// isBidi is a bidirectional control (Unicode UAX #9), as used to make code look other than it is (CVE-2021-42574).
func isBidi(r rune) bool {
	return r == '\u061C' || r == '\u200E' || r == '\u200F' || r >= '\u202A' && r <= '\u202E' || r >= '\u2066' && r <= '\u2069'
}

// invisible is a rune that no value may hold, not even by way of an escape. Tab and line feed are what scripts need.
func invisible(r rune) bool {
	return r < ' ' && r != '\t' && r != '\n' || r >= 0x7f && r <= 0x9f || isBidi(r) || r == '\u2028' || r == '\u2029' || r == '\uFEFF' ||
		r == utf8.RuneError || r&0xFFFE == 0xFFFE
}

// splitLines gives the text of each line without its end.
func splitLines(data []byte) []string {
	lines := strings.Split(string(data), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimSuffix(l, "\r")
	}
	return lines
}

// Short keeps text that is quoted in a message to a readable length.
func Short(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}
