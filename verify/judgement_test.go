package verify

import (
	"strings"
	"testing"
	"time"

	"github.com/selfsame-build/selfsame/policy"
	"github.com/selfsame-build/selfsame/trust"
)

// TestJudge: the policy's verdict is the result's; what no rule lifts keeps its own.
func TestJudge(t *testing.T) {
	parse := func(require string) *policy.Policy {
		t.Helper()
		p, err := policy.Parse("p.yaml", []byte("policy: v1\nname: prod\nversion: 3\nrules:\n  - name: rule\n    match: [\""+shop+"\"]\n    require: "+require+"\n    message: not so\n    fix: make it so\n  - name: elsewhere\n    match: [\"registry.example.com/other\"]\n    require: summary.reproduced\n    message: not so\n    fix: make it so\n"))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	nothing := func(*council) {}
	publish := func(c *council) { c.publish(nil) }
	for name, x := range map[string]struct {
		make    func(*council)
		require string
		want    Verdict
		exit    int
		says    string
	}{
		"verified and allowed":      {publish, "summary.reproduced", VerdictVerified, 0, "allowed by policy prod, version 3"},
		"verified and denied":       {publish, "summary.level >= 3", VerdictRefused, 14, "FAIL  rule  not so - make it so"},
		"missing and allowed":       {nothing, "size(provenance) == 0", VerdictAllowed, 0, "allowed by policy prod, version 3: " + shop},
		"missing and denied":        {nothing, "size(provenance) > 0", VerdictRefused, 14, "refused by policy prod"},
		"blocked, and it would not": {func(c *council) { c.publish(nil); c.object() }, "summary.verdict != ''", VerdictNotReproduced, 14, "denied: reproduced: a rebuild signed by"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCouncil(t)
			x.make(c)
			o := c.options()
			o.Facts = true
			res := c.run(o)
			res.Judge(t.Context(), parse(x.require), o.Now)
			out := text(t, res)
			if res.Verdict != x.want || res.ExitCode != x.exit || (res.Err() == nil) != (x.exit == 0) || !strings.Contains(out, x.says) {
				t.Errorf("%s (exit %d, %v), want %s and %q:\n%s", res.Verdict, res.ExitCode, res.Err(), x.want, x.says, out)
			}
			if strings.Contains(out, "elsewhere") || res.Policy.By.Version != 3 {
				t.Errorf("%s", out)
			}
			// A summary says what was verified, so what is only allowed has none, and it names the policy.
			made, err := res.VSA(Summary{Verifier: "https://v.example.com", Time: o.Now}, false)
			if allowed := x.want == VerdictAllowed; (err != nil) != allowed || !allowed && !strings.Contains(string(made.Payload), "policy=sha256%3A"+res.Policy.By.SHA256) {
				t.Errorf("summary %s, %v", made.Payload, err)
			}
		})
	}
}

// object has somebody rebuild the index with another result.
func (c *council) object() {
	c.t.Helper()
	c.add(trust.Signer{Name: "qa", Owner: "qa", Roles: []trust.Role{trust.Finding}})
	s := c.rebuilds("run-2", `"result":"match"`, `"result":"mismatch"`)[0]
	c.say("qa", time.Time{}, s)
}

// Without facts a policy allows nothing.
func TestJudgeNeedsFacts(t *testing.T) {
	c := newCouncil(t)
	c.publish(nil)
	res := c.run(c.options())
	p, err := policy.Parse("p.yaml", []byte("policy: v1\nname: p\nversion: 1\nrules:\n  - name: r\n    match: [\"**\"]\n    require: size(image.name) > 0\n    message: m\n    fix: f\n"))
	if err != nil {
		t.Fatal(err)
	}
	if res.Judge(t.Context(), p, day(28)); res.Verdict != VerdictUndecided || res.ExitCode != 17 {
		t.Errorf("%s, exit %d", res.Verdict, res.ExitCode)
	}
}
