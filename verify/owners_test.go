package verify

import (
	"strings"
	"testing"
	"time"

	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/trust"
)

// CVE-2026-49834: a threshold that one log met several times. Owners are counted, and nothing else.
func TestN2OneOwnerManyWays(t *testing.T) {
	c := newCouncil(t)
	c.publish(nil)
	c.add(rebuilder("qa", "x86"))
	c.keys["qa-second"] = newSigner(t)
	c.signers[1].Keys = append(c.signers[1].Keys, c.keys["qa-second"].Key())
	o := func(n int) Options { o := c.options(); o.Demand.Owners = n; return o }
	c.must(o(1), VerdictRefused, "0 of 1 owners")

	c.rebuilt("qa", "run-2")
	c.must(o(1), VerdictVerified, "1 of 1 owners")
	c.rebuilt("qa", "run-2") // the same bundle, once more
	for _, s := range c.rebuilds("run-2") {
		c.attachArtifact(s.Subject, artifact.Artifact{ // the same bundle under another manifest
			ArtifactType: signing.BundleMediaType, Blob: c.sign(c.keys["qa"], s.Payload), Annotations: map[string]string{"x": "y"}})
	}
	c.rebuilt("qa", "run-3")        // another run
	c.rebuilt("qa-second", "run-2") // signed again with another key of the same owner
	c.rebuilt("qa-second", "run-4")
	c.must(o(2), VerdictRefused, "1 of 2 owners built it again with the same result: qa")

	// Under a second entry of the trust file with the same owner.
	c.add(trust.Signer{Name: "qa-lab", Owner: "qa", Roles: []trust.Role{trust.Rebuilder}})
	c.rebuilt("qa-lab", "run-5")
	c.must(o(2), VerdictRefused, "1 of 2 owners")

	c.add(rebuilder("univ", "arm"))
	c.rebuilt("univ", "run-6")
	res := c.must(o(2), VerdictVerified, "2 of 2 owners")
	if got := strings.Join(res.Rebuilders, " "); got != "qa univ" {
		t.Errorf("rebuilders %q", got)
	}
	c.must(o(3), VerdictRefused, "2 of 3 owners")
}

// Who made the image counts where that is said, once, whatever the name under which it appears.
func TestN2TheOriginalIsNoRebuilder(t *testing.T) {
	c := newCouncil(t)
	c.publish(nil) // with the release key's own rebuild statements
	c.add(rebuilder("qa", ""))
	c.rebuilt("qa", "run-2")
	o := c.options()
	o.Demand.Owners = 2
	c.must(o, VerdictRefused, "1 of 2 owners")
	o.Demand.IncludeOriginal = true
	c.must(o, VerdictVerified, "2 of 2 owners")

	// The maker's own auditor, and a roster that lists the release key as a rebuilder, are the maker.
	c.add(trust.Signer{Name: "maker-audit", Owner: "maker", Roles: []trust.Role{trust.Rebuilder}})
	c.rebuilt("maker-audit", "run-3")
	o = c.options()
	o.Demand.Owners = 2
	c.must(o, VerdictRefused, "1 of 2 owners")
	o.Roster = &trust.Roster{Owners: []trust.Signer{
		{Name: "front", Owner: "front", Roles: []trust.Role{trust.Rebuilder}, Keys: []trust.Key{c.signer.Key()}},
		{Name: "qa", Owner: "qa", Roles: []trust.Role{trust.Rebuilder}, Keys: []trust.Key{c.keys["qa"].Key()}},
	}}
	c.must(o, VerdictRefused, "1 of 2 owners")
	o.Demand = trust.Demand{Owners: 3, IncludeOriginal: true}
	c.must(o, VerdictRefused, "2 of 3 owners") // the maker once, under either name
}

func TestRosterDecidesWhoCounts(t *testing.T) {
	c := newCouncil(t)
	c.publish(nil)
	c.add(rebuilder("qa", ""))
	c.rebuilt("qa", "run-2")
	o := c.options()
	o.Demand.Owners = 1
	o.Roster = &trust.Roster{Owners: []trust.Signer{{Name: "univ", Owner: "univ", Roles: []trust.Role{trust.Rebuilder}, Keys: []trust.Key{c.other.Key()}}}}
	o.Trust.Keys = append(o.Trust.Keys, c.other.Verifier())
	c.must(o, VerdictRefused, "0 of 1 owners") // qa is trusted, and not on the roster
}

func TestEnvironmentsAndRefetched(t *testing.T) {
	c := newCouncil(t)
	c.publish(nil)
	c.add(rebuilder("qa", "x86"))
	c.add(rebuilder("univ", "x86"))
	c.rebuilt("qa", "run-2")
	c.rebuilt("univ", "run-3", `"result":"match"`, `"result":"match","inputs":"seal"`)
	o := c.options()
	o.Demand = trust.Demand{Owners: 2, Environments: 2}
	c.must(o, VerdictRefused, "1 of 2 classes of environments among qa, univ: x86")
	o.Demand = trust.Demand{Owners: 2, Refetched: 1}
	c.must(o, VerdictRefused, "0 of 1 owners among qa, univ fetched the inputs anew")
	c.add(rebuilder("lab", "arm"))
	c.rebuilt("lab", "run-4", `"result":"match"`, `"result":"match","inputs":"refetched","locked":{"total":3,"firstSeen":1,"refetched":3}`)
	o = c.options()
	o.Demand = trust.Demand{Owners: 3, Environments: 2, Refetched: 1}
	c.must(o, VerdictVerified, "3 of 3 owners, 2 classes of environments, 1 fetched the inputs anew")
}

// Every platform has to be rebuilt by as many.
func TestRebuildersOfEveryPlatform(t *testing.T) {
	c := newCouncil(t)
	c.publish(nil)
	c.add(rebuilder("qa", ""))
	for _, s := range c.rebuilds("run-2")[:2] {
		c.say("qa", time.Time{}, s)
	}
	o := c.options()
	o.Demand.Owners = 1
	res := c.must(o, VerdictRefused, "0 of 1 owners")
	if len(res.Rebuilders) != 0 {
		t.Errorf("rebuilders of all: %v", res.Rebuilders)
	}
}
