package doctest

import (
	"fmt"
	"strings"
)

// match compares what a command printed with what the document shows, and says where they first part; "" when they agree.
func match(want, got []string) string {
	if matches(want, got) {
		return ""
	}
	// The longest part of want that some beginning of got agrees with ends just before the line to blame.
	n := 0
	for k := range want {
		if matches(append(want[:k+1:k+1], "..."), got) {
			n = k + 1
		}
	}
	if n == len(want) {
		return fmt.Sprintf("printed more than the document shows:\n%s", indent(got))
	}
	return fmt.Sprintf("the document shows %q, which was not printed there:\n%s", want[n], indent(got))
}

// matches tells whether got is want, where "..." in want stands for any number of lines.
func matches(want, got []string) bool {
	// ok[j] tells whether the lines of want seen so far match got[:j].
	ok := make([]bool, len(got)+1)
	ok[0] = true
	for _, w := range want {
		next := make([]bool, len(got)+1)
		if w == "..." {
			for j, any := 0, false; j <= len(got); j++ {
				any = any || ok[j]
				next[j] = any
			}
		} else {
			for j := range got {
				next[j+1] = ok[j] && matchLine(w, got[j])
			}
		}
		ok = next
	}
	return ok[len(got)]
}

// matchLine compares one line, where "…" in want stands for any text. Spaces at the end of a line do not count.
func matchLine(want, got string) bool {
	parts := strings.Split(strings.TrimRight(want, " \t"), "…")
	got = strings.TrimRight(got, " \t\r")
	if len(parts) == 1 {
		return parts[0] == got
	}
	first, last := parts[0], parts[len(parts)-1]
	if !strings.HasPrefix(got, first) {
		return false
	}
	got = got[len(first):]
	if !strings.HasSuffix(got, last) {
		return false
	}
	got = got[:len(got)-len(last)]
	for _, p := range parts[1 : len(parts)-1] {
		i := strings.Index(got, p)
		if i < 0 {
			return false
		}
		got = got[i+len(p):]
	}
	return true
}

func indent(lines []string) string {
	if len(lines) == 0 {
		return "    (nothing)"
	}
	return "    " + strings.Join(lines, "\n    ")
}
