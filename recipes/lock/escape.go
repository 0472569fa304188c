package lock

import "strings"

const upperHex = "0123456789ABCDEF"

// escape writes a column. See the package comment for the rules.
func escape(s string) string {
	switch s {
	case "":
		return "-"
	case "-":
		return "%2D"
	}
	if !needsEscape(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		if _, ok := escapeAt(s, i); ok || hidden(c) {
			b.WriteByte('%')
			b.WriteByte(upperHex[c>>4])
			b.WriteByte(upperHex[c&15])
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}

func needsEscape(s string) bool {
	for i := 0; i < len(s); i++ {
		if hidden(s[i]) || s[i] == '%' {
			return true
		}
	}
	return false
}

// unescape is the inverse of escape. It accepts any text; Parse checks that escape gives the same text back.
func unescape(s string) string {
	if s == "-" {
		return ""
	}
	if !strings.Contains(s, "%") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if c, ok := escapeAt(s, i); ok {
			b.WriteByte(c)
			i += 2
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// escapeAt reads the escape at s[i], if there is one: % and two upper-case hex digits of a byte that escape ever writes.
func escapeAt(s string, i int) (byte, bool) {
	if s[i] != '%' || i+2 >= len(s) {
		return 0, false
	}
	hi, lo := strings.IndexByte(upperHex, s[i+1]), strings.IndexByte(upperHex, s[i+2])
	if hi < 0 || lo < 0 {
		return 0, false
	}
	c := byte(hi<<4 | lo) //nolint:gosec // both are below 16
	return c, hidden(c) || c == '%' || c == '-'
}

// hidden is true for bytes that a reader of the file could not tell apart, or that would break the columns.
func hidden(c byte) bool { return c <= ' ' || c >= 0x7f }
