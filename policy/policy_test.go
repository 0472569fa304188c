package policy

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/selfsame-build/selfsame/internal/diag"
)

const (
	digestA = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	digestB = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
)

// start is the time of most tests.
var start = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

const head = "policy: v1\nname: prod\nversion: 3\n"

// oneRule is a policy of one rule about everything.
func oneRule(require string) string {
	return head + "rules:\n  - name: r\n    match: [\"**\"]\n    require: |\n      " + require + "\n    message: not so\n    fix: make it so\n"
}

func mustParse(t testing.TB, text string) *Policy {
	t.Helper()
	p, err := Parse("p.yaml", []byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return p
}

// shop is an image with a signature, a provenance and a rebuild.
func shop() *Evidence {
	return &Evidence{
		Image:      Image{Name: "registry.example.com/team/shop", Digest: digestA, Index: true, Platforms: []Platform{{"linux/amd64", digestB}}},
		Signatures: []Signature{{Signer: "release", Owner: "us", Roles: []string{"release"}, Type: "https://slsa.dev/provenance/v1", Subject: digestA, Time: start.Add(-time.Hour)}},
		Provenance: []Provenance{{Subject: digestA, Signer: "release", Builder: "https://selfsame.build/builder/local/v1", Level: 2, Parameters: map[string]any{"recipe": "shop"},
			Source: Input{URI: "git+https://example.com/shop"}, Inputs: []Input{{Name: "docker.io/library/debian", Digest: digestB}}}},
		Rebuilds:   []Rebuild{{Subject: digestA, Signer: "qa", Owner: "qa", Level: "manifest", Independence: "other-owner"}},
		Packages:   []Package{{Name: "bash", Version: "5.2", License: "GPL-3.0-or-later"}},
		Statements: []Statement{{Signer: "qa", Type: "https://example.com/test/v1", Predicate: map[string]any{"passed": true, "score": 7.5}}},
		Summary:    Summary{Verdict: "verified", Reproduced: true, Level: 2, Rebuilders: []string{"qa"}},
	}
}

func decide(t testing.TB, text string, e *Evidence) Verdict {
	t.Helper()
	return mustParse(t, text).Decide(context.Background(), e, start)
}

func TestExpressions(t *testing.T) {
	for require, want := range map[string]bool{
		`signatures.exists(s, s.signer == "release" && "release" in s.roles)`:                  true,
		`signatures.exists(s, s.signer == "other")`:                                            false,
		`provenance.every(p, p.level >= 2)`:                                                    true,
		`provenance.every(p, p.level >= 3)`:                                                    false,
		`bases.every(b, b.name == "x")`:                                                        false, // there is none
		`provenance.exists(p, p.parameters.recipe == "shop")`:                                  true,
		`provenance.exists(p, p.source.uri.glob("git+https://example.com/*"))`:                 true,
		`statements.exists(s, s.predicate.passed == true && s.predicate.score > 7)`:            true,
		`statements.exists(s, s.predicate.?missing.orValue(3) == 3)`:                           true,
		`image.platforms.all(p, p.name == "linux/amd64") && image.index`:                       true,
		`signatures.exists(s, now - s.time < duration("2h"))`:                                  true,
		`signatures.exists(s, now - s.time < duration("30m"))`:                                 false,
		`sets.contains(["a", "qa"], summary.rebuilders) && size(summary.rebuilders) >= 1`:      true,
		`packages.filter(p, p.license == "").size() == 0 && summary.verdict == "verified"`:     true,
		`rebuilds.filter(r, !r.original).map(r, r.owner).distinct().size() >= 2`:               false,
		`math.greatest(provenance.map(p, p.level)) == 2 && image.name.matches("^registry\\.")`: true,
	} {
		if got := decide(t, oneRule(require), shop()); got.Allow != want {
			t.Errorf("%s: %v, want %v", require, got.Rules, want)
		}
	}
}

func TestErrorsHavePlaces(t *testing.T) {
	for text, want := range map[string]string{
		oneRule(`singatures.exists(s, true)`):                 "p.yaml:8:7: `require` is not valid: there is nothing called `singatures` | did you mean `signatures`?",
		oneRule(`provenance.all(p, p.levl > 2)`):              "p.yaml:8:26: `require` is not valid: there is no field `levl` here | did you mean `level`?",
		oneRule("image.index &&\n        image.nam == \"a\""): "p.yaml:9:14: `require` is not valid: there is no field `nam` here | did you mean `name`?",
		oneRule(`image.name`):                                 "p.yaml:7:14: `require` is `string`, not true or false | compare it with something",
		oneRule(`statements[0].predicate.ok`):                 "p.yaml:7:14: `require` is a value whose type nobody knows, not true or false | write `== true` behind it",
		oneRule(`http.get("https://example.com/") == "yes"`):  "p.yaml:8:7: `require` is not valid: there is nothing called `http` | use one of image, signatures, provenance, rebuilds, packages, bases, statements, lists, summary, now",
		edit(`require: image.index &&& true`):                 "p.yaml:7:28: `require` is not valid: Syntax error: token recognition error at: '& ' | the language and the fields are in docs/reference/policy.md",
		edit(`require: "image.indx"`):                         "p.yaml:7:20: `require` is not valid: there is no field `indx` here | did you mean `index`?",
	} {
		_, err := Parse("p.yaml", []byte(text))
		list := diag.All(err)
		if len(list) == 0 {
			t.Errorf("no error; want %s", want)
			continue
		}
		if got := list[0].Error() + " | " + list[0].Help; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// edit is a policy whose rule has one line of its own for its expression.
func edit(line string) string {
	return head + "rules:\n  - name: r\n    match: [\"**\"]\n    " + line + "\n    message: not so\n    fix: make it so\n"
}

func TestVerdict(t *testing.T) {
	text := head + `expires: 2027-01-01
rules:
  - name: signed
    match: [registry.example.com/**]
    require: signatures.exists(s, s.signer == "release")
    message: nobody signed it
    fix: sign it
  - name: reproduced
    match: [registry.example.com/team/*]
    effectiveOn: 2026-12-01
    require: summary.reproduced
    message: it was not built twice
    fix: build it twice
  - name: others
    match: [registry.example.com/other/*]
    require: "false && image.index"
    message: never
    fix: none
`
	got := decide(t, text, shop())
	want := Verdict{Allow: true, Image: shop().Image, By: Edition{"prod", 3, got.By.SHA256}, NotAfter: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC),
		Rules: []Outcome{{Rule: "signed", Status: StatusPass}, {Rule: "reproduced", Status: StatusNotInForce, Reason: "in force from 2026-12-01"}}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	e := shop()
	e.Signatures = nil
	got = decide(t, text, e)
	if d := cmp.Diff([]string{"signed: nobody signed it"}, got.Reasons); d != "" || got.Allow || got.ExitCode != 14 {
		t.Errorf("%+v %s", got, d)
	}
}
