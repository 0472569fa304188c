package cases

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/policy"
)

const text = `policy: v1
name: prod
version: 2
rules:
  - name: signed
    match: ["**"]
    require: signatures.exists(s, s.signer == "release")
    message: nobody of us signed it
    fix: sign it
  - name: scanned
    match: ["registry.example.com/team/*"]
    require: statements.exists(s, s.type == "https://example.com/scan/v1" && s.predicate.score >= 7 && now - s.time < duration("24h"))
    message: there is no good scan of the last day
    fix: scan it
`

const set = `cases: v1
at: 2026-11-28T12:00:00Z
evidence:
  image: {name: registry.example.com/team/shop, digest: "sha256:aa"}
  signatures: [{signer: release, roles: [release]}]
tests:
  - name: signed and scanned
    evidence:
      statements: [{type: "https://example.com/scan/v1", predicate: {score: 7.5, by: x, tags: [1, true, null]}, time: 2026-11-28}]
    want: allow
    rules: {signed: pass, scanned: pass}
  - name: an old scan
    at: 2026-11-30
    evidence:
      statements: [{type: "https://example.com/scan/v1", predicate: {score: 9}, time: 2026-11-28}]
    want: deny
    rules: {scanned: fail}
  - name: another image
    evidence:
      image: {name: docker.io/library/debian}
      signatures: []
    want: allow
    rules: {signed: fail, scanned: pass}
`

func run(t *testing.T) Results {
	t.Helper()
	p, err := policy.Parse("prod.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	s, err := Parse("dir/prod_test.yaml", []byte(set))
	if err != nil {
		t.Fatal(err)
	}
	if s.Policy != "dir/prod.yaml" || Beside("dir/prod.yaml") != "dir/prod_test.yaml" {
		t.Errorf("%s, %s", s.Policy, Beside("dir/prod.yaml"))
	}
	r, err := Run(context.Background(), p, s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRun(t *testing.T) {
	want := `ok    allow  signed and scanned
ok    deny   an old scan
FAIL  deny   another image
      dir/prod_test.yaml:18: denied, and ` + "`allow`" + ` is wanted: signed: nobody of us signed it
      dir/prod_test.yaml:18: rule scanned is out-of-scope, and pass is wanted
2 of 3 cases as wanted (policy prod version 2)
`
	if d := cmp.Diff(want, run(t).Text()); d != "" {
		t.Error(d)
	}
}

func TestFormats(t *testing.T) {
	r := run(t)
	got, err := JUnit([]Results{r, {Policy: policy.Edition{Name: "none"}}})
	if err != nil {
		t.Fatal(err)
	}
	const want = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="selfsame policy test" tests="4" failures="2">
  <testsuite name="policy prod" tests="3" failures="1">
    <testcase name="signed and scanned" classname="selfsame.policy.prod" file="dir/prod_test.yaml" line="7"></testcase>
    <testcase name="an old scan" classname="selfsame.policy.prod" file="dir/prod_test.yaml" line="12"></testcase>
    <testcase name="another image" classname="selfsame.policy.prod" file="dir/prod_test.yaml" line="18">
      <failure message="denied, and ` + "`allow`" + ` is wanted: signed: nobody of us signed it" type="verdict">denied, and ` + "`allow`" + ` is wanted: signed: nobody of us signed it&#xA;rule scanned is out-of-scope, and pass is wanted&#xA;</failure>
    </testcase>
  </testsuite>
  <testsuite name="policy none" tests="1" failures="1">
    <testcase name="there are tests" classname="policy none">
      <failure message="there are none" type="missing">there are none&#xA;</failure>
    </testcase>
  </testsuite>
</testsuites>
`
	if d := cmp.Diff(want, string(got)); d != "" {
		t.Error(d)
	}
	data, err := json.Marshal(r)
	if err != nil || !strings.Contains(string(data), `"failed":1,"untried":["`) && !strings.Contains(string(data), `"failed":1,"untried":null`) {
		t.Errorf("%v %s", err, data)
	}
}

// TestSharedStays: a case changes only what it names, and only for itself.
func TestSharedStays(t *testing.T) {
	s, err := Parse("p_test.yaml", []byte(set))
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Cases[2].Evidence.Image; got.Digest != "sha256:aa" || got.Name != "docker.io/library/debian" {
		t.Errorf("%+v", got)
	}
	if got := s.Cases[1].Evidence; got.Image.Name != "registry.example.com/team/shop" || len(got.Signatures) != 1 {
		t.Errorf("%+v", got)
	}
	want := map[string]any{"score": 7.5, "by": "x", "tags": []any{1.0, true, nil}}
	if d := cmp.Diff(want, s.Cases[0].Evidence.Statements[0].Predicate); d != "" {
		t.Error(d)
	}
}

func TestRefused(t *testing.T) {
	edit := func(old, new string) string { return strings.Replace(set, old, new, 1) }
	for text, want := range map[string]string{
		edit("signer:", "singer:"):                    "p_test.yaml:5:17: A0622 unknown key `singer` in `evidence.signatures[0]`: did you mean `signer`?",
		edit("at: 2026-11-28T12:00:00Z\n", ""):        "p_test.yaml:6:5: A0622 the case has no `at`: add `at: 2026-01-31`, here or once for all cases",
		edit("scanned: fail", "scanned: failed"):      "p_test.yaml:17:22: A0624 `failed` is not how a rule can end: write one of pass, fail, error, waived, not-in-force, out-of-scope",
		edit("want: deny", "want: refuse"):            "p_test.yaml:16:11: A0624 `refuse` is not a verdict: write one of allow, deny",
		edit("an old scan", "signed and scanned"):     "p_test.yaml:12:11: A0631 `signed and scanned` is the name of two cases: give one of the two another name",
		edit("roles: [release]", "roles: release"):    "p_test.yaml:5:41: A0623 `roles` must be a list, not text: write a list",
		edit("{score: 9}", "9.5"):                     "",
		edit("{score: 7.5,", "{score: 0x10,"):         "p_test.yaml:9:77: A0623 `0x10` is a number here, and text is meant: write \"0x10\"",
		edit("time: 2026-11-28}", "time: yesterday}"): "p_test.yaml:9:119: A0624 this is not a time: write 2026-01-31 or 2026-01-31T12:00:00Z",
		"cases: v1\ntests: []\n":                      "p_test.yaml:2:1: A0623 `tests` is empty: give it a value, or delete it",
	} {
		_, err := Parse("p_test.yaml", []byte(text))
		got := ""
		if list := diag.All(err); len(list) > 0 {
			got = list[0].At.String() + ": " + string(list[0].Code) + " " + list[0].Summary + ": " + list[0].Help
		}
		if got != want {
			t.Errorf("got  %s\nwant %s\n%s", got, want, text)
		}
	}
}

// TestUnknownRule: a case about a rule that there is not would pass for ever.
func TestUnknownRule(t *testing.T) {
	p, err := policy.Parse("prod.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	s, err := Parse("p_test.yaml", []byte(strings.Replace(set, "{scanned: fail}", "{scaned: fail}", 1)))
	if err != nil {
		t.Fatal(err)
	}
	_, err = Run(context.Background(), p, s)
	if list := diag.All(err); len(list) != 1 || list[0].Help != "did you mean `scanned`?" || list[0].At.Line != 17 {
		t.Errorf("%v", err)
	}
}

func TestLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a_test.yaml")
	if _, err := Load(path); diag.ExitCode(err) != diag.ExitUsage {
		t.Error(err)
	}
	if err := os.WriteFile(path, []byte(set), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := Load(path); err != nil || len(s.Cases) != 3 {
		t.Errorf("%d cases, %v", len(s.Cases), err)
	}
}
