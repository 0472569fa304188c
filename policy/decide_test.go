package policy

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/selfsame-build/selfsame/internal/diag"
)

func at(s string) time.Time {
	t, ok := parseMoment(s)
	if !ok {
		panic(s)
	}
	return t
}

const windows = head + `expires: 2027-06-01
rules:
  - {name: always, match: ["**"], require: image.index, message: no index, fix: push an index}
  - {name: soon, match: ["**"], effectiveOn: 2026-12-01, effectiveUntil: 2027-02-01, require: summary.level >= 3, message: level, fix: build better}
  - {name: other, match: [registry.example.com/other/*], effectiveOn: 2026-11-29, require: now > timestamp("2020-01-01T00:00:00Z"), message: m, fix: f}
waivers:
  - {rule: soon, images: [` + digestA + `], owner: security team, reason: level 3 comes with the new builder, expires: 2027-01-01}
  - {rule: always, images: [` + digestB + `], owner: security team, reason: old, expires: 2027-01-01}
`

// TestTime: which rules and waivers count when, and how long a verdict holds.
func TestTime(t *testing.T) {
	p := mustParse(t, windows)
	for _, c := range []struct {
		at, until string
		statuses  string
		reason    string
	}{
		{"2026-11-28", "2026-12-01", "pass not-in-force", ""},
		{"2026-12-01", "2027-01-01", "pass waived", ""},
		{"2026-12-31T23:59:59Z", "2027-01-01", "pass waived", ""},
		{"2027-01-01", "2027-02-01", "pass fail", "soon: level (its waiver expired on 2027-01-01)"},
		{"2027-02-01", "2027-06-01", "pass not-in-force", ""},
		{"2027-05-31T23:59:59Z", "2027-06-01", "pass not-in-force", ""},
		{"2027-06-01", "", "not-in-force not-in-force", "the policy prod expired on 2027-06-01: it denies everything"},
	} {
		v := p.Decide(context.Background(), shop(), at(c.at))
		var statuses []string
		for _, o := range v.Rules {
			statuses = append(statuses, string(o.Status))
		}
		if got := strings.Join(statuses, " "); got != c.statuses {
			t.Errorf("%s: %s, want %s", c.at, got, c.statuses)
		}
		if got := strings.Join(v.Reasons, "; "); got != c.reason || v.Allow != (c.reason == "") {
			t.Errorf("%s: %v %q, want %q", c.at, v.Allow, got, c.reason)
		}
		if got := v.NotAfter; c.until == "" && !got.IsZero() || c.until != "" && !got.Equal(at(c.until)) {
			t.Errorf("%s: holds until %s, want %s", c.at, got, c.until)
		}
	}
	waived := p.Decide(context.Background(), shop(), at("2026-12-01")).Rules[1]
	if want := "waived until 2027-01-01 by security team: level 3 comes with the new builder"; waived.Reason != want {
		t.Errorf("%q, want %q", waived.Reason, want)
	}
}

// TestNoRuleInForce: an image of which every rule is over, or not yet in force, is denied as one that no rule is about (issue 6: zero matching
// rules denies).
func TestNoRuleInForce(t *testing.T) {
	p := mustParse(t, head+"rules:\n  - {name: later, match: [\"**\"], effectiveOn: 2026-12-01, effectiveUntil: 2027-02-01, require: \"true\", message: m, fix: f}\n")
	for when, allow := range map[string]bool{"2026-11-30T23:59:59Z": false, "2026-12-01": true, "2027-01-31T23:59:59Z": true, "2027-02-01": false} {
		v := p.Decide(context.Background(), shop(), at(when))
		if v.Allow != allow || !allow && (v.ExitCode != 14 || !strings.HasPrefix(v.Reasons[0], "no rule of the policy prod is about ")) {
			t.Errorf("%s: allow %t, exit %d, %q", when, v.Allow, v.ExitCode, v.Reasons)
		}
	}
}

// TestNow: a rule that looks at the time is asked again each minute, and only where it is about the image and in force.
func TestNow(t *testing.T) {
	p := mustParse(t, windows)
	other := shop()
	other.Image.Name = "registry.example.com/other/shop"
	if v := p.Decide(context.Background(), other, at("2026-11-28")); !v.NotAfter.Equal(at("2026-11-29")) {
		t.Errorf("not in force yet: %v", v.NotAfter)
	}
	if v := p.Decide(context.Background(), other, at("2026-11-29")); !v.NotAfter.Equal(at("2026-11-29T00:01:00Z")) {
		t.Errorf("in force: %v", v.NotAfter)
	}
}

// TestWaiverForAnother does nothing, and says so.
func TestWaiverForAnother(t *testing.T) {
	e := shop()
	e.Image.Index = false
	v := decide(t, windows, e)
	if want := "always: no index (it has a waiver for another digest)"; v.Allow || v.Reasons[0] != want {
		t.Errorf("%v, want %q", v.Reasons, want)
	}
	e.Image.Digest = digestB
	if v := decide(t, windows, e); !v.Allow || v.Rules[0].Status != StatusWaived {
		t.Errorf("%+v", v)
	}
	// A platform of an index is not the index.
	e.Image.Digest, e.Image.Platforms = digestA, []Platform{{"linux/amd64", digestB}}
	if v := decide(t, windows, e); v.Allow {
		t.Errorf("a waiver for a platform excused the index: %+v", v)
	}
}

func TestDenied(t *testing.T) {
	allow := oneRule("image.index")
	for name, c := range map[string]struct {
		edit   func(*Evidence)
		now    time.Time
		reason string
		exit   int
	}{
		"no rule is about it": {func(e *Evidence) { e.Image.Name = "docker.io/library/nginx" }, start, `no rule of the policy prod is about "docker.io/library/nginx" and in force`, 14},
		"blocked":             {func(e *Evidence) { e.Blocks = []Block{{"denied", "the digest is on the deny list", 14}} }, start, "the digest is on the deny list", 14},
		"undecided":           {func(e *Evidence) { e.Blocks = []Block{{"undecided", "the registry\ndoes not \x1b[31manswer", 17}} }, start, "the registry does not  [31manswer", 17},
		"block without exit":  {func(e *Evidence) { e.Blocks = []Block{{"refused", "no", 0}} }, start, "no", 17},
		"evidence is over":    {func(e *Evidence) { e.NotAfter = start }, start, "the evidence held until 2026-11-28T12:00:00Z and has to be gathered anew", 17},
		"no time":             {func(*Evidence) {}, time.Time{}, "nobody said what time it is", 17},
	} {
		text := strings.Replace(allow, `"**"`, "registry.example.com/**", 1)
		e := shop()
		c.edit(e)
		v := mustParse(t, text).Decide(context.Background(), e, c.now)
		if v.Allow || len(v.Reasons) != 1 || v.Reasons[0] != c.reason || v.ExitCode != c.exit {
			t.Errorf("%s: %v %q %d", name, v.Allow, v.Reasons, v.ExitCode)
		}
	}
	if v := mustParse(t, allow).Decide(context.Background(), nil, start); v.Allow {
		t.Error("no evidence is allowed")
	}
}

// TestEvidenceEnds: a verdict holds no longer than what it rests on.
func TestEvidenceEnds(t *testing.T) {
	e := shop()
	e.NotAfter = start.Add(time.Hour)
	if v := decide(t, oneRule("image.index"), e); !v.Allow || !v.NotAfter.Equal(start.Add(time.Hour)) {
		t.Errorf("%v", v.NotAfter)
	}
	if v := decide(t, oneRule("image.index"), shop()); !v.NotAfter.IsZero() {
		t.Errorf("nothing ends, and it holds until %v", v.NotAfter)
	}
}

// TestWarnings are what a reader should look at.
func TestWarnings(t *testing.T) {
	for require, want := range map[string]string{
		`provenance.all(p, p.level >= 2)`:                                                                       "A0630 this is true when `provenance` is empty",
		`!packages.exists(p, p.license == "")`:                                                                  "A0630 this is true when `packages` is empty",
		`provenance.every(p, p.inputs.all(i, i.digest != ""))`:                                                  "A0630 this is true when `p.inputs` is empty",
		`size(packages) == 0 || packages.all(p, p.license != "")`:                                               "",
		`packages.size() > 1 && packages.all(p, p.license != "")`:                                               "",
		`["a", "b"].all(x, x != image.name)`:                                                                    "",
		`provenance.every(p, p.level >= 2)`:                                                                     "",
		`signatures.exists(s, s.signer == "evil") == false`:                                                     "A0630 the rule `r` is true of an image of which nothing is known",
		`signatures.filter(s, s.signer == "evil").size() == 0`:                                                  "A0630 the rule `r` is true of an image of which nothing is known",
		`sets.contains(["us"], signatures.map(s, s.signer))`:                                                    "A0630 the rule `r` is true of an image of which nothing is known",
		`signatures.map(s, s.signer).hasOnly(["us"])`:                                                           "A0630 the rule `r` is true of an image of which nothing is known",
		`size(packages) >= 0 && packages.all(p, p.license != "")`:                                               "A0630 the rule `r` is true of an image of which nothing is known",
		`summary.verdict != "denied"`:                                                                           "A0630 the rule `r` is true of an image of which nothing is known",
		`signatures.exists(s, s.signer == "us" && s.subject == image.digest && s.time > now - duration("24h"))`: "",
		`signatures.exists(s, s.signer == "us")`:                                                                "A0634 this is true when what `signatures` has is about one platform of several",
		`image.index && provenance.exists(p, p.level >= 2)`:                                                     "A0634 this is true when what `provenance` has is about one platform of several",
		`image.platforms.every(m, rebuilds.exists(r, r.subject == m.digest))`:                                   "",
		`summary.reproduced && signatures.exists(s, s.signer == "us")`:                                          "",
		`packages.exists(p, p.name == "bash")`:                                                                  "",
		`1 < 2`:                                                                                                 "A0632 the rule `r` looks at no evidence",
	} {
		got := ""
		for _, w := range mustParse(t, oneRule(require)).Warnings() {
			got += string(w.Code) + " " + w.Summary
		}
		if got != want {
			t.Errorf("%s: %q, want %q", require, got, want)
		}
	}
	p := mustParse(t, windows)
	if got := p.Check(at("2026-12-01")); len(got) != 0 {
		t.Error(got)
	}
	got := p.Check(at("2027-06-01"))
	var codes []diag.Code
	for _, d := range got {
		codes = append(codes, d.Code)
	}
	if d := cmp.Diff([]diag.Code{"A0633", "A0629", "A0629"}, codes); d != "" || got.Err() == nil {
		t.Error(d)
	}
}

// TestConcurrent: one policy, many goroutines, the same verdict. (The race detector looks on in `make check`.)
func TestConcurrent(t *testing.T) {
	p, e := mustParse(t, tenRules), fifty()
	want, err := json.Marshal(p.Decide(context.Background(), e, start))
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for range 5 {
				if got, _ := json.Marshal(p.Decide(context.Background(), e, start)); string(got) != string(want) {
					t.Errorf("%s", got)
				}
			}
		})
	}
	wait.Wait()
}

// TestNoGrowth: rules that are not about an image cost no memory. Under the race detector sync.Pool forgets at random, and one count may be
// one more than another: what costs memory costs it each time.
func TestNoGrowth(t *testing.T) {
	few, e := mustParse(t, tenRules), shop()
	var more strings.Builder
	more.WriteString(tenRules)
	for i := range 200 {
		fmt.Fprintf(&more, "  - {name: other-%d, match: [registry.example.org/team/**, \"**/x-*\"], require: summary.reproduced, message: a, fix: b}\n", i)
	}
	many := mustParse(t, more.String())
	count := func(p *Policy) float64 {
		return testing.AllocsPerRun(20, func() { p.Decide(context.Background(), e, start) })
	}
	var a, b float64
	for range 20 {
		if a, b = count(few), count(many); b <= a {
			return
		}
	}
	t.Errorf("%v allocations, %v with 200 rules more", a, b)
}

func TestDiff(t *testing.T) {
	old := mustParse(t, strings.Replace(oneRule("summary.level >= 2"), "name: r", "name: level", 1))
	changed := mustParse(t, strings.Replace(oneRule("summary.level >= 3"), "name: r", "name: level", 1)+
		"  - {name: index, match: [\"**\"], require: image.index, message: no index, fix: push one}\n")
	low, high := shop(), shop()
	high.Summary.Level, high.Image.Digest = 3, digestB
	got, err := Diff(context.Background(), old, changed, []Evidence{*low, *high}, start)
	if err != nil {
		t.Fatal(err)
	}
	want := `allow -> deny  registry.example.com/team/shop@` + digestA + `
    level: pass -> fail (not so)
    index: no such rule -> pass
allow -> allow  registry.example.com/team/shop@` + digestB + `
    index: no such rule -> pass
1 of 2 images change verdict
`
	if d := cmp.Diff(want, DiffText(got, 2)); d != "" {
		t.Error(d)
	}
	if same, err := Diff(context.Background(), old, old, []Evidence{*low, *high}, start); err != nil || len(same) != 0 {
		t.Errorf("%v %v", same, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Diff(ctx, old, changed, []Evidence{*low}, start); err == nil {
		t.Error("a difference that was interrupted is returned")
	}
}

// countdown is a context that ends when it has been asked n times.
type countdown struct {
	context.Context
	n *int
}

func (c countdown) Err() error {
	if *c.n--; *c.n < 0 {
		return context.Canceled
	}
	return nil
}

// TestDiffInterrupted: whenever it ends, no part of a difference is returned as the whole.
func TestDiffInterrupted(t *testing.T) {
	old, changed := mustParse(t, oneRule("summary.level >= 2")), mustParse(t, oneRule("summary.level >= 3"))
	for n := range 3 {
		if got, err := Diff(countdown{context.Background(), &n}, old, changed, []Evidence{*shop()}, start); err == nil {
			t.Errorf("asked %d times: %v", n, got)
		}
	}
}

func TestParseEvidence(t *testing.T) {
	data, err := json.Marshal(fifty())
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseEvidence(data)
	if d := cmp.Diff(*fifty(), got); err != nil || d != "" {
		t.Errorf("%v %s", err, d)
	}
	for _, text := range []string{`{"image": {"nam": "x"}}`, `{"image": {}, "image": {}}`, `{"Image": {}}`, `{} {}`, `[]`, `{"rebuilds": [{"time": "soon"}]}`} {
		if _, err := ParseEvidence([]byte(text)); err == nil {
			t.Errorf("%s is read", text)
		}
	}
}

func TestNumbers(t *testing.T) {
	for text, want := range map[string]any{"1": 1.0, "-0.50": -0.5, "1e3": 1000.0, "0": 0.0, "-0": 0.0, "9007199254740993": "9007199254740993", "9007199254740992": 9007199254740992.0,
		"0.1": 0.1, "1e999": "1e999", "0.1000000000000000055511151231257827": "0.1000000000000000055511151231257827", "12300": 12300.0} {
		if got := Numbers(json.Number(text)); got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}
