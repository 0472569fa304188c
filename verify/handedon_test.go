package verify

import (
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/freshness"
	"github.com/selfsame-build/selfsame/policy"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/trust"
)

// reproducedOnly is the policy of these tests; version makes it another.
func reproducedOnly(t *testing.T, version string) *policy.Policy {
	t.Helper()
	p, err := policy.Parse("p.yaml", []byte("policy: v1\nname: prod\nversion: "+version+"\nrules:\n  - name: twice\n    match: [\""+shop+"\"]\n    require: summary.reproduced\n    message: it was not built twice\n    fix: build it twice\n"))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var anEpoch = policy.Epoch{Trust: strings.Repeat("ab", 32)}

// central verifies an image that has all of its evidence, half an hour ago, and hands the verdict on for an hour.
func central(t *testing.T, deny *freshness.DenyList) provenance.Subjected {
	t.Helper()
	c := newCouncil(t)
	c.publish(nil)
	o := c.options()
	o.Facts, o.Now, o.Deny = true, noon.Add(-30*time.Minute), deny
	res := c.run(o)
	res.Judge(t.Context(), reproducedOnly(t, "3"), o.Now)
	made, err := res.HandOn(Summary{Verifier: provenance.VerifierID, Version: "v1", Time: o.Now}, anEpoch, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// edge is a gate whose registry has the image and nothing of its evidence.
func edge(t *testing.T) *council {
	c := newCouncil(t)
	c.add(trust.Signer{Name: "central", Roles: []trust.Role{trust.Verifier}})
	return c
}

func TestHandOn(t *testing.T) {
	made := central(t, denyList(t, newSigner(t), nil))
	s, err := provenance.Parse(made.Payload)
	if err != nil {
		t.Fatal(err)
	}
	v, err := s.VSA()
	if err != nil {
		t.Fatal(err)
	}
	p := reproducedOnly(t, "3").Edition()
	if err := v.Passes(provenance.VerifierID, shop+"@"+made.Subject.Digest.String(), "SLSA_BUILD_LEVEL_1"); err != nil {
		t.Error(err)
	}
	if v.Policy.Digest["sha256"] != p.SHA256 || v.Policy.URI != "https://selfsame.build/policy/rules/v1?denylist=registry.example.com%2Fops%2Fdenylist%3A7&name=prod&version=3" || len(v.InputAttestations) != 6 {
		t.Errorf("%+v", v)
	}
	want := provenance.Verdict{NotAfter: noon.Add(30 * time.Minute), Trust: anEpoch.Trust, DenyList: &provenance.VerdictList{Name: "registry.example.com/ops/denylist", Sequence: 7}, Policy: "prod", PolicyVersion: 3}
	if got := *v.Verdict; got.NotAfter != want.NotAfter || got.Trust != want.Trust || *got.DenyList != *want.DenyList || got.Policy != want.Policy || got.PolicyVersion != want.PolicyVersion {
		t.Errorf("%+v", got)
	}
	if !strings.Contains(string(made.Payload), `"https://selfsame.build/verdict/v0.1":{"notAfter":"2026-11-28T12:30:00Z"`) {
		t.Errorf("%s", made.Payload)
	}
}

// TestHandOnEnds: a verdict ends with the first thing that it rests on, and only an approval of one's own is handed on.
func TestHandOnEnds(t *testing.T) {
	c := newCouncil(t)
	o := c.options()
	o.Facts = true
	about := Summary{Verifier: provenance.VerifierID, Time: noon}
	res := c.run(o)
	_, err := res.HandOn(about, anEpoch, time.Hour)
	wantCode(t, err, codeNoSummary)
	res.Judge(t.Context(), reproducedOnly(t, "3"), noon)
	_, err = res.HandOn(about, anEpoch, time.Hour)
	wantCode(t, err, codeNoSummary)

	c.publish(nil)
	o.Deny = denyList(t, newSigner(t), nil) // until the next noon
	o.Now = noon.Add(23 * time.Hour)
	res = c.run(o)
	res.Judge(t.Context(), reproducedOnly(t, "3"), o.Now)
	about.Time = o.Now
	made, err := res.HandOn(about, anEpoch, 2*time.Hour)
	if err != nil || !strings.Contains(string(made.Payload), `"notAfter":"2026-11-29T12:00:00Z"`) {
		t.Errorf("%v %s", err, made.Payload)
	}
	_, err = res.HandOn(about, policy.Epoch{}, time.Hour) // reached under nothing in particular
	wantCode(t, err, codeNoSummary)
	_, err = res.HandOn(about, anEpoch, 0)
	wantCode(t, err, codeNoSummary)
	res.Policy.HandedOn = &policy.HandedOn{Signer: "central"}
	_, err = res.HandOn(about, anEpoch, time.Hour)
	wantCode(t, err, codeNoSummary)
}

// TestHandedOn: what a gate without the evidence makes of a verdict that is handed on. Each is checked afresh.
func TestHandedOn(t *testing.T) {
	revoker := newSigner(t)
	list := denyList(t, revoker, nil)
	made, undenied := central(t, list), central(t, nil)
	replace := func(s provenance.Subjected, old, with string) provenance.Subjected { return *replaced(t, s, old, with) }
	hex := made.Subject.Digest.Encoded()
	for name, x := range map[string]struct {
		gate    func(*council, *Options)
		version string // of the policy; empty: that of the verdict
		allow   bool
		exit    int
		says    string
	}{
		"accepted":                 {func(c *council, _ *Options) { c.say("central", time.Time{}, undenied) }, "", true, 0, "a verdict that central handed on until 2026-11-28T12:30:00Z"},
		"accepted, same deny list": {func(c *council, o *Options) { o.Deny = list; c.say("central", time.Time{}, made) }, "", true, 0, "a verdict that central handed on"},
		"accepted, trusted time":   {func(c *council, _ *Options) { c.say("central", noon.Add(-29*time.Minute), made) }, "", true, 0, "handed on"},
		"nobody told the gate to":  {func(c *council, o *Options) { o.Verdicts = false; c.say("central", time.Time{}, made) }, "", false, 14, "it was not built twice"},
		"expired":                  {func(c *council, o *Options) { o.Now = noon.Add(30 * time.Minute); c.say("central", time.Time{}, made) }, "", false, 14, "it counted until 2026-11-28T12:30:00Z"},
		"reached ahead":            {func(c *council, o *Options) { o.Now = noon.Add(-40 * time.Minute); c.say("central", time.Time{}, made) }, "", false, 14, "which is ahead"},
		"signed after its end":     {func(c *council, _ *Options) { c.say("central", noon.Add(31*time.Minute), made) }, "", false, 14, "it was signed at 2026-11-28T12:31:00Z"},
		"signed before it":         {func(c *council, _ *Options) { c.say("central", noon.Add(-time.Hour), made) }, "", false, 14, "it was signed at"},
		"too long a life": {func(c *council, _ *Options) {
			c.say("central", time.Time{}, replace(made, "2026-11-28T12:30:00Z", "2026-11-29T12:30:00Z"))
		}, "", false, 14, "it was not built twice"},
		"other digest": {func(c *council, _ *Options) {
			other := replace(replace(made, `{"sha256":"`+hex+`"}`, `{"sha256":"`+strings.Repeat("0", 64)+`"}`), "@sha256:"+hex, "@sha256:"+strings.Repeat("0", 64))
			other.Subject = made.Subject
			c.say("central", time.Time{}, other)
		}, "", false, 14, "it is about sha256:000000"},
		"other resource": {func(c *council, _ *Options) {
			c.say("central", time.Time{}, replace(made, `"resourceUri":"registry.example.com/team/shop@`, `"resourceUri":"registry.example.com/team/other@`))
		}, "", false, 14, "the resource is"},
		"other name": {func(c *council, _ *Options) {
			c.say("central", time.Time{}, replace(made, `"name":"`+shop+`"`, `"name":"registry.example.com/team/other"`))
		}, "", false, 14, "it is about the name"},
		"other verifier": {func(c *council, _ *Options) {
			c.say("central", time.Time{}, replace(made, provenance.VerifierID, "https://selfsame.build/verifier/v9"))
		}, "", false, 14, "does not speak as the verifier"},
		"as another verifier": {func(c *council, _ *Options) {
			c.signers[1].Verifiers = []string{"https://selfsame.build/verifier/v9"}
			c.say("central", time.Time{}, replace(made, provenance.VerifierID, "https://selfsame.build/verifier/v9"))
		}, "", true, 0, "passed at https://selfsame.build/verifier/v9"},
		"not as ours": {func(c *council, _ *Options) {
			c.signers[1].Verifiers = []string{"https://selfsame.build/verifier/v9"}
			c.say("central", time.Time{}, made)
		}, "", false, 14, "does not speak as the verifier"},
		"other policy": {func(c *council, _ *Options) { c.say("central", time.Time{}, made) }, "4", false, 14, "it was not built twice"},
		"wrong role": {func(c *council, _ *Options) {
			c.add(trust.Signer{Name: "promoter", Roles: []trust.Role{trust.Promoter}})
			c.say("promoter", time.Time{}, made)
		}, "", false, 14, "its signer has not the role verifier"},
		"release": {func(c *council, _ *Options) { c.say("release", time.Time{}, made) }, "", false, 14, "its signer has not the role verifier"},
		"another's names": {func(c *council, _ *Options) {
			c.signers[1].Names = []string{"registry.example.com/other/*"}
			c.say("central", time.Time{}, made)
		}, "", false, 14, "may not speak for"},
		"its time is over": {func(c *council, _ *Options) {
			c.signers[1].Until = noon.Add(-time.Hour)
			c.say("central", noon.Add(-29*time.Minute), made)
		}, "", false, 14, "counted until"},
		"older deny list": {func(c *council, o *Options) {
			o.Deny = denyList(t, revoker, nil)
			o.Deny.Sequence = 8
			c.say("central", time.Time{}, made)
		}, "", false, 14, "under number 7 of the deny list, and 8 is in force"},
		"without the deny list": {func(c *council, o *Options) { o.Deny = list; c.say("central", time.Time{}, undenied) }, "", false, 14, "it was reached without the deny list"},
		"another deny list": {func(c *council, o *Options) {
			o.Deny = list
			c.say("central", time.Time{}, replace(made, "ops/denylist", "ops/other"))
		}, "", false, 14, "it was reached without the deny list"},
		"denied here": {func(c *council, o *Options) {
			o.Deny = denyList(t, revoker, nil, provenance.DenyEntry{Digest: made.Subject.Digest})
			c.say("central", time.Time{}, made)
		}, "", false, 14, "it leaks"},
		"a platform denied here": {func(c *council, o *Options) {
			o.Deny = denyList(t, revoker, nil, provenance.DenyEntry{Digest: c.build.Images[0].Manifest.Digest})
			c.say("central", time.Time{}, made)
		}, "", false, 14, "it leaks"},
		"its signer denied here": {func(c *council, o *Options) {
			key := trust.Party{Key: trust.Key{Hint: c.keys["central"].Key().Hint}}
			o.Deny = denyList(t, revoker, nil, provenance.DenyEntry{Signer: &key})
			c.say("central", time.Time{}, made)
		}, "", false, 14, "it leaks"},
		"forged": {func(c *council, _ *Options) {
			bundle := string(c.sign(newSigner(t), made.Payload))
			c.attach(made.Subject, []byte(bundle))
		}, "", false, 14, "it was not built twice"},
		"altered": {func(c *council, _ *Options) {
			good, other := c.sign(c.keys["central"], replace(made, `"version":{"selfsame":"v1"}`, `"version":{"selfsame":"v2"}`).Payload), c.sign(c.keys["central"], made.Payload)
			_, tail, _ := strings.Cut(string(good), `"signatures"`)
			head, _, _ := strings.Cut(string(other), `"signatures"`)
			c.attach(made.Subject, []byte(head+`"signatures"`+tail))
		}, "", false, 14, "it was not built twice"},
		"a failed one vetoes": {func(c *council, _ *Options) {
			c.say("central", time.Time{}, made)
			c.say("central", time.Time{}, replace(replace(made, `"PASSED"`, `"FAILED"`), `"SLSA_BUILD_LEVEL_1"`, `"FAILED"`))
		}, "", false, 14, "found: FAILED"},
		"a veto stays": {func(c *council, _ *Options) {
			c.say("central", noon.Add(-29*time.Minute), made)
			c.add(trust.Signer{Name: "qa", Roles: []trust.Role{trust.Finding}})
			c.say("qa", noon.Add(-2*time.Hour), c.vsa(provenance.VSAFailed, noon.Add(-2*time.Hour)))
		}, "", false, 14, "found: FAILED"},
		"a newer approval does not replace a rejection": {func(c *council, _ *Options) {
			c.say("central", noon.Add(-2*time.Hour), c.vsa(provenance.VSAFailed, noon.Add(-2*time.Hour)))
			c.say("central", noon.Add(-29*time.Minute), made)
		}, "", false, 14, "found: FAILED"},
		"not all could be read": {func(c *council, o *Options) {
			c.say("central", time.Time{}, made)
			o.Budget.Bytes = 10
		}, "", false, 17, "were not read"},
		"strangers' evidence": {func(c *council, _ *Options) {
			for _, s := range c.statements() {
				c.attach(s.Subject, c.sign(c.other, s.Payload))
			}
			c.say("central", time.Time{}, made)
		}, "", true, 0, "handed on"},
		"evidence that does not hold": {func(c *council, _ *Options) {
			c.publish(func(s provenance.Subjected) *provenance.Subjected {
				if s.PredicateType != provenance.PredicateProvenance {
					return nil
				}
				return replaced(t, s, c.build.BuilderID, "https://builder.example.com")
			})
			c.say("central", time.Time{}, made)
		}, "", false, 14, "other evidence of the image does not hold: builder"},
		"evidence that it does not rest on": {func(c *council, _ *Options) {
			c.add(trust.Signer{Name: "scanner", Roles: []trust.Role{trust.Finding}})
			c.say("scanner", time.Time{}, c.about(c.build.Index.Digest, shop, typeTest, `{"critical":1}`))
			c.say("central", time.Time{}, made)
		}, "", false, 14, "it does not rest on what is attached here: " + typeTest + " by "},
		"another image's evidence": {func(c *council, _ *Options) {
			c.add(trust.Signer{Name: "scanner", Roles: []trust.Role{trust.Finding}})
			c.say("scanner", time.Time{}, c.about(digest.FromString("other"), shop, typeTest, `{"critical":1}`))
			c.say("central", time.Time{}, made)
		}, "", true, 0, "handed on"},
		"attached to a platform": {func(c *council, _ *Options) {
			at := made
			at.Subject = c.build.Images[0].Manifest
			c.say("central", time.Time{}, at)
		}, "", false, 14, "it is not attached to what was asked for"},
	} {
		t.Run(name, func(t *testing.T) {
			c := edge(t)
			o := c.options()
			o.Verdicts, o.Now = true, noon
			x.gate(c, &o)
			set := c.options() // with the keys and signers that were added
			o.Signers, o.Trust, o.checkBundle, o.Facts = set.Signers, set.Trust, set.checkBundle, true
			res := c.run(o)
			version := x.version
			if version == "" {
				version = "3"
			}
			res.Judge(t.Context(), reproducedOnly(t, version), o.Now)
			out := text(t, res)
			if res.Policy.Allow != x.allow || (res.Policy.HandedOn != nil) != x.allow || res.ExitCode != x.exit || !strings.Contains(out, x.says) {
				t.Errorf("allow %t, exit %d, want %t, %d and %q:\n%s", res.Policy.Allow, res.ExitCode, x.allow, x.exit, x.says, out)
			}
			if x.allow && (res.Verdict != VerdictAllowed || res.Policy.Rules[0].Status != policy.StatusHandedOn || res.Policy.NotAfter.After(noon.Add(30*time.Minute))) {
				t.Errorf("%s %+v", res.Verdict, res.Policy)
			}
			if e := res.Facts(); len(e.Statements) > 0 && e.Statements[0].Type == provenance.PredicateVSA {
				t.Errorf("rules see it: %+v", e.Statements)
			}
		})
	}
}

// TestVerdictsOfSeveralPolicies by one verifier do not take each other's place, and of one policy the one that lasts longest counts.
func TestVerdictsOfSeveralPolicies(t *testing.T) {
	made := central(t, nil)
	sum := reproducedOnly(t, "3").Edition().SHA256
	c := edge(t)
	c.say("central", noon.Add(-29*time.Minute), made)
	c.say("central", noon.Add(-20*time.Minute), *replaced(t, made, "2026-11-28T12:30:00Z", "2026-11-28T12:20:00Z"))
	c.say("central", noon.Add(-10*time.Minute), *replaced(t, *replaced(t, made, sum, strings.Repeat("ef", 32)), `"timeVerified":"2026-11-28T11:30:00Z"`, `"timeVerified":"2026-11-28T11:49:00Z"`))
	o := c.options()
	o.Facts, o.Now = true, noon
	got := c.run(o).Facts().HandedOn
	if len(got) != 2 {
		t.Fatalf("%+v", got)
	}
	for _, h := range got {
		if !h.NotAfter.Equal(noon.Add(30*time.Minute)) || h.Signer != "central" || h.Epoch != anEpoch {
			t.Errorf("%+v", h)
		}
	}
}

// TestVerdictsOfSeveralVerifiers: one that looks whether its own verdict still stands sees it beside another's that lasts longer, and beside its
// own under a trust that is no more.
func TestVerdictsOfSeveralVerifiers(t *testing.T) {
	made := central(t, nil)
	later := *replaced(t, made, "2026-11-28T12:30:00Z", "2026-11-28T12:50:00Z")
	c := edge(t)
	c.add(trust.Signer{Name: "other", Roles: []trust.Role{trust.Verifier}})
	c.say("central", time.Time{}, made)
	c.say("other", time.Time{}, later)
	c.say("central", time.Time{}, *replaced(t, later, anEpoch.Trust, strings.Repeat("cd", 32)))
	o := c.options()
	o.Facts, o.Now = true, noon.Add(-29*time.Minute)
	res := c.run(o)
	is := func(name string) func(string) bool { return func(s string) bool { return s == name } }
	for name, want := range map[string]time.Time{"central": noon.Add(30 * time.Minute), "other": noon.Add(50 * time.Minute)} {
		if got, stands := res.Standing(made, anEpoch, is(name)); !stands || !got.NotAfter.Equal(want) || got.Epoch != anEpoch {
			t.Errorf("%s: %t, %+v", name, stands, got)
		}
	}
	if got, stands := res.Standing(made, anEpoch, is("nobody")); stands {
		t.Errorf("%+v", got)
	}
}

// TestLastingIsBounded: however many there are, none takes the place of the one that lasts longest of another policy.
func TestLastingIsBounded(t *testing.T) {
	var all []policy.HandedOn
	for n := range 100 {
		all = append(all, policy.HandedOn{Policy: "a", Signer: "central", Epoch: policy.Epoch{Deny: int64(n)}, NotAfter: noon.Add(time.Hour)})
	}
	got := lasting(append(all, policy.HandedOn{Policy: "b", Signer: "central", NotAfter: noon}))
	if len(got) != maxHandedOn || got[1].Policy != "b" {
		t.Errorf("%d, %+v", len(got), got[:2])
	}
}

// TestVerifierSignsApprovalsOnly: its key is for no provenance, and for no rejection.
func TestVerifierSignsApprovalsOnly(t *testing.T) {
	c := newCouncil(t)
	key := newSigner(t)
	made := central(t, nil)
	for want, s := range map[bool]provenance.Subjected{true: made, false: c.vsa(provenance.VSAFailed, noon)} {
		if _, err := signing.Sign(t.Context(), key.For(trust.Verifier), s.Payload); (err == nil) != want {
			t.Errorf("%s: %v", digest.FromBytes(s.Payload), err)
		}
	}
	if _, err := signing.Sign(t.Context(), key.For(trust.Verifier), c.statements()[0].Payload); err == nil {
		t.Error("provenance was signed")
	}
}

// TestVerdictRestsOnWhatIsHere: a rule that says no for what is attached is not lifted by somebody who looked before it was.
func TestVerdictRestsOnWhatIsHere(t *testing.T) {
	p, err := policy.Parse("p.yaml", []byte("policy: v1\nname: prod\nversion: 3\nrules:\n  - name: clean\n    match: [\""+shop+"\"]\n    require: '!statements.exists(s, s.type == \""+typeTest+"\")'\n    message: something was found\n    fix: mend it\n"))
	if err != nil {
		t.Fatal(err)
	}
	c := newCouncil(t)
	c.add(trust.Signer{Name: "central", Roles: []trust.Role{trust.Verifier}})
	c.add(trust.Signer{Name: "scanner", Roles: []trust.Role{trust.Finding}})
	c.publish(nil)
	o := c.options()
	o.Facts, o.Verdicts, o.Now = true, true, noon
	judged := func() Result {
		t.Helper()
		res := c.run(o)
		res.Judge(t.Context(), p, noon)
		return res
	}
	made, err := judged().HandOn(Summary{Verifier: provenance.VerifierID, Time: noon}, anEpoch, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	c.say("central", time.Time{}, made)
	c.say("release", time.Time{}, c.statements()[0]) // the same again, in another bundle
	if res := judged(); res.ExitCode != 0 || len(res.Facts().HandedOn) != 1 {
		t.Errorf("with what it rests on: exit %d, %+v\n%s", res.ExitCode, res.Facts().HandedOn, text(t, res))
	}
	c.say("scanner", time.Time{}, c.about(c.build.Index.Digest, shop, typeTest, `{"critical":1}`))
	if res := judged(); res.ExitCode != 14 || res.Policy.Allow || len(res.Facts().HandedOn) != 0 || !strings.Contains(text(t, res), "it does not rest on what is attached here: "+typeTest+" by ") {
		t.Errorf("with a scan that came later: %+v\n%s", res.Policy, text(t, res))
	}
	// Who looks again sees it, too, and does not let it pass.
	_, err = judged().HandOn(Summary{Verifier: provenance.VerifierID, Time: noon}, anEpoch, time.Hour)
	wantCode(t, err, codeNoSummary)
}
