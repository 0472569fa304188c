package verify

import (
	"strings"
	"testing"
	"time"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/provenance/intoto"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/trust"
)

// An approval that a stolen key signed must not have replaced the rejection from before, and then be dropped itself.
func TestDeniedApprovalReplacesNothing(t *testing.T) {
	c := newCouncil(t)
	c.publish(nil)
	c.add(trust.Signer{Name: "scan", Roles: []trust.Role{trust.Finding}})
	c.say("scan", day(1), c.vsa(provenance.VSAFailed, day(1)))
	c.say("scan", day(3), c.vsa(provenance.VSAPassed, day(3)))
	c.must(c.options(), VerdictVerified, "")
	o := c.options()
	scan := trust.Party{Key: trust.Key{Hint: c.keys["scan"].Key().Hint}}
	o.Deny = denyList(t, newSigner(t), nil, provenance.DenyEntry{Signer: &scan, Since: day(2)})
	c.must(o, VerdictNotReproduced, "found: FAILED")
}

// What somebody said against an image stays when his key or builder is denied: it counts against and never for.
func TestDeniedStillObjects(t *testing.T) {
	c := newCouncil(t)
	c.publish(nil)
	c.add(trust.Signer{Name: "qa", Roles: []trust.Role{trust.Finding}, Builders: map[string]trust.Level{"https://qa.example/builder": 1}})
	s := c.rebuilds("run-2", `"result":"match"`, `"result":"mismatch"`, `"id":"`+c.build.BuilderID, `"id":"https://qa.example/builder`)[0]
	c.say("qa", time.Time{}, s)
	qa := trust.Party{Key: trust.Key{Hint: c.keys["qa"].Key().Hint}}
	for name, e := range map[string]provenance.DenyEntry{
		"signer": {Signer: &qa}, "signer since": {Signer: &qa, Since: day(20)}, "builder": {Builder: "https://qa.example/builder"},
	} {
		t.Run(name, func(t *testing.T) {
			o := c.options()
			o.Deny = denyList(t, newSigner(t), nil, e)
			c.must(o, VerdictNotReproduced, "it counts against the image all the same")
		})
	}
}

// A veto is judged by its result alone, whatever else of it is wrong; and where not even that can be read, nothing is decided.
func TestObjectionsThatAreNotWellFormed(t *testing.T) {
	const policy = `"uri":"https://scan.example.com/policy"`
	for name, x := range map[string]struct {
		make func(c *council) provenance.Subjected
		want Verdict
	}{
		"failed, without a policy": {func(c *council) provenance.Subjected {
			return *replaced(t, c.vsa(provenance.VSAFailed, day(1)), policy, `"uri":""`)
		}, VerdictNotReproduced},
		"passed, at the level FAILED": {func(c *council) provenance.Subjected {
			return *replaced(t, c.vsa(provenance.VSAPassed, day(1)), `SLSA_BUILD_LEVEL_1`, `FAILED`)
		}, VerdictNotReproduced},
		"neither passed nor failed": {func(c *council) provenance.Subjected {
			return *replaced(t, c.vsa(provenance.VSAPassed, day(1)), `"PASSED"`, `"REJECTED"`)
		}, VerdictNotReproduced},
		"mismatch at level 7": {func(c *council) provenance.Subjected {
			return *replaced(t, c.rebuilds("run-2", `"result":"match"`, `"result":"mismatch"`)[0], `"level":"manifest"`, `"level":7`)
		}, VerdictNotReproduced},
		"a list of results": {func(c *council) provenance.Subjected {
			return *replaced(t, c.rebuilds("run-2")[0], `"result":"match"`, `"result":["match"]`)
		}, VerdictUndecided},
		"a statement of another version": {func(c *council) provenance.Subjected {
			return *replaced(t, c.rebuilds("run-2")[0], provenance.StatementType, "https://in-toto.io/Statement/v9")
		}, VerdictUndecided},
		"a match at level 7 says nothing": {func(c *council) provenance.Subjected {
			return *replaced(t, c.rebuilds("run-2")[0], `"level":"manifest"`, `"level":7`)
		}, VerdictVerified},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCouncil(t)
			c.publish(nil)
			c.add(trust.Signer{Name: "qa", Roles: []trust.Role{trust.Finding}})
			finding := c.say("qa", time.Time{}, x.make(c))
			c.must(c.options(), x.want, "")
			if x.want == VerdictVerified {
				return
			}
			c.add(trust.Signer{Name: "head", Roles: []trust.Role{trust.Waiver}})
			c.say("head", time.Time{}, c.waive(c.build.Index, finding, day(29)))
			c.must(c.options(), VerdictVerified, "overruled by")
		})
	}
	// Of somebody who may not object it decides nothing.
	c := newCouncil(t)
	c.publish(nil)
	c.add(trust.Signer{Name: "ci", Roles: []trust.Role{trust.Functionary}})
	c.say("ci", time.Time{}, *replaced(t, c.rebuilds("run-2")[0], provenance.StatementType, "https://in-toto.io/Statement/v9"))
	c.must(c.options(), VerdictVerified, "")
}

// A veto need not be about one image alone, nor hang on the platform that it is about.
func TestObjectionsAboutMore(t *testing.T) {
	c := newCouncil(t)
	c.publish(nil)
	c.add(trust.Signer{Name: "qa", Roles: []trust.Role{trust.Finding}, Names: []string{shop}})
	mismatch := c.rebuilds("run-2", `"result":"match"`, `"result":"mismatch"`)
	several := *replaced(t, mismatch[0], `"subject":[`, `"subject":[{"name":"registry.example.com/other","digest":{"sha256":"`+strings.Repeat("0", 64)+`"}},`)
	c.say("qa", time.Time{}, several)
	c.must(c.options(), VerdictNotReproduced, "differed")

	c = newCouncil(t)
	c.publish(nil)
	c.add(trust.Signer{Name: "qa", Roles: []trust.Role{trust.Finding}})
	child := c.rebuilds("run-2", `"result":"match"`, `"result":"mismatch"`)[1]
	child.Subject = c.build.Index
	c.say("qa", time.Time{}, child)
	c.must(c.options(), VerdictNotReproduced, "differed")
}

// Without a trust file each key is a signer of its own: what one approves does not take back what another rejected.
func TestPlainKeysAreNotOneSigner(t *testing.T) {
	c := newCouncil(t)
	c.publish(nil)
	c.add(trust.Signer{Name: "a"})
	c.add(trust.Signer{Name: "b"})
	c.say("a", day(1), c.vsa(provenance.VSAFailed, day(1)))
	c.say("b", day(2), c.vsa(provenance.VSAPassed, day(2)))
	o := c.options()
	o.Signers = nil
	c.must(o, VerdictNotReproduced, "found: FAILED")
	c.say("a", day(2), c.vsa(provenance.VSAPassed, day(2)))
	o = c.options()
	o.Signers = nil
	c.must(o, VerdictVerified, "")
}

// The level is that of the statement which was accepted, never of one that was looked at and did not hold.
func TestLevelIsOfWhatWasAccepted(t *testing.T) {
	c := newCouncil(t)
	c.publish(nil)
	c.add(trust.Signer{Name: "ci", Roles: []trust.Role{trust.Release}, Builders: map[string]trust.Level{c.build.BuilderID: 3}})
	for _, s := range c.statements() {
		if s.PredicateType == provenance.PredicateProvenance {
			c.say("ci", time.Time{}, *replaced(t, s, provenance.BuildType, "https://evil.example/type"))
		}
	}
	if res := c.must(c.options(), VerdictVerified, ""); res.Level != 0 {
		t.Errorf("level %d of a statement that does not hold", res.Level)
	}
}

// Links of a functionary who is denied are gone.
func TestDeniedFunctionary(t *testing.T) {
	p := newPipeline(t)
	p.publish(nil)
	p.signLinks()
	l, err := p.open(p.envelope, dayOfLayout, p.owner.Verifier())
	if err != nil {
		t.Fatal(err)
	}
	o := p.options()
	o.Layout = l
	ci := trust.Party{Key: trust.Key{Hint: p.ci.Key().Hint}}
	o.Deny = denyList(t, newSigner(t), nil, provenance.DenyEntry{Signer: &ci})
	res := p.must(o, VerdictDenied, "step "+intoto.StepLock)
	if len(res.Ignored) != 4 {
		t.Errorf("ignored: %v", res.Ignored)
	}
}

// Where not everything was read, that a denied signer's word is missing decides nothing.
func TestDeniedButIncomplete(t *testing.T) {
	w := newWorld(t)
	w.publish(nil)
	key := trust.Party{Key: trust.Key{Hint: w.signer.Key().Hint}}
	o := w.options()
	o.Deny = denyList(t, newSigner(t), nil, provenance.DenyEntry{Signer: &key})
	w.must(o, VerdictDenied, "")
	o.Source = faulty{Source: w.store, listing: func(l artifact.Listing) (artifact.Listing, error) {
		return l, &artifact.IncompleteError{Bound: "one"}
	}}
	w.must(o, VerdictUndecided, "")
}

// What options name and nobody has opened is an error, not a check that is left out.
func TestOptionsThatLeaveSomethingOut(t *testing.T) {
	w := newWorld(t)
	w.publish(nil)
	rule := trust.IdentityRule{Issuer: "https://token.example.com", Subject: "qa@example.com"}
	for name, change := range map[string]func(*Options){
		"deny list":        func(o *Options) { o.DenyAt = &trust.DenyList{} },
		"release index":    func(o *Options) { o.IndexAt = &trust.Index{} },
		"plain identities": func(o *Options) { o.Identities = []trust.IdentityRule{rule} },
		"identities of a trust file": func(o *Options) {
			o.Signers = append(o.alone(), trust.Signer{Name: "qa", Roles: []trust.Role{trust.Finding}, Identities: []trust.IdentityRule{rule}})
		},
		"identities of a roster": func(o *Options) {
			o.Roster = &trust.Roster{Owners: []trust.Signer{{Name: "qa", Identities: []trust.IdentityRule{rule}}}}
		},
		"an owner's index by the release key": func(o *Options) {
			x := OwnerIndex{Owner: "qa", IndexOptions: IndexOptions{Source: w.store}}
			x.Demand.Trust = signing.Trust{Keys: []*signing.Verifier{w.signer.Verifier()}}
			o.OwnerIndexes = []OwnerIndex{x}
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := w.options()
			change(&o)
			if res, err := Run(t.Context(), o); err == nil {
				t.Errorf("verified: %s", res.Summary)
			} else if strings.Contains(name, "identities") && diag.ExitCode(err) != diag.ExitUsage {
				t.Errorf("exit %d: %v", diag.ExitCode(err), err)
			}
		})
	}
}

// One party is one owner, however many entries it stands under.
func TestOnePartyIsOneOwner(t *testing.T) {
	two := func(o Options) Options { o.Demand.Owners = 2; return o }

	t.Run("trust file and roster", func(t *testing.T) {
		c := newCouncil(t)
		c.publish(nil)
		s := rebuilder("acme", "")
		s.Owner = "acme-inc"
		c.add(s)
		c.rebuilt("acme", "run-2")
		o := two(c.options())
		o.Roster = &trust.Roster{Owners: []trust.Signer{{Name: "acme", Owner: "acme", Roles: []trust.Role{trust.Rebuilder}, Keys: []trust.Key{c.keys["acme"].Key()}}}}
		c.must(o, VerdictRefused, "1 of 2 owners built it again with the same result: acme")
	})
	t.Run("two entries of the trust file", func(t *testing.T) {
		c := newCouncil(t)
		c.publish(nil)
		c.add(rebuilder("acme", ""))
		c.keys["zeta"] = c.keys["acme"]
		c.add(rebuilder("zeta", ""))
		c.rebuilt("acme", "run-2")
		c.rebuilt("acme", "run-3")
		c.must(two(c.options()), VerdictRefused, "1 of 2 owners")
	})
	t.Run("patterns that overlap", func(t *testing.T) {
		c := newCouncil(t)
		c.publish(nil)
		c.add(trust.Signer{Name: "ci"})
		c.rebuilt("ci", "run-2")
		o := two(c.options())
		keyed, ci := o.checkBundle, c.keys["ci"].Key().Hint
		o.checkBundle = func(bundle []byte) (signing.Signed, error) {
			got, err := keyed(bundle)
			if got.By.Key.Hint == ci {
				got.By = trust.Party{Identity: trust.Identity{Issuer: "https://token.example.com", Subject: "ab"}}
			}
			return got, err
		}
		o.Roster = &trust.Roster{}
		for _, pattern := range []string{"a.", ".b"} {
			rule, err := trust.IdentityPattern("https://token.example.com", pattern)
			if err != nil {
				t.Fatal(err)
			}
			o.Roster.Owners = append(o.Roster.Owners, trust.Signer{Name: pattern, Owner: pattern, Roles: []trust.Role{trust.Rebuilder}, Identities: []trust.IdentityRule{rule}})
		}
		if _, err := Run(t.Context(), o); len(diag.All(err)) != 1 || diag.All(err)[0].Code != "A0610" {
			t.Errorf("%v, want A0610: nobody can say which of the two he is", err)
		}
	})
	t.Run("a second key of the maker", func(t *testing.T) {
		c := newCouncil(t)
		c.publish(nil)
		c.add(trust.Signer{Name: "audit", Owner: "maker", Roles: []trust.Role{trust.Rebuilder}})
		c.rebuilt("audit", "run-2")
		o := c.options()
		o.Demand.Owners = 1
		o.Roster = &trust.Roster{Owners: []trust.Signer{{Name: "front", Owner: "front", Roles: []trust.Role{trust.Rebuilder}, Keys: []trust.Key{c.keys["audit"].Key()}}}}
		c.must(o, VerdictRefused, "0 of 1 owners")
	})
}
