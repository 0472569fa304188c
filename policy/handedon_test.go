package policy

import (
	"testing"
	"time"
)

// TestAccepting: a verdict that is handed on stands in for rules that say no for want of evidence, and for nothing else.
func TestAccepting(t *testing.T) {
	noon := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	const shop = "registry.example.com/team/shop"
	p, err := Parse("p.yaml", []byte("policy: v1\nname: prod\nversion: 3\nexpires: 2027-01-01\nrules:\n"+
		"  - name: twice\n    match: [\""+shop+"\"]\n    require: summary.reproduced\n    message: it was not built twice\n    fix: build it twice\n"+
		"  - name: from\n    match: [\""+shop+"\"]\n    require: provenance[0].builder == \"x\"\n    message: m\n    fix: f\n"+
		"  - name: named\n    match: [\""+shop+"\"]\n    require: image.name != \"\"\n    message: m\n    fix: f\n"))
	if err != nil {
		t.Fatal(err)
	}
	handed := func(change func(*HandedOn)) HandedOn {
		h := HandedOn{Signer: "central", Verifier: "https://v.example.com", Policy: p.Edition().SHA256, Verified: noon.Add(-time.Hour), NotAfter: noon.Add(time.Hour)}
		if change != nil {
			change(&h)
		}
		return h
	}
	for name, x := range map[string]struct {
		change func(*Evidence)
		now    time.Time
		allow  bool
	}{
		"nothing is known here": {func(*Evidence) {}, noon, true},
		"the last second":       {func(*Evidence) {}, noon.Add(time.Hour - time.Second), true},
		"none":                  {func(e *Evidence) { e.HandedOn = nil }, noon, false},
		"over":                  {func(*Evidence) {}, noon.Add(time.Hour), false},
		"ahead":                 {func(*Evidence) {}, noon.Add(-time.Hour - 3*time.Minute), false},
		"nobody says when":      {func(*Evidence) {}, time.Time{}, false},
		"another policy":        {func(e *Evidence) { e.HandedOn[0].Policy = "00" }, noon, false},
		"no policy":             {func(e *Evidence) { e.HandedOn[0].Policy = "" }, noon, false},
		"blocked":               {func(e *Evidence) { e.Blocks = []Block{{"denied", "it leaks", 14}} }, noon, false},
		"evidence is over":      {func(e *Evidence) { e.NotAfter = noon }, noon, false},
		"strangers' evidence":   {func(e *Evidence) { e.Summary.Verdict = "invalid" }, noon, true},
		"undecided":             {func(e *Evidence) { e.Summary.Verdict = "undecided" }, noon, false},
		"denied":                {func(e *Evidence) { e.Summary.Verdict = "denied" }, noon, false},
		"a word nobody knows":   {func(e *Evidence) { e.Summary.Verdict = "" }, noon, false},
		"no rule about it":      {func(e *Evidence) { e.Image.Name = "registry.example.com/other" }, noon, false},
		"the policy is over": {func(e *Evidence) { e.HandedOn[0].NotAfter = time.Date(2027, 1, 2, 0, 0, 0, 0, time.UTC) },
			time.Date(2027, 1, 1, 12, 0, 0, 0, time.UTC), false},
	} {
		e := Evidence{Image: Image{Name: shop, Digest: "sha256:aa"}, Summary: Summary{Verdict: "missing"}, HandedOn: []HandedOn{handed(nil)}}
		x.change(&e)
		v := p.Decide(t.Context(), &e, x.now)
		if v.Allow {
			t.Fatalf("%s: %+v", name, v)
		}
		got := v.Accepting(&e, x.now)
		if got.Allow != x.allow || (got.ExitCode == 0) != x.allow || (len(got.Reasons) == 0) != x.allow || (got.HandedOn != nil) != x.allow {
			t.Errorf("%s: %+v", name, got)
		}
		if !x.allow {
			continue
		}
		if got.Rules[0].Status != StatusHandedOn || got.Rules[1].Status != StatusHandedOn || got.Rules[2].Status != StatusPass || v.Rules[0].Status != StatusFail {
			t.Errorf("%s: %+v, before %+v", name, got.Rules, v.Rules)
		}
		if got.Rules[0].Reason != "passed at https://v.example.com, handed on by central until 2026-11-28T13:00:00Z; here: it was not built twice" || !got.NotAfter.Equal(noon.Add(time.Hour)) {
			t.Errorf("%s: %q, until %s", name, got.Rules[0].Reason, got.NotAfter)
		}
	}
	// The one that lasts longest; and what is allowed already stays as it is.
	e := Evidence{Image: Image{Name: shop}, Summary: Summary{Verdict: "missing"}, HandedOn: []HandedOn{
		handed(nil), handed(func(h *HandedOn) { h.NotAfter, h.Signer = noon.Add(2*time.Hour), "longest" }), handed(func(h *HandedOn) { h.NotAfter = noon }),
	}}
	if got := p.Decide(t.Context(), &e, noon).Accepting(&e, noon); got.HandedOn == nil || got.HandedOn.Signer != "longest" {
		t.Errorf("%+v", got)
	}
	e.Summary.Reproduced, e.Summary.Verdict, e.Provenance = true, "verified", []Provenance{{Builder: "x"}}
	if got := p.Decide(t.Context(), &e, noon).Accepting(&e, noon); !got.Allow || got.HandedOn != nil || got.Rules[0].Status != StatusPass {
		t.Errorf("%+v", got)
	}
}
