//go:build !front

package policy

import (
	"fmt"
	"time"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/strictyaml"
)

// loader carries one file from its text to a Policy.
type loader struct {
	*strictyaml.Decoder
	warnings diag.List
}

func (l *loader) policy(f file) *Policy {
	p := &Policy{edition: Edition{Name: f.Name, Version: f.Version}, expires: f.Expires}
	if f.Version < 1 && l.Seen["version"] && !l.Broken["version"] {
		l.Report(diag.CodePolicyForm, l.At["version"], "`version` begins at 1", "it grows with each change, so that an older policy is seen to be older", "write `version: 1`")
	}
	byName := map[string]*compiled{}
	for i, r := range f.Rules {
		at := fmt.Sprintf("rules[%d]", i)
		if l.Broken[at] {
			continue
		}
		c := l.rule(at, r)
		if first := byName[r.Name]; first != nil && r.Name != "" {
			l.Report(diag.CodePolicyTwice, l.At[at+".name"], fmt.Sprintf("`%s` is the name of two rules, first in line %d", strictyaml.Short(r.Name), first.at.Line),
				"waivers and cases would be for both, or for either", "give one of the two another name")
			continue
		}
		byName[r.Name] = c
		p.rules = append(p.rules, c)
	}
	for i, w := range f.Waivers {
		l.waiver(fmt.Sprintf("waivers[%d]", i), w, byName, p.Rules())
	}
	return p
}

func (l *loader) rule(at string, r rule) *compiled {
	c := &compiled{name: r.Name, message: r.Message, fix: r.Fix, on: r.On, until: r.Until, at: l.At[at+".name"]}
	if c.at.Line == 0 {
		c.at = l.At[at]
	}
	for _, m := range r.Match {
		c.match = append(c.match, newPattern(canonical(m)))
	}
	if !r.On.IsZero() && !r.Until.IsZero() && !r.On.Before(r.Until) {
		l.Report(diag.CodePolicyWindow, l.At[at+".effectiveUntil"], "`effectiveUntil` is not after `effectiveOn`", "no time lies between them", "exchange them, or remove one")
	}
	if r.Require.node != nil {
		l.compile(at+".require", r.Require, c)
	}
	return c
}

func (l *loader) waiver(at string, w waiver, rules map[string]*compiled, names []string) {
	if l.Broken[at] || w.Rule == "" {
		return
	}
	r := rules[w.Rule]
	if r == nil {
		help := "correct the name, or remove the waiver"
		if near := strictyaml.Nearest(w.Rule, names); near != "" {
			help = "did you mean `" + near + "`?"
		}
		l.Report(diag.CodePolicyWaiver, l.At[at+".rule"], "there is no rule `"+strictyaml.Short(w.Rule)+"`",
			"the waiver excuses nothing, and would excuse a rule of that name as soon as there is one", help)
		return
	}
	place := l.At[at+".expires"]
	r.waivers = append(r.waivers, &excuse{rule: w.Rule, images: w.Images, owner: w.Owner, reason: w.Reason, expires: w.Expires, at: place, line: l.line(place)})
}

// line is the text of a line, for warnings; empty when it is not to be shown.
func (l *loader) line(at diag.Position) string {
	if at.Line < 1 || at.Line > len(l.Lines) || strictyaml.Unshowable(l.Lines[at.Line-1]) {
		return ""
	}
	return l.Lines[at.Line-1]
}

// warn adds what stops nothing.
func (l *loader) warn(code diag.Code, at diag.Position, summary, why, help string) {
	l.warnings = append(l.warnings, diag.Warnf(code, "%s", summary).WithAt(at, l.line(at)).WithWhy(why).WithHelp(help))
}

// begun and ended say where now is in a window whose ends may be open.
func begun(on, now time.Time) bool    { return on.IsZero() || !now.Before(on) }
func ended(until, now time.Time) bool { return !until.IsZero() && !now.Before(until) }
