package ci

import "strings"

// Suite is tests of anything that is not a comparison of images, for JUnit.
type Suite struct {
	Name  string
	Tests []Test
}

// Test is one of them.
type Test struct {
	Name, Class string
	File        string // where it is written; empty: nowhere
	Line        int
	Type        string   // of its failure
	Problems    []string // why it failed, a line each; none: it passed
}

// Suites is suites as JUnit XML. One without tests is not a pass: it has one test, which fails.
func Suites(name string, suites []Suite) ([]byte, error) {
	doc := junitSuites{Name: bounded(name)}
	for _, s := range suites {
		out := junitSuite{Name: bounded(s.Name)}
		if len(s.Tests) == 0 {
			s.Tests = []Test{{Name: "there are tests", Class: s.Name, Type: "missing", Problems: []string{"there are none"}}}
		}
		for _, t := range s.Tests {
			k := junitCase{Name: bounded(t.Name), Class: bounded(t.Class), File: bounded(t.File), Line: t.Line}
			if len(t.Problems) > 0 {
				out.Failures++
				k.Failure = &junitFailure{Message: bounded(t.Problems[0]), Type: t.Type, Text: boundedLines(t.Problems)}
			}
			out.Cases = append(out.Cases, k)
		}
		out.Tests = len(out.Cases)
		doc.Suites = append(doc.Suites, out)
		doc.Tests, doc.Failures = doc.Tests+out.Tests, doc.Failures+out.Failures
	}
	return encode(doc)
}

// boundedLines is at most maxListed lines.
func boundedLines(lines []string) string {
	var b strings.Builder
	for _, l := range lines[:min(len(lines), maxListed)] {
		b.WriteString(bounded(l) + "\n")
	}
	return b.String()
}
