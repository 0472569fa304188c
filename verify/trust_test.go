package verify

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/trust"
)

func TestMinLevel(t *testing.T) {
	for level, want := range map[trust.Level]Verdict{1: VerdictVerified, 2: VerdictVerified, 3: VerdictRefused} {
		c := newCouncil(t)
		c.publish(nil)
		c.signers[0].Builders = map[string]trust.Level{provenance.BuilderID(provenance.ModeLocal): 2}
		o := c.options()
		o.MinLevel = level
		if res := c.must(o, want, "SLSA Build L2"); want == VerdictVerified && res.Level != 2 {
			t.Errorf("level %d", res.Level)
		}
	}
	w := newWorld(t) // with a key alone: the specification's default
	w.publish(nil)
	o := w.options()
	o.MinLevel = 1
	w.must(o, VerdictVerified, "SLSA Build L1")
	o.MinLevel = 2
	w.must(o, VerdictRefused, "L2 is asked for")
}

// GHSA-r2xv-vpr2-42m9: the pair of signer and builder counts. Here the builder is one that another signer may claim.
func TestN8BuilderOfAnotherSigner(t *testing.T) {
	c := newCouncil(t)
	c.publish(nil)
	id := provenance.BuilderID(provenance.ModeLocal)
	c.signers[0].Builders = map[string]trust.Level{"https://ci.example.com/builder": 3}
	c.add(trust.Signer{Name: "ci", Roles: []trust.Role{trust.Release}, Builders: map[string]trust.Level{id: 3}})
	c.must(c.options(), VerdictInvalid, "which release may not claim")
	o := c.options()
	o.ExpectBuilder = id // what is expected narrows the trust file, and does not widen it
	c.must(o, VerdictInvalid, "which release may not claim")
	c.signers[0].Builders[id] = 1
	c.must(c.options(), VerdictVerified, "")
	// What the same key may do under another entry, in another role, gives no level here.
	c.keys["promoter"] = c.signer
	c.add(trust.Signer{Name: "promoter", Roles: []trust.Role{trust.Promoter}, Builders: map[string]trust.Level{id: 3}})
	o = c.options()
	o.MinLevel = 3
	c.must(o, VerdictRefused, "up to SLSA Build L1")
}

// The same for identities: a pattern must match the whole subject, and the issuer to the letter (CVE-2025-29778).
func TestN8IdentityOfAnother(t *testing.T) {
	for subject, want := range map[string]Verdict{
		"https://ci.example.com/team/shop": VerdictVerified, "https://ci.example.com/team/shop/evil": VerdictInvalid, "https://evil.example/?https://ci.example.com/team/shop": VerdictInvalid,
	} {
		c := newCouncil(t)
		c.publish(nil)
		rule := trust.IdentityRule{Issuer: "https://token.example.com", Pattern: regexp.MustCompile(`\A(?:https://ci\.example\.com/team/[a-z]+)\z`)}
		o := c.options()
		o.Signers = []trust.Signer{{Name: "ci", Identities: []trust.IdentityRule{rule}, Roles: []trust.Role{trust.Release}}}
		keyed := o.checkBundle
		o.checkBundle = func(bundle []byte) (signing.Signed, error) {
			got, err := keyed(bundle)
			got.By = trust.Party{Identity: trust.Identity{Issuer: "https://token.example.com", Subject: subject}}
			return got, err
		}
		reason := ""
		if want == VerdictInvalid {
			reason = "whom the trust file does not name"
		}
		c.must(o, want, reason)
	}
}

// Exit 0 with nobody to trust (CVE-2025-25204): a trust file of nobody lets nobody count.
func TestN7NobodyCounts(t *testing.T) {
	c := newCouncil(t)
	c.publish(nil)
	o := c.options()
	o.Signers = []trust.Signer{}
	c.must(o, VerdictInvalid, "whom the trust file does not name")
	o.Signers = []trust.Signer{{Name: "release", Keys: []trust.Key{c.signer.Key()}}} // without a role
	c.must(o, VerdictMissing, "may not say where an image came from")
}

// A role lets somebody say one kind of thing. A rebuild that matched, signed by who may only object, counts for nothing.
func TestN10RolesDoNotMix(t *testing.T) {
	for _, role := range trust.Roles {
		c := newCouncil(t)
		c.signers[0].Roles = []trust.Role{role}
		c.publish(nil)
		if role == trust.Release {
			c.must(c.options(), VerdictVerified, "")
			continue
		}
		c.must(c.options(), VerdictMissing, "may not say where an image came from")

		// Speaking against is allowed to more, but not to everybody who is trusted with something.
		c = newCouncil(t)
		c.publish(nil)
		c.add(trust.Signer{Name: "x", Roles: []trust.Role{role}})
		c.say("x", time.Time{}, c.rebuilds("run-2", `"result":"match"`, `"result":"mismatch"`)[0])
		switch role {
		case trust.Finding, trust.Rebuilder, trust.Promoter, trust.Verifier:
			c.must(c.options(), VerdictNotReproduced, "differed")
		default:
			c.must(c.options(), VerdictVerified, "")
		}

		c = newCouncil(t)
		c.publish(func(s provenance.Subjected) *provenance.Subjected {
			if s.PredicateType == provenance.PredicateRebuild {
				return nil
			}
			return &s
		})
		c.add(trust.Signer{Name: "x", Owner: "x", Roles: []trust.Role{role}})
		c.rebuilt("x", "run-2")
		o := c.options()
		o.Demand.Owners = 1
		if role == trust.Rebuilder {
			c.must(o, VerdictVerified, "")
		} else {
			c.must(o, VerdictNotReproduced, "no signed rebuild statement")
		}
	}
}

// N13: an older approval, replayed after a newer rejection. Only trusted times order them; where there is none, a rejection stays.
func TestN13NewerRejectionWins(t *testing.T) {
	for name, x := range map[string]struct {
		passed, failed     time.Time // as trusted parties say
		passedOn, failedOn int       // as the statements say
		want               Verdict
	}{
		"rejected later":                {day(1), day(2), 1, 2, VerdictNotReproduced},
		"approved later":                {day(2), day(1), 2, 1, VerdictVerified},
		"at the same time":              {day(1), day(1), 2, 1, VerdictNotReproduced},
		"no time at all":                {time.Time{}, time.Time{}, 2, 1, VerdictNotReproduced},
		"approval without a time":       {time.Time{}, day(1), 2, 1, VerdictNotReproduced},
		"rejection without one":         {day(2), time.Time{}, 2, 1, VerdictNotReproduced},
		"approval timestamped again":    {day(9), day(2), 1, 2, VerdictNotReproduced},
		"both of one day by their word": {day(2), day(1), 1, 1, VerdictNotReproduced},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCouncil(t)
			c.publish(nil)
			c.add(trust.Signer{Name: "scan", Roles: []trust.Role{trust.Finding}})
			c.say("scan", x.passed, c.vsa(provenance.VSAPassed, day(x.passedOn)))
			c.say("scan", x.failed, c.vsa(provenance.VSAFailed, day(x.failedOn)))
			c.must(c.options(), x.want, "")
		})
	}
	// Somebody else's later approval does not take it back.
	c := newCouncil(t)
	c.publish(nil)
	c.add(trust.Signer{Name: "scan", Roles: []trust.Role{trust.Finding}})
	c.add(trust.Signer{Name: "friend", Roles: []trust.Role{trust.Finding}})
	c.say("scan", day(1), c.vsa(provenance.VSAFailed, day(1)))
	c.say("friend", day(2), c.vsa(provenance.VSAPassed, day(2)))
	c.must(c.options(), VerdictNotReproduced, "found: FAILED")
}

// N13: a rebuild that differed once stays, however often it matched afterwards.
func TestN13MismatchIsNotOutrun(t *testing.T) {
	c := newCouncil(t)
	c.publish(nil)
	c.add(rebuilder("qa", ""))
	c.say("qa", day(1), c.rebuilds("run-2", `"result":"match"`, `"result":"mismatch"`)[0])
	for _, s := range c.rebuilds("run-3") {
		c.say("qa", day(2), s)
	}
	c.must(c.options(), VerdictNotReproduced, "differed")
}

// A window is judged by a trusted time. A key alone has none: it counts against an image, and not for it.
func TestWindows(t *testing.T) {
	for name, x := range map[string]struct {
		at   time.Time
		want Verdict
		says string
	}{
		"in time":  {day(10), VerdictVerified, "the last of it was signed by 2026-11-10T12:00:00Z"},
		"before":   {day(1), VerdictInvalid, "and release counted from 2026-11-05T12:00:00Z until 2026-11-15T12:00:00Z"},
		"after":    {day(15), VerdictInvalid, "and release counted from"},
		"not said": {time.Time{}, VerdictInvalid, "time not known"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCouncil(t)
			c.signers[0].From, c.signers[0].Until = day(5), day(15)
			for _, s := range c.statements() {
				c.say("release", x.at, s)
			}
			c.must(c.options(), x.want, x.says)
		})
	}
	c := newCouncil(t)
	c.publish(nil)
	c.add(trust.Signer{Name: "qa", Roles: []trust.Role{trust.Finding}, Until: day(15)})
	finding := c.rebuilds("run-2", `"result":"match"`, `"result":"mismatch"`)[0]
	c.say("qa", day(16), finding)
	c.must(c.options(), VerdictVerified, "and qa counted until") // its key was taken back by then
	delete(c.times, digest.FromBytes(c.sign(c.keys["qa"], finding.Payload)))
	c.must(c.options(), VerdictNotReproduced, "differed")
}

// N12: a signer that may speak for one repository, in another; and a summary about another.
func TestN12SignerOfAnotherRepository(t *testing.T) {
	c := newCouncil(t)
	c.publish(nil)
	c.signers[0].Names = []string{"registry.example.com/other/*"}
	c.must(c.options(), VerdictInvalid, "may not speak for")
	c.signers[0].Names = []string{"registry.example.com/team/*"}
	c.must(c.options(), VerdictVerified, "")
	c.add(trust.Signer{Name: "qa", Roles: []trust.Role{trust.Finding}, Names: []string{"registry.example.com/other/shop"}})
	c.say("qa", time.Time{}, c.rebuilds("run-2", `"result":"match"`, `"result":"mismatch"`)[0])
	c.must(c.options(), VerdictVerified, "and qa may not speak for")
}

func TestWaiver(t *testing.T) {
	c := newCouncil(t)
	c.publish(nil)
	c.add(trust.Signer{Name: "qa", Roles: []trust.Role{trust.Finding}})
	c.add(trust.Signer{Name: "head", Roles: []trust.Role{trust.Waiver}})
	mismatch := c.rebuilds("run-2", `"result":"match"`, `"result":"mismatch"`)
	finding := c.say("qa", time.Time{}, mismatch[0])
	c.must(c.options(), VerdictNotReproduced, "finding "+finding.String())

	child := c.build.Images[0].Manifest
	for name, s := range map[string]struct {
		by string
		provenance.Subjected
	}{
		"N11 about a platform":    {"head", c.waive(child, finding, day(30))},
		"of another finding":      {"head", c.waive(c.build.Index, digest.FromString("x"), day(30))},
		"over":                    {"head", c.waive(c.build.Index, finding, day(28))},
		"by who releases":         {"release", c.waive(c.build.Index, finding, day(30))},
		"by who found":            {"qa", c.waive(c.build.Index, finding, day(30))},
		"N12 for another name":    {"head", *replaced(t, c.waive(c.build.Index, finding, day(30)), shop, "registry.example.com/evil/shop")},
		"with a condition":        {"head", *replaced(t, c.waive(c.build.Index, finding, day(30)), `"owner"`, `"onlyIn":"test","owner"`)},
		"without owner":           {"head", *replaced(t, c.waive(c.build.Index, finding, day(30)), `head@example.com`, ``)},
		"finding in another case": {"head", *replaced(t, c.waive(c.build.Index, finding, day(30)), finding.Encoded(), strings.ToUpper(finding.Encoded()))},
	} {
		c.say(s.by, time.Time{}, s.Subjected)
		t.Run(name, func(t *testing.T) { c.must(c.options(), VerdictNotReproduced, "differed") })
	}

	c.say("head", time.Time{}, c.waive(c.build.Index, finding, day(29)))
	c.must(c.options(), VerdictVerified, "overruled by head@example.com (head) until 2026-11-29T12:00:00Z: broken disk")
	o := c.options()
	o.Now = time.Time{}
	c.must(o, VerdictNotReproduced, "differed") // without a clock nothing can be known to be still valid
	o.Now = day(29)
	c.must(o, VerdictNotReproduced, "differed")

	// Signed again it is the same finding; another one is another.
	c.say("qa", day(3), mismatch[0])
	c.must(c.options(), VerdictVerified, "")
	c.say("qa", time.Time{}, c.rebuilds("run-9", `"result":"match"`, `"result":"mismatch"`)[0])
	c.must(c.options(), VerdictNotReproduced, "differed")
}
