package builder

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/selfsame-build/selfsame/compare/cause"
	"github.com/selfsame-build/selfsame/report"
)

// maxTries bounds how many remedies are built.
const maxTries = 5

// change is a remedy that was applied to the author's file.
type change struct {
	text  string // the changed instruction
	file  []byte // the whole file, changed
	patch report.Patch
	// deletes says that files are gone with it; together that it is more than one remedy.
	deletes, together bool
}

// changes are the remedies that change something, each alone and then the first of each cause together.
func (b *build) changes(c culprit, findings []cause.Finding) []change {
	in, ok := b.instruction(c)
	if !ok {
		return nil
	}
	if b.tried == nil {
		b.tried = map[string]bool{}
	}
	b.tried[in.text] = true
	list := changeList{in: in, seen: b.tried}
	programs := b.programs(in)
	all := combined{text: in.text, classes: map[cause.Class]bool{}}
	for _, r := range remediesFor(findings) {
		if list.full() && !r.Deletes {
			continue
		}
		text, ok := r.Apply(in.text)
		if !ok {
			list.addProgram(programs, r)
			continue
		}
		list.add(r.Class, r.Title, text, r.Deletes)
		all.apply(r)
	}
	if len(all.titles) > 1 {
		list.addCombined(findings[0].Class, all)
	}
	return list.all
}

// remediesFor are the remedies for all findings, each once.
func remediesFor(findings []cause.Finding) (out []cause.Remedy) {
	asked := map[string]bool{}
	for _, f := range findings {
		for _, r := range cause.Remedies(f) {
			if key := string(r.Class) + r.Title; !asked[key] {
				asked[key] = true
				out = append(out, r)
			}
		}
	}
	return out
}

// combined is an instruction with several remedies in it: the first of each cause, and all that delete.
type combined struct {
	text    string
	titles  []string
	classes map[cause.Class]bool
	deletes bool
}

func (c *combined) apply(r cause.Remedy) {
	if c.classes[r.Class] && !r.Deletes {
		return
	}
	c.classes[r.Class] = true
	c.text, _ = r.Apply(c.text)
	c.titles = append(c.titles, r.Title)
	c.deletes = c.deletes || r.Deletes
}

// changeList are changes of one instruction that are worth a build: none twice, and at most maxTries.
type changeList struct {
	in   instruction
	seen map[string]bool // changed instructions and files, here or built before
	all  []change
}

func (l *changeList) full() bool { return len(l.all) == maxTries }

// add takes a changed instruction.
func (l *changeList) add(class cause.Class, title, text string, deletes bool) {
	if l.seen[text] || l.full() {
		return
	}
	l.seen[text] = true
	if !strings.HasSuffix(text, "\n") && strings.HasSuffix(l.in.text, "\n") {
		text += "\n"
	}
	if file, ok := l.in.put(text); ok {
		l.all = append(l.all, change{deletes: deletes, text: text, file: file, patch: l.in.patch(class, title, file)})
	}
}

// addProgram takes a change of a file that the Dockerfile writes itself, if the remedy changes one.
func (l *changeList) addProgram(programs programList, r cause.Remedy) {
	if ch, ok := programs.change(r); ok && !l.seen[string(ch.file)] && !l.full() {
		l.seen[string(ch.file)] = true
		l.all = append(l.all, ch)
	}
}

// addCombined puts several remedies together at the list's end, in the place of the last one where the list is full.
func (l *changeList) addCombined(class cause.Class, c combined) {
	if l.seen[c.text] {
		return
	}
	n := min(len(l.all), maxTries-1)
	for _, ch := range l.all[n:] {
		delete(l.seen, ch.text)
	}
	l.all = l.all[:n]
	if l.add(class, strings.Join(c.titles, "; "), c.text, c.deletes); len(l.all) > n {
		l.all[n].together = true
	}
}

// wholeDiff shows two texts of as many lines as a unified diff.
func wholeDiff(name, old, now string) string {
	a, b := strings.SplitAfter(old, "\n"), strings.SplitAfter(now, "\n")
	first, last := 0, len(a)
	for first < last && first < len(b) && a[first] == b[first] {
		first++
	}
	for last > first && len(b)-(len(a)-last) > first && a[last-1] == b[len(b)-1-(len(a)-last)] {
		last--
	}
	return unified(name, a, first+1, last, strings.Join(b[first:len(b)-(len(a)-last)], ""))
}

// unified shows a change of lines first to last as a unified diff with three lines around it.
func unified(name string, lines []string, first, last int, text string) string {
	var out bytes.Buffer
	old := lines[first-1 : last]
	now := strings.SplitAfter(text, "\n")
	now = slices.DeleteFunc(now, func(l string) bool { return l == "" })
	from, to := max(0, first-4), min(len(lines), last+3)
	after := slices.DeleteFunc(slices.Clone(lines[last:to]), func(l string) bool { return l == "" })
	before := lines[from : first-1]
	fmt.Fprintf(&out, "--- a/%s\n+++ b/%s\n@@ -%d,%d +%d,%d @@\n", name, name, from+1, len(before)+len(old)+len(after), from+1, len(before)+len(now)+len(after))
	for _, part := range []struct {
		sign  string
		lines []string
	}{{" ", before}, {"-", old}, {"+", now}, {" ", after}} {
		for _, l := range part.lines {
			out.WriteString(part.sign + strings.TrimSuffix(l, "\n") + "\n")
			if !strings.HasSuffix(l, "\n") {
				out.WriteString("\\ No newline at end of file\n")
			}
		}
	}
	return out.String()
}
