package builder

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/selfsame-build/selfsame/builder/solver"
	"github.com/selfsame-build/selfsame/compare"
	"github.com/selfsame-build/selfsame/compare/cause"
	"github.com/selfsame-build/selfsame/internal/lazyregexp"
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

// mend tries the remedies for a culprit's findings until one makes both builders agree on the step. It gives what was verified, or
// nothing.
func (b *build) mend(ctx context.Context, c culprit, findings []cause.Finding) (*change, error) {
	list := b.changes(c, findings)
	if len(list) == 0 {
		return nil, nil
	}
	if b.control == nil { // a step that agrees unchanged would agree with any change
		same, as, err := b.agrees(ctx, c, b.project.authored())
		if err != nil || same {
			return nil, err
		}
		b.control = &as
	}
	for _, ch := range list {
		same, as, err := b.agrees(ctx, c, ch.file)
		if err != nil {
			return nil, err
		}
		if same && as.empty <= b.control.empty && (ch.deletes || as.entries == b.control.entries) {
			ch.patch.Verified = true
			return &ch, nil
		}
	}
	return nil, nil
}

// shape is what a step makes, roughly: a change that keeps it from doing its work would make builders agree, too.
type shape struct{ entries, empty int }

func shapeOf(ctx context.Context, img *compare.Image) (shape, error) {
	var s shape
	n := len(img.Layers()) - 1
	if n < 0 {
		return s, nil
	}
	r, err := img.ReadLayer(ctx, n, compare.Limits{})
	if err != nil {
		return s, err
	}
	defer r.Close()
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return s, nil
		}
		if err != nil {
			return s, err
		}
		s.entries++
		if h.Typeflag == tar.TypeReg && h.Size == 0 && !strings.HasPrefix(path.Base(h.Name), ".wh.") { // a deletion is no empty file
			s.empty++
		}
	}
}

// changes are the remedies that change something, each alone and then the first of each cause together.
func (b *build) changes(c culprit, findings []cause.Finding) []change {
	in, ok := b.instruction(c)
	if !ok {
		return nil
	}
	var out []change
	if b.tried == nil {
		b.tried = map[string]bool{}
	}
	seen := b.tried
	seen[in.text] = true
	all, classes := in.text, map[cause.Class]bool{}
	var titles []string // of what is in all
	deletes := false    // of what is in all
	add := func(class cause.Class, title, text string, gone bool) {
		if seen[text] || len(out) == maxTries {
			return
		}
		seen[text] = true
		if !strings.HasSuffix(text, "\n") && strings.HasSuffix(in.text, "\n") {
			text += "\n"
		}
		if file, ok := in.put(text); ok {
			out = append(out, change{deletes: gone, text: text, file: file, patch: in.patch(class, title, file)})
		}
	}
	programs := b.programs(in)
	asked := map[string]bool{}
	for _, f := range findings {
		for _, r := range cause.Remedies(f) {
			if key := string(r.Class) + r.Title; asked[key] {
				continue
			} else if asked[key] = true; len(out) == maxTries && !r.Deletes {
				continue
			}
			if text, ok := r.Apply(in.text); ok {
				add(r.Class, r.Title, text, r.Deletes)
				if !classes[r.Class] || r.Deletes {
					classes[r.Class] = true
					all, _ = r.Apply(all)
					deletes = deletes || r.Deletes
					titles = append(titles, r.Title)
				}
			} else if ch, ok := programs.change(r); ok && !seen[string(ch.file)] && len(out) < maxTries {
				seen[string(ch.file)] = true
				out = append(out, ch)
			}
		}
	}
	if len(titles) > 1 && !seen[all] {
		for _, ch := range out[min(len(out), maxTries-1):] {
			delete(seen, ch.text)
		}
		n := min(len(out), maxTries-1)
		out = out[:n]
		if add(findings[0].Class, strings.Join(titles, "; "), all, deletes); len(out) > n {
			out[n].together = true
		}
	}
	return out
}

// program is a file that the Dockerfile writes itself and the guilty step runs: a COPY with the file behind it.
type program struct {
	first, last int // lines, from 0; last is the one after its end
	text        string
}

// programList are the programs of one step.
type programList struct {
	in    instruction
	lines []string
	list  []program
}

var heredocCopy = lazyregexp.New(`^(?i:COPY|ADD)\s.*<<-?["']?(\w+)["']?.*?(\S+)\s*$`)

// programs are those of the step's own stage, before it, that its instruction names. A recipe that spells its build out has none.
func (b *build) programs(in instruction) programList {
	if b.project.dockerfile == nil {
		return programList{}
	}
	lines := strings.SplitAfter(string(in.file), "\n")
	out := programList{in: in, lines: lines}
	for i := 0; i < in.line-1; i++ {
		if strings.HasPrefix(strings.ToUpper(lines[i]), "FROM ") {
			out.list = nil
		}
		m := heredocCopy.FindStringSubmatch(strings.TrimRight(lines[i], "\r\n"))
		if m == nil {
			continue
		}
		end := i + 1
		for end < in.line-1 && strings.TrimSpace(lines[end]) != m[1] {
			end++
		}
		if strings.Contains(in.text, path.Base(m[2])) {
			out.list = append(out.list, program{i, end + 1, strings.Join(lines[i:end+1], "")})
		}
		i = end
	}
	return out
}

// change applies a remedy to the first program that it changes.
func (p programList) change(r cause.Remedy) (change, bool) {
	for _, g := range p.list {
		now, ok := r.Apply(g.text)
		if !ok {
			continue
		}
		file := strings.Join(p.lines[:g.first], "") + now + strings.Join(p.lines[g.last:], "")
		at := p.in
		at.line = g.first + 1
		return change{text: file, file: []byte(file), patch: at.patch(r.Class, r.Title, []byte(file))}, true
	}
	return change{}, false
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

// agrees builds the step from a changed file on both builders, on the frozen inputs, and says what A made.
func (b *build) agrees(ctx context.Context, c culprit, file []byte) (same bool, as shape, err error) {
	p, err := b.project.with(file)
	if err != nil {
		return false, as, nil //nolint:nilerr // a change that makes no recipe is no remedy
	}
	draft, err := b.host.compile(ctx, p, c.platform, &lockResolver{h: b.host, p: p, lock: b.lock})
	if err != nil {
		return false, as, nil //nolint:nilerr // a change that makes no Dockerfile is no remedy
	}
	step, err := draft.Isolate(c.made.Step.Name, c.frozen.states, c.frozen.layers)
	if err != nil {
		return false, as, nil //nolint:nilerr // nor is one after which the step is no more
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
	for _, img := range got {
		if img != nil {
			defer removeAll(img.Dir())
		}
	}
	var failed *solver.StepError
	if errors.As(err, &failed) && isStep(err) {
		return false, as, nil // a change that breaks the step is no remedy
	}
	if err != nil {
		return false, as, err
	}
	as, err = shapeOf(ctx, got[0])
	return got[0].Manifest() == got[1].Manifest(), as, err
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
