package lock

import (
	"slices"
	"strconv"
	"strings"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/lazyregexp"
)

// headerLines is how many lines come before the first entry.
const headerLines = 5

// entries reads all lines after the header and checks them against each other.
func (p *parser) entries(lines []string) []Entry {
	if len(lines) <= headerLines {
		return nil
	}
	entries := make([]Entry, 0, len(lines)-headerLines)
	answers := map[string]int{}
	for i := headerLines; i < len(lines) && !p.full(); i++ {
		e, d := parseEntry(lines[i])
		if d != nil {
			p.fault(i+1, lines[i], d)
			continue
		}
		if i > headerLines {
			p.order(i, lines, e, entries)
		}
		p.oneAnswer(i, lines, e, answers)
		entries = append(entries, e)
	}
	return entries
}

// order checks a line against the one before it.
func (p *parser) order(i int, lines []string, e Entry, before []Entry) {
	switch {
	case lines[i] == lines[i-1]:
		p.fault(i+1, lines[i], diag.Errorf(diag.LockDuplicate, "this line is there twice").WithHelp("remove one of them"))
	case lines[i] < lines[i-1]:
		p.fault(i+1, lines[i], diag.Errorf(diag.LockUnsorted, "this line sorts before the one above it").
			WithWhy("the order is by bytes, as in LC_ALL=C").WithHelp(relock))
	case len(before) > 0 && identity(before[len(before)-1]) == identity(e):
		p.fault(i+1, lines[i], diag.Errorf(diag.LockDuplicate, "a second entry for the same input").
			WithWhy("one input of one step can have only one digest").WithHelp(relock))
	}
}

// oneAnswer checks that all steps of a platform got the same answer to the same request.
func (p *parser) oneAnswer(i int, lines []string, e Entry, seen map[string]int) {
	if e.Kind != KindResponse && e.Kind != KindHTTP {
		return
	}
	key := strings.Join([]string{e.Platform, e.Key, e.Accept}, "\x00")
	first, ok := seen[key]
	if !ok {
		seen[key] = i
		return
	}
	if f, _ := parseEntry(lines[first]); f.Digest != e.Digest || f.Status != e.Status || f.Headers != e.Headers {
		p.fault(i+1, lines[i], diag.Errorf(diag.LockDuplicate, "another answer than line %d has for the same request", first+1).
			WithWhy("a sealed build can give only one answer to one URL and Accept").WithHelp(relock))
	}
}

// identity is the part of an entry that says which input it is.
func identity(e Entry) [5]string {
	return [5]string{string(e.Kind), e.Platform, e.Step, e.Key, e.Accept}
}

// platformText is os/arch[/variant] as the OCI image index spec spells them.
var platformText = lazyregexp.New(`^[a-z0-9]+/[a-z0-9]+(/[a-z0-9.]+)?$`)

// parseEntry reads one line.
func parseEntry(line string) (Entry, *diag.Diagnostic) {
	cols := strings.Split(line, " ")
	if len(cols) != columns {
		return Entry{}, diag.Errorf(diag.LockSyntax, "this line has %d columns, not %d", len(cols), columns).WithHelp(relock)
	}
	var e Entry
	for i, name := range []string{"kind", "platform", "step", "key", "accept", "digest", "size", "status", "headers", "purl", "evidence"} {
		text := unescape(cols[i])
		if !e.set(name, text) || name != "size" && escape(text) != cols[i] {
			d := diag.Errorf(diag.LockSyntax, "bad %s `%s`", name, clip(cols[i])).WithHelp(relock)
			if name == "kind" {
				d = diag.Errorf(diag.LockKind, "unknown kind of input `%s`", clip(cols[i])).
					WithWhy("an input that is not understood cannot be sealed").WithHelp(relock)
			}
			return Entry{}, d
		}
	}
	return e, nil
}

// set fills one column and says whether its text is allowed.
func (e *Entry) set(column, text string) (ok bool) {
	switch column {
	case "kind":
		e.Kind = Kind(text)
		return slices.Contains(Kinds(), e.Kind)
	case "platform":
		e.Platform = text
		return text == "" || platformText.MatchString(text)
	case "step":
		e.Step = text
	case "key":
		e.Key = text
		return text != ""
	case "accept":
		e.Accept = text
		return text == "" || e.web()
	case "digest":
		e.Digest, ok = parseDigest(text)
		return ok && text != ""
	case "size":
		var err error
		e.Size, err = strconv.ParseInt(text, 10, 64)
		return err == nil && e.Size >= 0 && strconv.FormatInt(e.Size, 10) == text
	case "status":
		return e.setStatus(text)
	case "headers":
		e.Headers, ok = parseDigest(text)
		return ok && (text == "" || e.web())
	case "purl":
		e.PURL = text
		return text == "" || strings.HasPrefix(text, "pkg:")
	case "evidence":
		e.Evidence = text
	}
	return true
}

// setStatus wants a status for what was fetched by HTTP and none for the rest.
func (e *Entry) setStatus(text string) bool {
	if !e.web() {
		return text == ""
	}
	n, err := strconv.Atoi(text)
	e.Status = n
	return err == nil && n >= 100 && n <= 599 && strconv.Itoa(n) == text
}

// web is true for answers of the input server.
func (e *Entry) web() bool { return e.Kind == KindResponse || e.Kind == KindHTTP }
