package lock

import (
	"slices"
	"strconv"
	"strings"
)

// columns is the number of columns of an entry's line.
const columns = 11

// Format is the lock's text: header, then the entries sorted and without repetition. It ends with a newline.
func (l *Lock) Format() []byte {
	lines := make([]string, len(l.Entries))
	for i, e := range l.Entries {
		lines[i] = e.line()
	}
	slices.Sort(lines)
	return joinLines(append(l.Header.lines(), slices.Compact(lines)...))
}

// lines are the header's, the version first.
func (h Header) lines() []string {
	return []string{
		Version,
		"recipe " + escape(h.Recipe.String()),
		"dockerfile " + escape(h.Dockerfile.String()),
		"dockerignore " + escape(h.Dockerignore.String()),
		"frontend " + escape(h.Frontend),
	}
}

// line is the entry's text without newline.
func (e Entry) line() string {
	status := "-"
	if e.Status != 0 {
		status = strconv.Itoa(e.Status)
	}
	return strings.Join([]string{
		escape(string(e.Kind)), escape(e.Platform), escape(e.Step), escape(e.Key), escape(e.Accept),
		escape(e.Digest.String()), strconv.FormatInt(e.Size, 10), status, escape(e.Headers.String()),
		escape(e.PURL), escape(e.Evidence),
	}, " ")
}

func joinLines(lines []string) []byte {
	return []byte(strings.Join(lines, "\n") + "\n")
}

// Sorted is the entries as the text has them: in the order of their lines, without repetition. The lock is not changed.
func (l *Lock) Sorted() []Entry {
	out := slices.Clone(l.Entries)
	slices.SortFunc(out, func(a, b Entry) int { return strings.Compare(a.line(), b.line()) })
	return slices.Compact(out)
}
