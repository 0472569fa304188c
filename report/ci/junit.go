package ci

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/selfsame-build/selfsame/report"
)

// maxListed is how many findings a failing test lists.
const maxListed = 50

// JUnit is r as JUnit XML: a suite for each platform, a test for the manifest and config and for each layer. A layer passes where it is
// the same in A and B; one that differs fails, with the findings as its text.
func JUnit(r report.Result) ([]byte, error) {
	doc := junitSuites{Name: "selfsame"}
	for _, c := range r.Compared {
		s := suite(r, c)
		doc.Suites = append(doc.Suites, s)
		doc.Tests += s.Tests
		doc.Failures += s.Failures
	}
	if !r.Reproducible && doc.Failures == 0 { // what failed no test has not passed: a side has no such platform, or nothing was compared
		k := junitCase{Name: "every image compared", Class: className(r), Failure: &junitFailure{Message: notCompared, Type: "difference"}}
		doc.Suites = append(doc.Suites, junitSuite{Name: suiteName(r, ""), Tests: 1, Failures: 1, Cases: []junitCase{k}})
		doc.Tests, doc.Failures = doc.Tests+1, 1
	}
	return encode(doc)
}

func encode(doc junitSuites) ([]byte, error) {
	var buf bytes.Buffer
	buf.WriteString(xml.Header)
	enc := xml.NewEncoder(&buf)
	enc.Indent("", "  ")
	if err := enc.Encode(doc); err != nil {
		return nil, fmt.Errorf("encoding JUnit: %w", err)
	}
	buf.WriteByte('\n')
	return buf.Bytes(), nil
}

func suite(r report.Result, c report.Compared) junitSuite {
	s := junitSuite{Name: suiteName(r, c.Platform)}
	cases := []junitCase{imageCase(r, c)}
	named := map[int]report.Layer{}
	for _, l := range c.Differing {
		named[l.Layer] = l
	}
	for n := 1; n <= min(max(c.LayersA, c.LayersB), maxLayers); n++ {
		l, differs := named[n]
		if !differs {
			cases = append(cases, junitCase{Name: layerName(n), Class: className(r)})
			continue
		}
		k := junitCase{Name: bounded(fmt.Sprintf("layer %d: %s", n, l.Step)), Class: className(r), File: bounded(l.File), Line: l.Line}
		k.Failure = failure(pick(r, c.Platform, n), fmt.Sprintf("layer %d differs", n))
		cases = append(cases, k)
	}
	s.Cases, s.Tests = cases, len(cases)
	s.Failures = len(slices.DeleteFunc(slices.Clone(cases), func(k junitCase) bool { return k.Failure == nil }))
	return s
}

// maxLayers bounds what an image's own count of its layers can cost.
const maxLayers = 1000

// imageCase is about all that is not a layer. It passes only where the manifests are equal or a layer is to blame.
func imageCase(r report.Result, c report.Compared) junitCase {
	k := junitCase{Name: "manifest and config", Class: className(r)}
	list := pick(r, c.Platform, 0)
	if len(list) > 0 || c.Level != "manifest" && len(c.Differing) == 0 {
		k.Failure = failure(list, "manifest or config differs")
	}
	return k
}

func failure(list []report.Finding, what string) *junitFailure {
	out := &junitFailure{Message: what, Type: "difference"}
	var b strings.Builder
	for i, f := range list {
		if i == maxListed {
			fmt.Fprintf(&b, "%d more\n", len(list)-i)
			break
		}
		b.WriteString(lines(f))
	}
	if len(list) > 0 {
		out.Message, out.Type = bounded(what+": "+list[0].Path+": "+list[0].Summary), ruleID(list[0])
	}
	out.Text = b.String()
	return out
}

func lines(f report.Finding) string {
	out := bounded(message(f)) + "\n"
	if f.Class != "" {
		out += bounded(fmt.Sprintf("  cause: %s %s (%s)", f.Class, f.Cause, f.Certainty)) + "\n"
	}
	for i, v := range f.Values {
		if i == 4 {
			break
		}
		out += fmt.Sprintf("  %s: A %s, B %s\n", bounded(v.Name), side(v.A), side(v.B))
	}
	return out
}

func side(v *string) string {
	if v == nil {
		return "absent"
	}
	return strconv.Quote(bounded(*v))
}

func pick(r report.Result, platform string, layer int) []report.Finding {
	var out []report.Finding
	for _, f := range r.Findings {
		if f.Severity != "warning" && f.Platform == platform && f.Layer == layer {
			out = append(out, f)
		}
	}
	return out
}

func suiteName(r report.Result, platform string) string {
	return bounded(strings.TrimSpace(firstText(r.Name, "images") + " " + platform))
}

func className(r report.Result) string { return "selfsame." + bounded(firstText(r.Name, "images")) }

type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name    string        `xml:"name,attr"`
		Class   string        `xml:"classname,attr"`
		File    string        `xml:"file,attr,omitempty"`
		Line    int           `xml:"line,attr,omitempty"`
		Failure *junitFailure `xml:"failure"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
)
