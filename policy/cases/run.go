package cases

import (
	"context"
	"fmt"
	"slices"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/strictyaml"
	"github.com/selfsame-build/selfsame/policy"
)

// Results are what became of the cases of one file. Their JSON is stable and additive.
type Results struct {
	File   string         `json:"file"`
	Policy policy.Edition `json:"policy"`
	Cases  []Result       `json:"cases"`
	Failed int            `json:"failed"` // how many cases
	// Untried are rules that no case has seen pass and seen fail: what is not seen to fail may not be able to.
	Untried []string `json:"untried"`
}

// Result is one case.
type Result struct {
	Name string `json:"name"`
	Line int    `json:"line"`
	Pass bool   `json:"pass"`
	// Problems say what was not as wanted, a line each.
	Problems []string       `json:"problems,omitempty"`
	Verdict  policy.Verdict `json:"verdict"`
}

// Run decides every case. The error is a diag.List when a case names a rule that the policy does not have, and ctx's when it ends.
func Run(ctx context.Context, p *policy.Policy, s Set) (Results, error) {
	out := Results{File: s.Path, Policy: p.Edition()}
	if err := s.unknownRules(p); err != nil {
		return out, err
	}
	passed, failed := map[string]bool{}, map[string]bool{}
	for i := range s.Cases {
		c := &s.Cases[i]
		r := c.run(ctx, p)
		if err := ctx.Err(); err != nil {
			return out, fmt.Errorf("running the cases of %s: %w", s.Path, err)
		}
		for _, o := range r.Verdict.Rules {
			passed[o.Rule] = passed[o.Rule] || o.Status == policy.StatusPass
			failed[o.Rule] = failed[o.Rule] || o.Status == policy.StatusFail || o.Status == policy.StatusWaived
		}
		if !r.Pass {
			out.Failed++
		}
		out.Cases = append(out.Cases, r)
	}
	for _, name := range p.Rules() {
		if !passed[name] || !failed[name] {
			out.Untried = append(out.Untried, name)
		}
	}
	return out, nil
}

// unknownRules reports cases that want something of rules that there are not.
func (s Set) unknownRules(p *policy.Policy) error {
	var list diag.List
	for _, c := range s.Cases {
		for name := range c.Rules {
			if slices.Contains(p.Rules(), name) {
				continue
			}
			help := "the rules are those of " + p.Path()
			if near := strictyaml.Nearest(name, p.Rules()); near != "" {
				help = "did you mean `" + near + "`?"
			}
			list = append(list, diag.Errorf(diag.CodePolicyKeys, "the policy has no rule `%s`", strictyaml.Short(name)).
				WithAt(c.places[name], c.lines[name]).WithWhy("what is wanted of it would never be looked at").WithHelp(help))
		}
	}
	return list.Err()
}

func (c *Case) run(ctx context.Context, p *policy.Policy) Result {
	v := p.Decide(ctx, &c.Evidence, c.At)
	r := Result{Name: c.Name, Line: c.Line, Verdict: v}
	if v.Allow != c.Allow {
		problem := "allowed, and `deny` is wanted"
		if c.Allow {
			problem = "denied, and `allow` is wanted: " + v.Reasons[0]
		}
		r.Problems = append(r.Problems, problem)
	}
	got := map[string]policy.Outcome{}
	for _, o := range v.Rules {
		got[o.Rule] = o
	}
	for _, name := range p.Rules() {
		want, asked := c.Rules[name]
		o, about := got[name]
		if !about {
			o.Status = policy.StatusOutOfScope
		}
		if asked && o.Status != want {
			problem := fmt.Sprintf("rule %s is %s, and %s is wanted", name, o.Status, want)
			if o.Reason != "" {
				problem += ": " + o.Reason
			}
			r.Problems = append(r.Problems, problem)
		}
	}
	r.Pass = len(r.Problems) == 0
	return r
}
