package verify

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/policy"
)

// Judge has a policy decide over the facts of r, for a verification with Options.Facts; from then on its verdict is the result's. What no rule
// lifts (a denied image, a veto, something that could not be read) keeps its own verdict and exit code. What the policy denies is refused. What
// it allows is verified where verification came to that by itself, else allowed.
func (r *Result) Judge(ctx context.Context, p *policy.Policy, now time.Time) {
	e := r.Facts()
	v := p.Decide(ctx, &e, now)
	if r.verdicts {
		v = v.Accepting(&e, now)
	}
	r.Policy = &v
	switch {
	case v.Allow && r.Verdict == VerdictVerified && v.HandedOn == nil:
	case v.Allow:
		r.Verdict = VerdictAllowed
	case len(e.Blocks) > 0:
		r.Verdict = Verdict(e.Blocks[0].Verdict)
	case v.ExitCode == diag.ExitUndecided:
		r.Verdict = VerdictUndecided
	default:
		r.Verdict = VerdictRefused
	}
	r.ExitCode = v.ExitCode
	q, _ := url.ParseQuery(r.asked) // of our own making
	q.Set("policy", "sha256:"+v.By.SHA256)
	r.asked = q.Encode()
	r.Summary = r.judgement(r.summary())
}

// Timeless lets the facts of r be looked at as of any time: they are today's, whenever what they rest on ends.
func (r *Result) Timeless() {
	if r.facts != nil {
		r.facts.NotAfter = time.Time{}
	}
}

// judgement is the summary where a policy decided.
func (r *Result) judgement(verified string) string {
	by := fmt.Sprintf("policy %s, version %d", r.Policy.By.Name, r.Policy.By.Version)
	what := r.Reference
	if what == "" {
		what = r.Digest.String()
	}
	switch r.Verdict {
	case VerdictVerified:
		return verified + "; allowed by " + by
	case VerdictAllowed:
		if h := r.Policy.HandedOn; h != nil {
			by += fmt.Sprintf(", in a verdict that %s handed on until %s", diag.Printable(h.Signer), h.NotAfter.UTC().Format(time.RFC3339))
		}
		return fmt.Sprintf("allowed by %s: %s", by, what)
	case VerdictRefused:
		return fmt.Sprintf("refused by %s: %s", by, what)
	}
	return verified
}

// policyText writes what the policy said, rule by rule.
func (r Result) policyText(w io.Writer) error {
	if r.Policy == nil {
		return nil
	}
	return PolicyText(w, *r.Policy)
}

// PolicyText writes a verdict for people: which policy, and a line for each rule that is about the image, with why not and what to do.
func PolicyText(w io.Writer, v policy.Verdict) error {
	if _, err := fmt.Fprintf(w, "policy %s, version %d, sha256:%.12s\n", v.By.Name, v.By.Version, v.By.SHA256); err != nil {
		return err
	}
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, o := range v.Rules {
		word := string(o.Status)
		switch o.Status {
		case policy.StatusPass:
			word = "ok"
		case policy.StatusFail, policy.StatusError:
			word = "FAIL"
		}
		why := o.Reason
		if o.Fix != "" && word == "FAIL" {
			why += " - " + o.Fix
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\n", word, o.Rule, diag.Printable(why))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, reason := range v.Reasons {
		if !ruleSays(v.Rules, reason) {
			fmt.Fprintf(&b, "  denied: %s\n", diag.Printable(reason))
		}
	}
	for line := range strings.Lines(b.String()) {
		if _, err := io.WriteString(w, strings.TrimRight(line, " \n")+"\n"); err != nil {
			return err
		}
	}
	return nil
}

// ruleSays tells whether a reason is that of a rule, which has its line.
func ruleSays(rules []policy.Outcome, reason string) bool {
	for _, o := range rules {
		if (o.Status == policy.StatusFail || o.Status == policy.StatusError) && strings.HasPrefix(reason, o.Rule+": ") {
			return true
		}
	}
	return false
}
