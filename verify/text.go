package verify

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// maxIgnoredLines is how many ignored referrers the text lists; the JSON has all.
const maxIgnoredLines = 10

// Text writes the result for people: a table of the checks for each manifest, what was ignored and why, and the verdict as
// the last line. It says nothing that the JSON does not say.
func (r Result) Text(w io.Writer) error {
	var b strings.Builder
	for i, s := range r.Subjects {
		fmt.Fprintf(&b, "%s %s\n", s.Label, s.Digest)
		var same []Check
		if i > 0 {
			same = r.Subjects[0].Checks
		}
		if err := s.table(&b, same); err != nil {
			return err
		}
	}
	if err := r.policyText(&b); err != nil {
		return err
	}
	r.ignoredText(&b)
	fmt.Fprintf(&b, "%s\n", r.Summary)
	_, err := io.WriteString(w, b.String())
	return err
}

// table writes the checks, one a line. Those that ended just as in same (the index's) are named in one line for each status: an
// index of five platforms would else say everything six times. A failure always has its own line.
func (s Subject) table(w io.Writer, same []Check) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	repeated := map[Status][]string{}
	for _, c := range s.Checks {
		if c.Status != StatusFail && contains(same, c) {
			repeated[c.Status] = append(repeated[c.Status], c.Name)
			continue
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\n", c.Status.word(), c.Name, c.line())
	}
	for _, status := range []Status{StatusOK, StatusNotChecked} {
		if names := repeated[status]; len(names) > 0 {
			fmt.Fprintf(t, "  %s\tas above\t%s\n", status.word(), strings.Join(names, ", "))
		}
	}
	return t.Flush()
}

func contains(checks []Check, c Check) bool {
	for _, x := range checks {
		if x == c {
			return true
		}
	}
	return false
}

// word is the status as a reader scans for it: a failure stands out without colour.
func (s Status) word() string {
	switch s {
	case StatusOK:
		return "ok"
	case StatusNotChecked:
		return "not checked"
	default:
		return "FAIL"
	}
}

func (c Check) line() string {
	var parts []string
	if c.Detail != "" {
		parts = append(parts, c.Detail)
	}
	if c.Who != "" {
		parts = append(parts, "("+c.Who+")")
	}
	if c.Reason != "" {
		parts = append(parts, "- "+c.Reason)
	}
	return strings.TrimPrefix(strings.Join(parts, " "), "- ")
}

func (r Result) ignoredText(b *strings.Builder) {
	if len(r.Ignored) == 0 && r.NotRead == 0 {
		return
	}
	fmt.Fprintf(b, "ignored %d attached, not read %d\n", len(r.Ignored), r.NotRead)
	for i, x := range r.Ignored {
		if i == maxIgnoredLines {
			fmt.Fprintf(b, "  %d more, see --json\n", len(r.Ignored)-i)
			return
		}
		fmt.Fprintf(b, "  %s - %s\n", x.Referrer, x.Reason)
	}
}

func (r Result) summary() string {
	what := r.Reference
	if what == "" {
		what = r.Digest.String()
	}
	switch r.Verdict {
	case VerdictVerified:
		if !r.Reproduced {
			return fmt.Sprintf("verified, NOT reproduced: %s is signed; that a second build gives the same is not proven%s", what, r.statelessness())
		}
		if len(r.Rebuilders) > 0 {
			return fmt.Sprintf("verified: %s was built again with one result by %s (%s; differing in %s)%s", what, strings.Join(r.Rebuilders, ", "), r.Independence, strings.Join(r.Axes, ", "), r.statelessness())
		}
		return fmt.Sprintf("verified: %s was built twice with one result (%s; differing in %s)%s", what, r.Independence, strings.Join(r.Axes, ", "), r.statelessness())
	case VerdictAllowed:
		return fmt.Sprintf("allowed: %s", what)
	case VerdictNotReproduced:
		return fmt.Sprintf("not reproduced: %s is signed, but a second build with the same result is not proven", what)
	case VerdictRefused:
		return fmt.Sprintf("refused: %s is signed, but not by what was asked for", what)
	case VerdictDenied:
		return fmt.Sprintf("denied: %s is not to be used", what)
	case VerdictMissing:
		return fmt.Sprintf("evidence missing: %s", what)
	case VerdictUndecided:
		return fmt.Sprintf("could not decide: %s", what)
	default:
		return fmt.Sprintf("evidence invalid: %s", what)
	}
}
