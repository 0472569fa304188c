package reporttest

import (
	"fmt"
	"math"
	"strings"

	"github.com/selfsame-build/selfsame/report"
)

// Attacks are texts that would do something if they were not escaped for where they stand. A page in which one of them runs has a
// global named "owned" afterwards.
var Attacks = []string{
	`<script>window.owned=1</script>`, `</script><script>window.owned=2</script>`, `<img src=x onerror=window.owned=3>`, `"><svg onload=window.owned=4>`,
	`' onmouseover='window.owned=5`, `</style><style>*{display:none}</style>`, `javascript:window.owned=6`, `{{.}}{{template "page" .}}`, "`${window.owned=7}`",
	`<!-- `, `--><script>window.owned=8</script>`, `]]>`, `&lt;script&gt;`, `<iframe srcdoc="<script>top.owned=9</script>">`, `<base href=https://evil.example/>`,
	`<meta http-equiv=refresh content=0;url=https://evil.example/>`, `<link rel=stylesheet href=https://evil.example/x.css>`, `</title><script>window.owned=10</script>`,
	"nul\x00", "\x1b[2J\x1b]0;t\x07", "\u202etxt.exe", "a\nb\r\nc", "\xff\xfe", "\ufffe\uffff", strings.Repeat("<b>", 3000), "../../../etc/passwd", "https://evil.example/x",
	"\u2028\u2029", "::error file=x::y", "=cmd|' /C calc'!A0", strings.Repeat("W", 5000), "\u0645\u0631\u062d\u0628\u0627",
}

// Hostile has an attack in every text. n is how many findings it has.
func Hostile(n int) report.Result {
	i := 0
	next := func() string { i++; return Attacks[i%len(Attacks)] }
	r := report.Result{Name: next(), Reference: next(), Digest: next(), Platforms: map[string]string{next(): next()}, Axes: []string{next(), next()},
		NotApplied: []report.NotApplied{{Name: next(), Reason: next()}}, Notes: []string{next()}, Next: next(), Files: report.Files{Report: next(), A: next(), B: next()}, Omitted: 1 << 40,
		Build:      &report.Build{Steps: 1 << 40, SecondsA: 1e300},
		Experiment: &report.Experiment{Step: next(), File: next(), Line: -1, Verdict: next(), Causes: []string{next()}, Runs: []report.Trial{{Varied: []string{next(), next()}, Seconds: -1}}},
	}
	c := report.Compared{Platform: next(), Level: next(), A: next(), B: next(), LayersA: 1 << 30, LayersB: 3}
	for l := range 300 {
		c.Differing = append(c.Differing, report.Layer{Layer: l + 1, Step: next(), File: next(), Line: l, Added: l})
	}
	r.Compared = []report.Compared{c}
	for k := range n {
		a, b := next(), next()
		f := report.Finding{Class: next(), Certainty: next(), Severity: []string{"error", "warning", next()}[min(k%7, 2)], Platform: c.Platform, Layer: k % 40, Path: next() + fmt.Sprint(k), Step: next(), File: next(), Line: k,
			Summary: next(), Fix: next(), Kind: next(), Within: strings.Join([]string{next(), next()}, " > "), Cause: next(), Evidence: next(), Also: []string{next()}, More: k,
			Values: []report.Values{{Name: next(), A: &a, B: &b}, {Name: next(), B: &b}},
			Hunks:  []report.Hunk{{OffsetA: math.MaxInt64, OffsetB: -5, Before: []byte(next()), A: []byte(next()), B: []byte(next()), After: []byte(next()), LengthA: -1, LengthB: math.MaxInt64}}}
		if k%5 == 0 {
			f.Path = strings.Repeat("d/", 4000) + f.Path
		}
		r.Findings = append(r.Findings, f)
	}
	for k := range 500 {
		r.Timeline = append(r.Timeline, report.Span{Twin: next(), Step: next(), File: next(), Line: k, Start: float64(k), Seconds: 1, Cached: k%2 == 0})
		r.Patches = append(r.Patches, report.Patch{Class: next(), File: next(), Line: k, Diff: "+" + next() + "\n-" + next() + strings.Repeat("\n x", 600), Note: next()})
	}
	return r
}
