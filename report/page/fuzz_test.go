package page_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/selfsame-build/selfsame/report"
	"github.com/selfsame-build/selfsame/report/reporttest"
)

func decode(t testing.TB, raw []byte) report.Result {
	t.Helper()
	var r report.Result
	if err := json.Unmarshal(raw, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// elements and attributes are all that the page is made of.
var (
	elements = strings.Fields(`html head meta title style body svg defs pattern rect path line text g a header div p h1 h2 h3 h4 ul ol li main section form label input
		button span b i br code pre mark dl dt dd details summary figure figcaption table thead tbody tr th td article footer script`)
	attributes = strings.Fields(`lang charset http-equiv content name class width height aria-hidden focusable id patternunits patterntransform href viewbox role aria-label
		x y x1 x2 y1 y2 rx d aria-labelledby for type placeholder autocomplete spellcheck aria-live data-filter data-find data-show aria-pressed open hidden tabindex scope`)
)

// harmless parses a page as browsers do and looks for anything that its templates do not hold.
func harmless(t *testing.T, page string) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for n := range doc.Descendants() {
		if n.Type == html.CommentNode {
			t.Errorf("a comment: %.80q", n.Data)
		}
		if n.Type != html.ElementNode {
			continue
		}
		counts[n.Data]++
		if !slices.Contains(elements, n.Data) {
			t.Errorf("an element <%.80s>", n.Data)
		}
		for _, a := range n.Attr {
			if !slices.Contains(attributes, strings.ToLower(a.Key)) {
				t.Errorf("an attribute %.80s=%.80q of <%s>", a.Key, a.Val, n.Data)
			}
			if a.Key == "href" && !strings.HasPrefix(a.Val, "#") {
				t.Errorf("a link to %.80q", a.Val)
			}
		}
	}
	for _, one := range []string{"script", "style", "main", "h1", "form"} {
		if counts[one] > 1 {
			t.Errorf("%d elements <%s>", counts[one], one)
		}
	}
	if counts["script"] != 1 || counts["h1"] != 1 || counts["meta"] != 5 {
		t.Errorf("%v", counts)
	}
	for _, r := range page {
		if r < 0x20 && r != '\n' || r == 0x7f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			t.Fatalf("%U is on the page", r)
		}
	}
}

func TestHostile(t *testing.T) {
	for _, r := range []report.Result{reporttest.Rich(), reporttest.Same(), {}, reporttest.Hostile(100)} {
		harmless(t, draw(t, r))
	}
}

func FuzzHTML(f *testing.F) {
	for i, a := range reporttest.Attacks {
		f.Add(a, reporttest.Attacks[(i+1)%len(reporttest.Attacks)], []byte(a), []byte(reporttest.Attacks[(i+2)%len(reporttest.Attacks)]), int64(i), 1.5)
	}
	f.Fuzz(func(t *testing.T, s, u string, p, q []byte, n int64, x float64) {
		line := int(n)
		r := report.Result{Name: s, Reference: u, Digest: s, Platforms: map[string]string{u: s}, Axes: []string{s}, Notes: []string{u}, Next: s,
			NotApplied: []report.NotApplied{{Name: s, Reason: u}}, Files: report.Files{A: s, B: u}, Reproducible: n%2 == 0,
			Compared: []report.Compared{{Platform: u, Level: s, A: s, B: u, LayersA: line, LayersB: 3, Differing: []report.Layer{{Layer: 1, Step: s, File: u, Line: line, Added: line}}}},
			Findings: []report.Finding{{Class: s, Cause: u, Certainty: s, Severity: "error", Platform: u, Layer: 1, Path: s, Step: u, File: s, Line: line, Summary: u, Fix: s, Kind: u, Within: s, Evidence: u, Also: []string{s}, More: line,
				Values: []report.Values{{Name: s, A: &s, B: &u}}, Hunks: []report.Hunk{{OffsetA: n, OffsetB: -n, Before: p, A: q, B: p, After: q, LengthA: n, LengthB: n}}},
				{Severity: "warning", Path: u, Summary: s}},
			Timeline: []report.Span{{Twin: s, Step: u, File: s, Line: line, Start: x, Seconds: -x}, {Start: 1, Seconds: x}},
			Patches:  []report.Patch{{Class: s, File: u, Diff: s, Note: u}}, Experiment: &report.Experiment{Step: s, Verdict: u, Runs: []report.Trial{{Varied: []string{s}, Seconds: x}}}}
		harmless(t, draw(t, r))
	})
}
