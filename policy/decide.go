//go:build !front

package policy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// freshFor is how long a verdict may be kept that a look at the time led to.
const freshFor = time.Minute

// maxSpent is what all rules of one verdict may cost together, in CEL's units.
const maxSpent = 2 * maxCost

// Decide says whether an image may run, now being the time. It always comes to a verdict: what cannot be evaluated, costs too much, or is
// not done when ctx ends is denied, and says so. It does no I/O and does not change e.
func (p *Policy) Decide(ctx context.Context, e *Evidence, now time.Time) Verdict {
	if e == nil {
		e = &Evidence{}
	}
	d := decision{ctx: ctx, policy: p, evidence: e, now: now, notAfter: e.NotAfter}
	d.until(p.expires)
	v := Verdict{Image: e.Image, By: p.edition, Rules: []Outcome{}} // never null in JSON
	applies, name := 0, canonical(e.Image.Name)
	for _, r := range p.rules {
		if !r.about(name) {
			continue
		}
		o := d.outcome(r)
		if o.Status != StatusNotInForce {
			applies++
		}
		v.Rules = append(v.Rules, o)
	}
	v.Reasons, v.ExitCode = d.reasons(v.Rules, applies)
	v.Allow, v.NotAfter = len(v.Reasons) == 0, d.notAfter
	return v
}

// decision is one verdict in the making.
type decision struct {
	ctx         context.Context
	policy      *Policy
	evidence    *Evidence
	now         time.Time
	activation  *activation // made when the first rule is asked
	spent       uint64
	notAfter    time.Time
	interrupted bool
}

// until moves the verdict's end to t, if that is ahead and earlier.
func (d *decision) until(t time.Time) {
	if t.After(d.now) && (d.notAfter.IsZero() || t.Before(d.notAfter)) {
		d.notAfter = t
	}
}

// outcome is what a rule says that is about the image.
func (d *decision) outcome(r *compiled) Outcome {
	switch {
	case d.policy.over(d.now):
		return Outcome{Rule: r.name, Status: StatusNotInForce, Reason: "the policy expired on " + day(d.policy.expires)}
	case !begun(r.on, d.now):
		d.until(r.on)
		return Outcome{Rule: r.name, Status: StatusNotInForce, Reason: "in force from " + day(r.on)}
	case ended(r.until, d.now):
		return Outcome{Rule: r.name, Status: StatusNotInForce, Reason: "in force until " + day(r.until)}
	}
	d.until(r.until)
	return d.ask(r)
}

// ask evaluates a rule that applies.
func (d *decision) ask(r *compiled) Outcome {
	if r.now {
		d.until(d.now.Add(freshFor))
	}
	if d.spent > maxSpent {
		return Outcome{Rule: r.name, Status: StatusError, Reason: "was not asked: the rules before it cost too much for this evidence", Fix: r.fix}
	}
	if d.activation == nil {
		d.activation = newActivation(d.evidence, d.now)
	}
	holds, spent, err := r.ask(d.ctx, d.activation)
	d.spent += spent
	switch {
	case errors.Is(err, errInterrupted):
		d.interrupted = true
		return Outcome{Rule: r.name, Status: StatusError, Reason: oneLine("could not be evaluated: " + err.Error()), Fix: "try again"}
	case err != nil:
		return d.excused(r, Outcome{Rule: r.name, Status: StatusError, Reason: oneLine("could not be evaluated: " + err.Error()), Fix: r.fix})
	case !holds:
		return d.excused(r, Outcome{Rule: r.name, Status: StatusFail, Reason: r.message, Fix: r.fix})
	}
	return Outcome{Rule: r.name, Status: StatusPass}
}

// excused applies waivers to a rule that said no. One that is over, or for another digest, changes nothing but the reason.
func (d *decision) excused(r *compiled, o Outcome) Outcome {
	digest, note := d.evidence.Image.Digest, ""
	for _, w := range r.waivers {
		switch {
		case w.excuses(digest, d.now):
			d.until(w.expires)
			return Outcome{Rule: r.name, Status: StatusWaived, Reason: oneLine(fmt.Sprintf("waived until %s by %s: %s", day(w.expires), w.owner, w.reason))}
		case slices.Contains(w.images, digest):
			note = fmt.Sprintf(" (its waiver expired on %s)", day(w.expires))
		case note == "" && now(w, d.now):
			note = " (it has a waiver for another digest)"
		}
	}
	o.Reason = oneLine(o.Reason + note)
	return o
}

// now says whether a waiver is not over yet.
func now(w *excuse, t time.Time) bool { return t.Before(w.expires) }

// reasons are why not, and the exit code; none when the image may run.
func (d *decision) reasons(rules []Outcome, applies int) ([]string, int) {
	e := d.evidence
	switch {
	case len(e.Blocks) > 0:
		var out []string
		for _, b := range e.Blocks {
			out = append(out, oneLine(b.Reason))
		}
		return out, denial(e.Blocks[0].ExitCode)
	case d.now.IsZero():
		return []string{"nobody said what time it is"}, diag.ExitUndecided
	case !e.NotAfter.IsZero() && !d.now.Before(e.NotAfter):
		return []string{"the evidence held until " + day(e.NotAfter) + " and has to be gathered anew"}, diag.ExitUndecided
	case d.policy.over(d.now):
		return []string{fmt.Sprintf("the policy %s expired on %s: it denies everything", d.policy.edition.Name, day(d.policy.expires))}, diag.ExitPolicy
	case applies == 0:
		return []string{oneLine(fmt.Sprintf("no rule of the policy %s is about %q and in force", d.policy.edition.Name, e.Image.Name))}, diag.ExitPolicy
	}
	var out []string
	for _, o := range rules {
		if o.Status == StatusFail || o.Status == StatusError {
			out = append(out, oneLine(o.Rule+": "+o.Reason))
		}
	}
	switch {
	case len(out) == 0:
		return []string{}, diag.ExitProven
	case d.interrupted:
		return out, diag.ExitUndecided
	}
	return out, diag.ExitPolicy
}

// denial is a block's exit code; one that would mean success is none.
func denial(code int) int {
	if code == diag.ExitProven {
		return diag.ExitUndecided
	}
	return code
}
