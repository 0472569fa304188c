package policy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// TestRefusedExpressions: what loops, explodes in cost, or tries to fetch does not load.
func TestRefusedExpressions(t *testing.T) {
	for require, want := range map[string]string{
		`packages.all(p, packages.exists(q, q.name != p.name))`:                               "A0626 `require` may cost 150000 million, more than 1000",
		`packages.map(p, p.name).distinct().size() == packages.size()`:                        "A0626 `require` may cost 5250 million, more than 1000",
		`statements.all(s, statements.all(r, s.predicate.url.matches(r.predicate.pattern)))`:  "A0625 `require` is not valid: `matches` takes a pattern that is written here",
		`image.name.matches(image.digest)`:                                                    "A0625 `require` is not valid: `matches` takes a pattern that is written here",
		`image.name.matches("a" + image.digest)`:                                              "A0625 `require` is not valid: `matches` takes a pattern that is written here",
		`matches(image.name, image.digest)`:                                                   "A0625 `require` is not valid: `matches` takes a pattern that is written here",
		`now.getHours("Europe/Berlin") < 6 && image.index`:                                    "A0625 `require` is not valid: `getHours` takes no time zone by name",
		`now.getFullYear(image.name) > 2000`:                                                  "A0625 `require` is not valid: `getFullYear` takes no time zone by name",
		`signatures.exists(s, s.time.getDayOfWeek("../../x") == 1)`:                           "A0625 `require` is not valid: `getDayOfWeek` takes no time zone by name",
		`[packages, packages].map(p, [p, p, p]).map(p, [p, p, p]).all(x, x == x)`:             "A0625 `require` is not valid: `list(list(list(policy.Package)))` and `list(list(list(policy.Package)))` cannot be compared as a whole",
		`statements.exists(s, s.predicate in statements.map(r, r.predicate))`:                 "A0625 `require` is not valid: it cannot be known what looking for a value whose type nobody knows in a list costs",
		`statements.map(s, s.predicate).distinct().size() == 1`:                               "A0625 `require` is not valid: `distinct` takes lists of texts or numbers",
		`[[[1]]].flatten(3).size() > 0 && image.index`:                                        "A0625 `require` is not valid: `flatten` takes a list of lists",
		`lists.range(1000).all(a, lists.range(1000).all(b, a + b < 3001))`:                    "A0625 `require` is not valid: `lists.range` is not available in policies",
		`image.name.replace("a", "aaaaaaaaaa").replace("a", "aaaaaaaaaa") != ""`:              "A0625 `require` is not valid: `replace` is not available in policies",
		`dyn(packages) == dyn(packages)`:                                                      "A0625 `require` is not valid: `dyn` is not available in policies",
		`policy.Image{name: "x"}.name == image.name`:                                          "A0625 `require` is not valid: expressions cannot make evidence",
		`[1].all(a, [1].all(b, [1].all(c, [1].all(d, [1].all(e, [1].all(f, image.index))))))`: "A0625 `require` is not valid: comprehension exceeds nesting limit",
		`image.name.matches("(a{1000}){1000}")`:                                               "A0625 `require` is not valid: invalid matches argument",
		`http.get("https://example.com/allow").body == "yes"`:                                 "A0625 `require` is not valid: there is nothing called `http`",
		`get("https://example.com/")`:                                                         "A0625 `require` is not valid: there is nothing called `get`",
		`env("HOME") == "" || file("/etc/passwd") == ""`:                                      "A0625 `require` is not valid: there is nothing called `env`",
		`(` + strings.Repeat("(", 100) + `true` + strings.Repeat(")", 100) + `)`:              "A0625 `require` is not valid: expression recursion limit exceeded: 64",
		`image.index || ` + strings.Repeat("true || ", 2000) + `true`:                         "A0625 `require` is not valid: expression code point size exceeds limit: size: 16020, limit 8192",
		`rebuilds.exists(r, now - r.time < duration("10 days"))`:                              "A0625 `require` is not valid: invalid duration argument",
	} {
		_, err := Parse("p.yaml", []byte(oneRule(require)))
		list := diag.All(err)
		if len(list) == 0 {
			t.Errorf("%.80s loads; want %s", require, want)
			continue
		}
		if got := string(list[0].Code) + " " + list[0].Summary; got != want {
			t.Errorf("%.80s\ngot  %s\nwant %s", require, got, want)
		}
	}
}

// TestRefusedFiles: the frame is as strict as a recipe's.
func TestRefusedFiles(t *testing.T) {
	good := oneRule("image.index")
	waiver := func(s string) string { return good + "waivers:\n  - {" + s + "}\n" }
	for text, want := range map[string]string{
		"":                                      "A0623 the policy is empty",
		head:                                    "A0622 the policy has no `rules`",
		head + "rules: []\n":                    "A0623 `rules` is empty",
		strings.Replace(good, "v1", "v2", 1):    "A0624 `v2` is not a version of this file",
		strings.Replace(good, ": 3", ": 0", 1):  "A0624 `version` begins at 1",
		strings.Replace(good, ": 3", ": -1", 1): "A0623 `version` must be a whole number, not a number",
		strings.Replace(good, "match", "mach", 1):                                                         "A0622 unknown key `mach` in `rules[0]`",
		strings.Replace(good, "    fix: make it so\n", "", 1):                                             "A0622 `rules[0]` has no `fix`",
		strings.Replace(good, `["**"]`, `[]`, 1):                                                          "A0623 `match` is empty",
		strings.Replace(good, `["**"]`, `[shop]`, 1):                                                      "A0624 `shop` is not a pattern of image names",
		strings.Replace(good, `["**"]`, `["a/b**"]`, 1):                                                   "A0624 `a/b**` is not a pattern of image names",
		strings.Replace(good, `["**"]`, `["a/b:latest"]`, 1):                                              "A0624 `a/b:latest` is not a pattern of image names",
		strings.Replace(good, "not so", "\"two\\nlines\"", 1):                                             "A0624 `two\nlines` is not one line of text",
		good + "  - name: r\n    match: [\"**\"]\n    require: image.index\n    message: a\n    fix: b\n": "A0631 `r` is the name of two rules, first in line 5",
		good + "expires: tomorrow\n":                                                                      "A0624 this is not a time",
		good + "expires: 2026-02-30\n":                                                                    "A0624 this is not a time",
		good + "extra: 1\n":                                                                               "A0622 unknown key `extra`",
		good + "    effectiveOn: 2026-02-01\n    effectiveUntil: 2026-02-01\n":                            "A0627 `effectiveUntil` is not after `effectiveOn`",
		waiver("rule: s, images: [" + digestA + "], owner: us, reason: why, expires: 2027-01-01"):         "A0628 there is no rule `s`",
		waiver("rule: r, images: [" + digestA + "], owner: us, reason: why"):                              "A0622 `waivers[0]` has no `expires`",
		waiver("rule: r, images: [" + digestA + "], owner: us, expires: 2027-01-01"):                      "A0622 `waivers[0]` has no `reason`",
		waiver("rule: r, images: [" + digestA + "], reason: why, expires: 2027-01-01"):                    "A0622 `waivers[0]` has no `owner`",
		waiver("rule: r, owner: us, reason: why, expires: 2027-01-01"):                                    "A0622 `waivers[0]` has no `images`",
		waiver("rule: r, images: [\"*\"], owner: us, reason: why, expires: 2027-01-01"):                   "A0624 `*` is not a digest",
		waiver("rule: r, images: [], owner: us, reason: why, expires: 2027-01-01"):                        "A0623 `images` is empty",
		"policy: v1\nname: a\nversion: 1\nrules: &a [[*a, *a, *a]]\n":                                     "A0621 anchors and aliases are not allowed",
		"policy: v1\nname: " + strings.Repeat("[", 100) + strings.Repeat("]", 100) + "\n":                 "A0621 the policy is too deep or has too many values",
		good + "---\npolicy: v1\n":                                                                        "A0621 a second document begins here",
	} {
		_, err := Parse("p.yaml", []byte(text))
		list := diag.All(err)
		if len(list) == 0 {
			t.Errorf("%s\nloads; want %s", text, want)
			continue
		}
		if got := string(list[0].Code) + " " + list[0].Summary; got != want {
			t.Errorf("%s\ngot  %s\nwant %s", text, got, want)
		}
	}
}

// TestAllErrorsAtOnce: one reading says everything that is wrong.
func TestAllErrorsAtOnce(t *testing.T) {
	text := strings.Replace(oneRule("image.nam"), "version: 3", "version: 0\nexpires: soon", 1) + "waivers: [{rule: x}]\n"
	_, err := Parse("p.yaml", []byte(text))
	if n := len(diag.All(err)); n != 8 { // version, expires, field, unknown rule, four missing keys
		t.Errorf("%d errors, want 8:\n%v", n, err)
	}
}

// needle is a text that is looked for fast and counted as dear.
var needle = strings.Repeat("y", 40)

// TestCostLimit: what got past the estimate because texts are longer than they ever are is stopped while it runs, in words.
func TestCostLimit(t *testing.T) {
	e := shop()
	e.Packages = make([]Package, 30_000)
	for i := range e.Packages {
		e.Packages[i].PURL = strings.Repeat("x", 4000)
	}
	began := time.Now()
	v := decide(t, oneRule(`packages.all(p, !p.purl.contains("`+needle+`")) || size(packages) == 0`), e)
	if v.Allow || v.ExitCode != 14 || v.Reasons[0] != "r: could not be evaluated: it costs too much for this evidence" {
		t.Errorf("%v after %v", v.Reasons, time.Since(began))
	}
	t.Logf("stopped after %v", time.Since(began))
}

// TestBudget: all rules of a verdict share one budget; those that do not come to be asked deny.
func TestBudget(t *testing.T) {
	e := shop()
	e.Packages = make([]Package, 30_000)
	for i := range e.Packages {
		e.Packages[i].PURL = strings.Repeat("x", 700)
	}
	var text strings.Builder
	text.WriteString(head + "rules:\n")
	for i := range 8 {
		fmt.Fprintf(&text, "  - {name: r%d, match: [\"**\"], require: 'size(packages) == 0 || packages.all(p, !p.purl.contains(\"%s\"))', message: m, fix: f}\n", i, needle)
	}
	v := decide(t, text.String(), e)
	if last := v.Rules[7]; v.Allow || last.Status != StatusError || last.Reason != "was not asked: the rules before it cost too much for this evidence" {
		t.Errorf("%+v", v.Rules)
	}
	if first := v.Rules[0]; first.Status != StatusPass {
		t.Errorf("%+v", first)
	}
}

// TestNobodyWaits: a verdict ends with its caller's patience, and says that it was that.
func TestNobodyWaits(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errors.New("verdict pending, try again"))
	v := mustParse(t, oneRule("packages.exists(p, p.name == \"bash\")")).Decide(ctx, shop(), start)
	if v.Allow || v.ExitCode != 17 || v.Reasons[0] != "r: could not be evaluated: there was no time left: verdict pending, try again" {
		t.Errorf("%d %v", v.ExitCode, v.Reasons)
	}
}

// TestInterrupted: a rule that is being evaluated stops when nobody waits any more, and not only when it is done.
func TestInterrupted(t *testing.T) {
	e := shop()
	e.Packages = make([]Package, 200_000)
	r := mustParse(t, oneRule(`packages.every(p, p.name == "" && p.version == "" && p.license == "")`)).rules[0]
	_, whole, err := r.ask(context.Background(), newActivation(e, start))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(context.Background(), time.Millisecond)
	defer stop()
	if _, spent, err := r.ask(ctx, newActivation(e, start)); !errors.Is(err, errInterrupted) || spent > whole/2 {
		t.Errorf("%v after %d of %d", err, spent, whole)
	}
}

// TestErrorsDeny: what cannot be evaluated is denied, and no other error lets it through.
func TestErrorsDeny(t *testing.T) {
	for require, want := range map[string]string{
		`statements[7].signer == "qa"`:                                "r: could not be evaluated: index out of bounds: 7",
		`statements.exists(s, s.predicate.missing == 1)`:              "r: could not be evaluated: no such key: missing",
		`!statements.exists(s, s.predicate.missing == 1)`:             "r: could not be evaluated: no such key: missing",
		`statements.exists(s, s.predicate == "x" || s.predicate > 1)`: "r: could not be evaluated: no such overload: _>_",
		`size(statements) / size(bases) > 0`:                          "r: could not be evaluated: division by zero",
		`statements.exists(s, s.predicate.passed.matches("x"))`:       "r: could not be evaluated: no such overload",
	} {
		v := decide(t, oneRule(require), shop())
		if v.Allow || v.ExitCode != 14 || len(v.Reasons) != 1 || v.Reasons[0] != want {
			t.Errorf("%s\ngot  %v\nwant %s", require, v.Reasons, want)
		}
	}
}

// TestThousandRules is about a policy's size, which is bounded by its file's.
func TestThousandRules(t *testing.T) {
	var text strings.Builder
	text.WriteString(head + "rules:\n")
	for i := range 1000 {
		fmt.Fprintf(&text, "  - {name: r%d, match: [registry.example.com/team/*], require: 'summary.level >= %d', message: m, fix: f}\n", i, i%4)
	}
	v := decide(t, text.String(), shop())
	if len(v.Rules) != 1000 || v.Allow || len(v.Reasons) != 250 {
		t.Errorf("%d rules, %d reasons", len(v.Rules), len(v.Reasons))
	}
}
