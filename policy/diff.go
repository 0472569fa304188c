package policy

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Change is what another policy means for one image. Its JSON is stable and additive.
type Change struct {
	Image Image `json:"image"`
	// Old and New say whether each policy allows it.
	Old bool `json:"old"`
	New bool `json:"new"`
	// Rules are those that end in another way, those of the old policy first; a rule that one of the two lacks, or that is not about the
	// image there, has an empty status.
	Rules   []RuleChange `json:"rules"`
	Reasons []string     `json:"reasons,omitempty"` // of the new verdict
}

// RuleChange is a rule that ends in another way.
type RuleChange struct {
	Rule   string `json:"rule"`
	Old    Status `json:"old,omitempty"`
	New    Status `json:"new,omitempty"`
	Reason string `json:"reason,omitempty"` // of the new one
}

// Flips says whether the verdict is another one.
func (c Change) Flips() bool { return c.Old != c.New }

// Diff decides all images by both policies, now being the time, and returns those of which anything changes, in their order. What ctx
// interrupts is an error: a difference that was not looked at whole is none.
func Diff(ctx context.Context, old, new *Policy, images []Evidence, now time.Time) ([]Change, error) {
	var out []Change
	for i := range images {
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
		a, b := old.Decide(ctx, &images[i], now), new.Decide(ctx, &images[i], now)
		c := Change{Image: images[i].Image, Old: a.Allow, New: b.Allow, Rules: ruleChanges(a.Rules, b.Rules)}
		if !c.Flips() && len(c.Rules) == 0 {
			continue
		}
		if !b.Allow {
			c.Reasons = b.Reasons
		}
		out = append(out, c)
	}
	return out, ctx.Err()
}

func ruleChanges(old, new []Outcome) []RuleChange {
	var out []RuleChange
	for _, o := range old {
		c := RuleChange{Rule: o.Rule, Old: o.Status}
		if i := slices.IndexFunc(new, func(n Outcome) bool { return n.Rule == o.Rule }); i >= 0 {
			c.New, c.Reason = new[i].Status, new[i].Reason
		}
		if c.Old != c.New {
			out = append(out, c)
		}
	}
	for _, n := range new {
		if !slices.ContainsFunc(old, func(o Outcome) bool { return o.Rule == n.Rule }) {
			out = append(out, RuleChange{Rule: n.Rule, New: n.Status, Reason: n.Reason})
		}
	}
	return out
}

// DiffText is changes for people: verdicts that flip first, then images whose rules end otherwise. images is how many were looked at.
func DiffText(changes []Change, images int) string {
	var b strings.Builder
	flips := 0
	for _, c := range changes {
		if c.Flips() {
			flips++
			c.write(&b)
		}
	}
	for _, c := range changes {
		if !c.Flips() {
			c.write(&b)
		}
	}
	fmt.Fprintf(&b, "%d of %d images change verdict\n", flips, images)
	return b.String()
}

func (c Change) write(b *strings.Builder) {
	fmt.Fprintf(b, "%s -> %s  %s@%s\n", allowed(c.Old), allowed(c.New), oneLine(c.Image.Name), oneLine(c.Image.Digest))
	for _, r := range c.Rules {
		fmt.Fprintf(b, "    %s: %s -> %s", r.Rule, orNone(r.Old), orNone(r.New))
		if r.Reason != "" {
			fmt.Fprintf(b, " (%s)", r.Reason)
		}
		b.WriteByte('\n')
	}
	if len(c.Rules) == 0 && len(c.Reasons) > 0 {
		fmt.Fprintf(b, "    %s\n", c.Reasons[0])
	}
}

func allowed(ok bool) string {
	if ok {
		return "allow"
	}
	return "deny"
}

func orNone(s Status) string {
	if s == "" {
		return "no such rule"
	}
	return string(s)
}
