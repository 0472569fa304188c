//go:build !front

package policy

import (
	"slices"
	"time"

	"cel.dev/cel-go/cel"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// Policy is a policy that was read whole. It does not change and may be used by several goroutines at once.
type Policy struct {
	path     string
	edition  Edition
	expires  time.Time
	rules    []*compiled
	warnings diag.List
}

// compiled is a rule that is ready to be asked.
type compiled struct {
	name, message, fix string
	match              []pattern
	on, until          time.Time
	waivers            []*excuse
	text               string // of the expression, as written
	ast                *cel.Ast
	program            cel.Program
	now                bool // it looks at the time
	at                 diag.Position
}

// excuse is a waiver; its rule holds it.
type excuse struct {
	rule    string
	images  []string
	owner   string
	reason  string
	expires time.Time
	at      diag.Position
	line    string
}

// Edition is which policy this is.
func (p *Policy) Edition() Edition { return p.edition }

// Path is the file's name as it was given.
func (p *Policy) Path() string { return p.path }

// Expires is when the policy ends; the zero time: it does not.
func (p *Policy) Expires() time.Time { return p.expires }

// Rules are the names of all rules, in the order of the file.
func (p *Policy) Rules() []string {
	names := make([]string, len(p.rules))
	for i, r := range p.rules {
		names[i] = r.name
	}
	return names
}

// InScope says whether any rule is about images of this name (a repository without tag). An image that no rule is about is denied.
func (p *Policy) InScope(name string) bool {
	name = canonical(name)
	return slices.ContainsFunc(p.rules, func(r *compiled) bool { return r.about(name) })
}

// Warnings are what a reader should look at and what stops nothing, whatever the time.
func (p *Policy) Warnings() diag.List { return slices.Clone(p.warnings) }

// about says whether the rule's patterns fit the name, a canonical one.
func (r *compiled) about(name string) bool {
	for _, m := range r.match {
		if m.matches(name) {
			return true
		}
	}
	return false
}

// excuses says whether the waiver is for this image, and is not over.
func (w *excuse) excuses(digest string, now time.Time) bool {
	return now.Before(w.expires) && slices.Contains(w.images, digest)
}

// Check is what a reader should look at, now being the time: Warnings, and what is over: waivers (which excuse nothing any more) and the
// policy itself (A0633, an error: it denies everything).
func (p *Policy) Check(now time.Time) diag.List {
	out := p.Warnings()
	for _, r := range p.rules {
		for _, w := range r.waivers {
			if !now.Before(w.expires) {
				out = append(out, diag.Warnf(diag.CodePolicyWaiverOver, "the waiver of `%s` expired on %s", w.rule, day(w.expires)).
					WithAt(w.at, w.line).WithWhy("it excuses nothing any more").WithHelp("remove it, or have "+w.owner+" look at it again"))
			}
		}
	}
	if p.over(now) {
		out = append(out, diag.Errorf(diag.CodePolicyOver, "the policy `%s` expired on %s", p.edition.Name, day(p.expires)).
			WithAt(diag.Position{File: p.path}, "").WithWhy("it denies everything").WithHelp("look at it again, set another `expires` and raise `version`"))
	}
	out.Sort()
	return out
}

// over says whether the policy's time is over.
func (p *Policy) over(now time.Time) bool { return !p.expires.IsZero() && !now.Before(p.expires) }

// day is a time as it is written in policies.
func day(t time.Time) string {
	t = t.UTC()
	if t.Equal(t.Truncate(24 * time.Hour)) {
		return t.Format(time.DateOnly)
	}
	return t.Format(time.RFC3339)
}
