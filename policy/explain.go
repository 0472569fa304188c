package policy

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Explanation is a verdict with why, rule by rule. Its JSON is stable and additive.
type Explanation struct {
	Verdict Verdict   `json:"verdict"`
	At      time.Time `json:"at"`
	// Rules are all rules of the policy in its order, those that are not about the image included.
	Rules []Explained `json:"rules"`
}

// Explained is one rule with why.
type Explained struct {
	Outcome
	Line    int    `json:"line"`    // of the policy's file
	Require string `json:"require"` // its expression as written
	// Why says which parts of the expression made it false, outermost first; empty for a rule that holds or has no say.
	Why []Part `json:"why,omitempty"`
}

// Part is a part of an expression, with what became of it.
type Part struct {
	Depth int    `json:"depth"`           // 0 for the outermost
	Text  string `json:"text"`            // the part as one would write it, or "p = NAME" for an entry of a list
	Value string `json:"value"`           // "false", "2", "3 entries", "error: ..."; of an entry: which one it is
	Entry bool   `json:"entry,omitempty"` // it is an entry of a list that was walked
}

// Explain decides as Decide does, and says why. It evaluates parts of failed rules anew, so it takes longer than a verdict; it is for
// people. It always comes to an end: it shows at most maxParts parts of each rule.
func (p *Policy) Explain(ctx context.Context, e *Evidence, now time.Time) Explanation {
	if e == nil {
		e = &Evidence{}
	}
	v := p.Decide(ctx, e, now)
	out := Explanation{Verdict: v, At: now}
	outcomes := map[string]Outcome{}
	for _, o := range v.Rules {
		outcomes[o.Rule] = o
	}
	for _, r := range p.rules {
		o, about := outcomes[r.name]
		if !about {
			o = Outcome{Rule: r.name, Status: StatusOutOfScope}
		}
		x := Explained{Outcome: o, Line: r.at.Line, Require: r.text}
		switch o.Status {
		case StatusFail, StatusError, StatusWaived:
			x.Why = why(ctx, r, newActivation(e, now))
		}
		out.Rules = append(out.Rules, x)
	}
	return out
}

// Text is the explanation for people, a line for each rule and part. Control characters are not in it.
func (x Explanation) Text() string {
	var b strings.Builder
	v := x.Verdict
	verdict := "denied"
	if v.Allow {
		verdict = "allowed"
	}
	fmt.Fprintf(&b, "%s  %s@%s\n", verdict, oneLine(v.Image.Name), oneLine(v.Image.Digest))
	fmt.Fprintf(&b, "policy  %s version %d (%.12s), at %s\n", v.By.Name, v.By.Version, v.By.SHA256, x.At.UTC().Format(time.RFC3339))
	if !v.NotAfter.IsZero() {
		fmt.Fprintf(&b, "holds until  %s\n", v.NotAfter.UTC().Format(time.RFC3339))
	}
	for _, r := range v.Reasons {
		fmt.Fprintf(&b, "because  %s\n", r)
	}
	for _, r := range x.Rules {
		fmt.Fprintf(&b, "\n%-12s  %s", r.Status, r.Rule)
		if r.Reason != "" {
			fmt.Fprintf(&b, ": %s", r.Reason)
		}
		b.WriteByte('\n')
		for _, p := range r.Why {
			fmt.Fprintf(&b, "%s%s\n", strings.Repeat("  ", p.Depth+2), p.line())
		}
		if r.Fix != "" && r.Status != StatusWaived {
			fmt.Fprintf(&b, "    fix: %s\n", r.Fix)
		}
	}
	return b.String()
}

func (p Part) line() string {
	if p.Entry {
		return fmt.Sprintf("%s (%s)", p.Text, p.Value)
	}
	return fmt.Sprintf("%s  is %s", p.Text, p.Value)
}
