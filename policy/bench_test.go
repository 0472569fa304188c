package policy

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
)

// fifty is an image with 50 signed statements: signatures, provenance, rebuilds and others, and 500 packages.
func fifty() *Evidence {
	e := shop()
	e.Signatures, e.Provenance, e.Rebuilds, e.Statements, e.Packages = nil, nil, nil, nil, nil
	for i := range 50 {
		e.Signatures = append(e.Signatures, Signature{Signer: fmt.Sprintf("signer-%d", i), Owner: fmt.Sprintf("owner-%d", i), Roles: []string{"release"}, Subject: digestA, Time: start})
	}
	for range 10 {
		e.Provenance = append(e.Provenance, Provenance{Signer: "release", Builder: "https://selfsame.build/builder/local/v1", Level: 2, Parameters: map[string]any{"recipe": "shop"},
			Source: Input{URI: "git+https://example.com/team/shop"}, Inputs: make([]Input, 100)})
	}
	for i := range 10 {
		e.Rebuilds = append(e.Rebuilds, Rebuild{Signer: fmt.Sprint(i), Owner: fmt.Sprintf("owner-%d", i), Level: "manifest", Independence: "other-owner", Time: start})
	}
	for i := range 30 {
		e.Statements = append(e.Statements, Statement{Signer: "scanner", Type: "https://example.com/scan/v1", Time: start,
			Predicate: map[string]any{"passed": true, "scanner": map[string]any{"name": "x"}, "score": float64(i)}})
	}
	for i := range 500 {
		e.Packages = append(e.Packages, Package{Name: fmt.Sprintf("package-%d", i), Version: "1.0", PURL: "pkg:deb/debian/x", License: "MIT"})
	}
	return e
}

// tenRules is a policy of ten rules that look at everything in fifty.
const tenRules = `policy: v1
name: bench
version: 1
rules:
  - {name: signed, match: ["**"], require: 'signatures.exists(s, s.signer == "signer-49" && "release" in s.roles)', message: a, fix: b}
  - {name: reproduced, match: ["**"], require: 'summary.reproduced && size(summary.rebuilders) >= 1', message: a, fix: b}
  - {name: others, match: ["**"], require: 'rebuilds.filter(r, !r.original && r.independence == "other-owner").map(r, r.owner).distinct().size() >= 3', message: a, fix: b}
  - {name: level, match: ["**"], require: 'provenance.every(p, p.level >= 2)', message: a, fix: b}
  - {name: source, match: ["**"], require: 'provenance.every(p, p.source.uri.glob("git+https://example.com/team/*"))', message: a, fix: b}
  - {name: licences, match: ["**"], require: 'packages.every(p, p.license != "" && p.license != "NOASSERTION")', message: a, fix: b}
  - {name: scanned, match: ["**"], require: 'statements.exists(s, s.type == "https://example.com/scan/v1" && s.predicate.passed == true && s.predicate.score > 20)', message: a, fix: b}
  - {name: fresh, match: ["**"], require: 'rebuilds.exists(r, now - r.time < duration("720h"))', message: a, fix: b}
  - {name: named, match: ["**"], require: 'image.name.startsWith("registry.example.com/")', message: a, fix: b}
  - {name: owners, match: ["**"], require: 'signatures.exists_one(s, s.owner == "owner-7")', message: a, fix: b}
`

func BenchmarkVerdict(b *testing.B) {
	p, e := mustParse(b, tenRules), fifty()
	if v := p.Decide(context.Background(), e, start); !v.Allow {
		b.Fatal(v.Reasons)
	}
	decides(b, p, e)
}

// decides reports the processor time, too, and the fastest one: what others do on the machine is in neither.
func decides(b *testing.B, p *Policy, e *Evidence) {
	b.ReportAllocs()
	used, fastest := processor(b), time.Hour
	for b.Loop() {
		began := time.Now()
		p.Decide(context.Background(), e, start)
		fastest = min(fastest, time.Since(began))
	}
	b.ReportMetric(float64(fastest), "fastest-ns")
	b.ReportMetric(float64(processor(b)-used)/float64(b.N), "cpu-ns/op")
}

func processor(b *testing.B) int64 {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return r.Utime.Nano() + r.Stime.Nano()
}

// BenchmarkOutOfScope has a thousand rules more, none of them about the image.
func BenchmarkOutOfScope(b *testing.B) {
	text := strings.Builder{}
	text.WriteString(tenRules)
	for i := range 1000 {
		fmt.Fprintf(&text, "  - {name: other-%d, match: [registry.example.org/team-%d/**, \"**/x-%d\"], require: summary.reproduced, message: a, fix: b}\n", i, i, i)
	}
	p, e := mustParse(b, text.String()), fifty()
	decides(b, p, e)
}

// BenchmarkRejudge is 10,000 images under a changed policy, with their evidence at hand.
func BenchmarkRejudge(b *testing.B) {
	p := mustParse(b, tenRules)
	images := make([]*Evidence, 10_000)
	for i := range images {
		images[i] = fifty()
	}
	for b.Loop() {
		for _, e := range images {
			p.Decide(context.Background(), e, start)
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		mustParse(b, tenRules)
	}
}

// BenchmarkCost measures what a unit of cost takes, for the kinds of work that rules do.
func BenchmarkCost(b *testing.B) {
	e := fifty()
	for range 40 {
		e.Packages = append(e.Packages, e.Packages[:500]...)
	}
	for name, require := range map[string]string{
		"walk": `packages.all(p, p.license != "" && p.license != "NOASSERTION")`, "matches": `packages.all(p, p.purl.matches("^pkg:deb/.*x$"))`,
		"glob": `packages.all(p, p.purl.glob("pkg:*/**/x"))`, "contains": `packages.all(p, p.purl.contains("x"))`, "map": `packages.map(p, p.name + p.version).size() > 0`,
		"nested": `packages.all(p, [1,2,3,4,5,6,7,8].exists(i, i > 7))`, "in": `packages.all(p, !(p.name in ["a","b","c","d","e","f","g"]))`,
	} {
		b.Run(name, func(b *testing.B) {
			p := mustParse(b, oneRule(require))
			var units uint64
			for b.Loop() {
				_, spent, err := p.rules[0].ask(context.Background(), newActivation(e, start))
				if err != nil {
					b.Fatal(err)
				}
				units += spent
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(units), "ns/unit")
			b.ReportMetric(float64(units)/float64(b.N), "units/op")
		})
	}
}
