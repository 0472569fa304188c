package cases

import (
	"fmt"
	"strings"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/report/ci"
)

// Text is results as a table for people: a line for each case, what was not as wanted below it, and a last line that counts.
func (r Results) Text() string {
	var b strings.Builder
	for _, c := range r.Cases {
		verdict := "deny"
		if c.Verdict.Allow {
			verdict = "allow"
		}
		fmt.Fprintf(&b, "%-4s  %-5s  %s\n", mark(c.Pass), verdict, diag.Printable(c.Name))
		for _, p := range c.Problems {
			fmt.Fprintf(&b, "      %s:%d: %s\n", r.File, c.Line, p)
		}
	}
	for _, u := range r.Untried {
		fmt.Fprintf(&b, "note  rule %s is not seen both to pass and to fail\n", u)
	}
	fmt.Fprintf(&b, "%d of %d cases as wanted (policy %s version %d)\n", len(r.Cases)-r.Failed, len(r.Cases), r.Policy.Name, r.Policy.Version)
	return b.String()
}

func mark(pass bool) string {
	if pass {
		return "ok"
	}
	return "FAIL"
}

// JUnit is the results of several files as JUnit XML: a suite for each file, a test for each case.
func JUnit(all []Results) ([]byte, error) {
	var suites []ci.Suite
	for _, r := range all {
		s := ci.Suite{Name: "policy " + r.Policy.Name}
		for _, c := range r.Cases {
			t := ci.Test{Name: c.Name, Class: "selfsame.policy." + r.Policy.Name, File: r.File, Line: c.Line, Type: "verdict", Problems: c.Problems}
			s.Tests = append(s.Tests, t)
		}
		suites = append(suites, s)
	}
	return ci.Suites("selfsame policy test", suites)
}
