package builder

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/selfsame-build/selfsame/builder/solver"
	"github.com/selfsame-build/selfsame/compare"
	"github.com/selfsame-build/selfsame/compare/cause"
	"github.com/selfsame-build/selfsame/report"
)

// maxTries bounds how many remedies are built.
const maxTries = 5

// change is a remedy that was applied to the author's file.
type change struct {
	class cause.Class
	title string
	file  []byte // the whole file, changed
	patch report.Patch
}

// mend tries the remedies for a culprit's findings until one makes both builders agree on the step. It gives what was verified, or
// nothing.
func (b *build) mend(ctx context.Context, c culprit, findings []cause.Finding) (*change, error) {
	for _, ch := range b.changes(c, findings) {
		same, err := b.agrees(ctx, c, ch.file)
		if err != nil {
			return nil, err
		}
		if same {
			ch.patch.Verified = true
			return &ch, nil
		}
	}
	return nil, nil
}

// changes are the remedies that change something, each alone and then the first of each cause together.
func (b *build) changes(c culprit, findings []cause.Finding) []change {
	first, last := c.draft.Lines(c.made.Step.Name)
	file := b.project.dockerfile
	lines := strings.SplitAfter(string(file), "\n")
	if file == nil || first < 1 || last > len(lines) || last < first {
		return nil
	}
	old := strings.Join(lines[first-1:last], "")
	var out []change
	if b.tried == nil {
		b.tried = map[string]bool{}
	}
	seen := b.tried
	seen[old] = true
	all, classes := old, map[cause.Class]bool{}
	var titles []string // of what is in all
	add := func(class cause.Class, title, text string) {
		if seen[text] || len(out) == maxTries {
			return
		}
		seen[text] = true
		if !strings.HasSuffix(text, "\n") && strings.HasSuffix(old, "\n") {
			text += "\n"
		}
		changed := strings.Join(lines[:first-1], "") + text + strings.Join(lines[last:], "")
		name := b.project.recipe.Build.Dockerfile
		out = append(out, change{class: class, title: title, file: []byte(changed), patch: report.Patch{
			Class: string(class), File: report.Escape(name), Line: first, Diff: unified(name, lines, first, last, text), Note: title,
		}})
	}
	for _, f := range findings {
		for _, r := range cause.Remedies(f) {
			if text, ok := r.Apply(old); ok {
				add(r.Class, r.Title, text)
				if !classes[r.Class] || r.Deletes {
					classes[r.Class] = true
					all, _ = r.Apply(all)
					titles = append(titles, r.Title)
				}
			} else if ch, ok := b.inHeredocs(r); ok && !seen[string(ch.file)] && len(out) < maxTries {
				seen[string(ch.file)] = true
				out = append(out, ch)
			}
		}
	}
	if len(classes) > 1 || all != old && !seen[all] {
		out = out[:min(len(out), maxTries-1)]
		add(findings[0].Class, strings.Join(titles, "; "), all)
	}
	return out
}

// heredocs are files that a Dockerfile writes itself: programs that steps run.
var heredocs = regexp.MustCompile(`(?ms)^(?:COPY|ADD)\s[^\n]*<<-?["']?(\w+)["']?[^\n]*\n.*?^(\w+)$`)

// inHeredocs applies a remedy to the programs that the Dockerfile holds.
func (b *build) inHeredocs(r cause.Remedy) (change, bool) {
	file := string(b.project.dockerfile)
	changed, line := file, 0
	for _, text := range heredocs.FindAllString(file, -1) {
		if now, ok := r.Apply(text); ok {
			if line == 0 {
				line = 1 + strings.Count(file[:strings.Index(file, text)], "\n")
			}
			changed = strings.Replace(changed, text, now, 1)
		}
	}
	if line == 0 {
		return change{}, false
	}
	name := b.project.recipe.Build.Dockerfile
	return change{class: r.Class, title: r.Title, file: []byte(changed), patch: report.Patch{
		Class: string(r.Class), File: report.Escape(name), Line: line, Diff: wholeDiff(name, file, changed), Note: r.Title,
	}}, true
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

// agrees builds the step from a changed file on both builders, on the frozen inputs.
func (b *build) agrees(ctx context.Context, c culprit, file []byte) (bool, error) {
	p := *b.project
	p.dockerfile = file
	draft, err := b.host.compile(ctx, &p, c.platform, &lockResolver{h: b.host, p: &p, lock: b.lock})
	if err != nil {
		return false, nil //nolint:nilerr // a change that makes no Dockerfile is no remedy
	}
	step, err := draft.Isolate(c.made.Step.Name, c.frozen.states, c.frozen.layers)
	if err != nil {
		return false, nil //nolint:nilerr // nor is one after which the step is no more
	}
	x := &experiment{run: b.run, step: step, name: c.made.Step.Name}
	var got [2]*compare.Image
	var eg errgroup.Group
	b.tries += 2
	eg.Go(func() (err error) { got[0], err = x.on(ctx, b.run.a, b.run.a.world, 100+b.tries); return })
	eg.Go(func() (err error) {
		x.last = b.host.Now()
		x.passTime(ctx)
		got[1], err = x.on(ctx, b.run.b, b.run.b.world, 101+b.tries)
		return
	})
	err = eg.Wait()
	var failed *solver.StepError
	if errors.As(err, &failed) {
		return false, nil // a change that breaks the step is no remedy
	}
	return err == nil && got[0].Manifest() == got[1].Manifest(), err
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
