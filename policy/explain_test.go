package policy

import (
	"context"
	"strings"
	"testing"
)

func explained(t *testing.T, require string, e *Evidence) string {
	t.Helper()
	x := mustParse(t, oneRule(require)).Explain(context.Background(), e, start)
	var b strings.Builder
	for _, p := range x.Rules[0].Why {
		b.WriteString(strings.Repeat("  ", p.Depth) + p.line() + "\n")
	}
	return b.String()
}

func TestExplain(t *testing.T) {
	for require, want := range map[string]string{
		`summary.reproduced && size(summary.rebuilders) >= 2`: `
size(summary.rebuilders) >= 2  is false
  size(summary.rebuilders)  is 1
    summary.rebuilders  is 1 entry: "qa"
`,
		`signatures.exists(s, s.signer == "other" && "release" in s.roles)`: `
signatures.exists(s, s.signer == "other" && "release" in s.roles)  is false
  s = release: https://slsa.dev/provenance/v1 (1 of 1)
    s.signer == "other"  is false
      s.signer  is "release"
`,
		`bases.every(b, b.name == "x")`: `
bases.every(b, b.name == "x")  is false
  bases  is empty
`,
		`provenance.every(p, p.level >= 3 || p.inputs.every(i, i.name.glob("registry.example.com/**")))`: `
provenance.every(p, p.level >= 3 || p.inputs.every(i, i.name.glob("registry.example.com/**")))  is false
  p = https://selfsame.build/builder/local/v1, signed by release (1 of 1)
    p.level >= 3 || p.inputs.every(i, i.name.glob("registry.example.com/**"))  is false
      p.level >= 3  is false
        p.level  is 2
      p.inputs.every(i, i.name.glob("registry.example.com/**"))  is false
        i = docker.io/library/debian (1 of 1)
          i.name.glob("registry.example.com/**")  is false
            i.name  is "docker.io/library/debian"
`,
		`!packages.exists(p, p.license.startsWith("GPL"))`: `
!(packages.exists(p, p.license.startsWith("GPL")))  is false
  packages.exists(p, p.license.startsWith("GPL"))  is true
    p = bash 5.2 (1 of 1)
      p.license.startsWith("GPL")  is true
        p.license  is "GPL-3.0-or-later"
`,
		`image.index ? summary.level > 2 : true`: `
image.index  is true
summary.level > 2  is false
  summary.level  is 2
`,
		`statements.exists(s, s.predicate.missing == 1)`: `
statements.exists(s, s.predicate.missing == 1)  is error: no such key: missing
  s = https://example.com/test/v1 by qa (1 of 1)
    s.predicate.missing == 1  is error: no such key: missing
      s.predicate.missing  is error: no such key: missing
`,
		`rebuilds.filter(r, !r.original).map(r, r.owner).distinct().size() >= 2`: `
rebuilds.filter(r, !r.original).map(r, r.owner).distinct().size() >= 2  is false
  rebuilds.filter(r, !r.original).map(r, r.owner).distinct().size()  is 1
    rebuilds.filter(r, !r.original).map(r, r.owner).distinct()  is 1 entry: "qa"
`,
		`signatures.exists(s, now - s.time < duration("30m"))`: `
signatures.exists(s, now - s.time < duration("30m"))  is false
  s = release: https://slsa.dev/provenance/v1 (1 of 1)
    now - s.time < duration("30m")  is false
      now - s.time  is 1h0m0s
      duration("30m")  is 30m0s
`,
		`statements.exists(s, s.predicate.score in [1.5, 2.0])`: `
statements.exists(s, s.predicate.score in [1.5, 2.0])  is false
  s = https://example.com/test/v1 by qa (1 of 1)
    s.predicate.score in [1.5, 2.0]  is false
      s.predicate.score  is 7.5
`,
	} {
		if got := explained(t, require, shop()); got != strings.TrimPrefix(want, "\n") {
			t.Errorf("%s\ngot\n%swant%s", require, got, want)
		}
	}
}

// TestExplainIsBounded: of many entries a few are shown.
func TestExplainIsBounded(t *testing.T) {
	e := fifty()
	got := explained(t, `packages.every(p, p.license == "x") || signatures.exists(s, s.signer == "nobody")`, e)
	if n := strings.Count(got, "\n"); n > maxParts || !strings.Contains(got, "p = package-2 1.0 (3 of 500)") || strings.Contains(got, "package-3 ") {
		t.Errorf("%d lines\n%s", n, got)
	}
}
