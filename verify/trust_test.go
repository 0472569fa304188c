package verify

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/trust"
)

// day is a time of trusted timestamps in these tests.
func day(n int) time.Time { return time.Date(2026, 11, n, 12, 0, 0, 0, time.UTC) }

// council is a world with a trust file: several signers, each with a key.
type council struct {
	*world
	keys    map[string]*signing.Signer
	signers []trust.Signer
	times   map[digest.Digest]time.Time // of bundles, as a timestamp authority would say
}

func newCouncil(t *testing.T) *council {
	t.Helper()
	c := &council{world: newWorld(t), keys: map[string]*signing.Signer{}, times: map[digest.Digest]time.Time{}}
	c.keys["release"] = c.signer
	c.add(trust.Signer{Name: "release", Roles: []trust.Role{trust.Release}, Owner: "maker"})
	return c
}

// add gives an entry a key of its own, unless its name has one already.
func (c *council) add(s trust.Signer) {
	if c.keys[s.Name] == nil {
		c.keys[s.Name] = newSigner(c.t)
	}
	s.Keys = append(s.Keys, c.keys[s.Name].Key())
	c.signers = append(c.signers, s)
}

func (c *council) options() Options {
	o := c.world.options()
	o.Signers, o.Now, o.Trust.Keys = c.signers, day(28), nil
	for _, k := range c.keys {
		o.Trust.Keys = append(o.Trust.Keys, k.Verifier())
	}
	check := o.Trust
	o.checkBundle = func(bundle []byte) (signing.Signed, error) {
		got, err := check.Verify(bundle)
		got.Time = c.times[digest.FromBytes(bundle)]
		return got, err
	}
	return o
}

// say attaches a statement signed by name's key, at a trusted time if it is not zero.
func (c *council) say(name string, at time.Time, s provenance.Subjected) digest.Digest {
	c.t.Helper()
	bundle := c.sign(c.keys[name], s.Payload)
	if !at.IsZero() {
		c.times[digest.FromBytes(bundle)] = at
	}
	c.attach(s.Subject, bundle)
	return digest.FromBytes(s.Payload)
}

// rebuilds are the rebuild statements about all manifests, changed: run makes their bytes differ from those of others.
func (c *council) rebuilds(run string, changes ...string) []provenance.Subjected {
	c.t.Helper()
	var out []provenance.Subjected
	for _, s := range c.statements() {
		if s.PredicateType != provenance.PredicateRebuild {
			continue
		}
		s = *replaced(c.t, s, "run-1", run)
		for i := 0; i < len(changes); i += 2 {
			s = *replaced(c.t, s, changes[i], changes[i+1])
		}
		out = append(out, s)
	}
	return out
}

// rebuilt lets name say of every manifest that it built it again.
func (c *council) rebuilt(name, run string, changes ...string) {
	c.t.Helper()
	for _, s := range c.rebuilds(run, changes...) {
		c.say(name, time.Time{}, s)
	}
}

func rebuilder(name, environment string) trust.Signer {
	return trust.Signer{Name: name, Owner: name, Roles: []trust.Role{trust.Rebuilder, trust.Finding}, Environment: environment}
}

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
	c.rebuilt("lab", "run-4", `"result":"match"`, `"result":"match","inputs":"refetched"`)
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
		case trust.Finding, trust.Rebuilder, trust.Promoter:
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

// vsa is a summary of the index, made at a time by its own word.
func (c *council) vsa(result string, at time.Time) provenance.Subjected {
	c.t.Helper()
	levels := []string{"SLSA_BUILD_LEVEL_1"}
	if result != provenance.VSAPassed {
		levels = []string{"FAILED"}
	}
	s, err := provenance.VSAStatement(shop, c.build.Index, provenance.VSA{
		Verifier: provenance.Verifier{ID: "https://scan.example.com"}, TimeVerified: at, ResourceURI: shop,
		Policy: provenance.Reference{URI: "https://scan.example.com/policy"}, VerificationResult: result, VerifiedLevels: levels,
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return s
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

// waive makes a waiver of finding about subject, as its statement.
func (c *council) waive(subject artifact.Descriptor, finding digest.Digest, until time.Time) provenance.Subjected {
	c.t.Helper()
	s, err := provenance.WaiverStatement(shop, subject, provenance.Waiver{
		Finding: provenance.SHA256Reference("", finding), Owner: "head@example.com", Reason: "broken disk", Expires: until,
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return s
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

// rawKey signs what signing.Sign refuses to.
type rawKey struct {
	private  *ecdsa.PrivateKey
	verifier *signing.Verifier
}

func newRawKey(t *testing.T) rawKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	v, err := signing.LoadVerifier(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	if err != nil {
		t.Fatal(err)
	}
	return rawKey{key, v}
}

// bundle has one signature for each payload type given, all of them good.
func (k rawKey) bundle(t *testing.T, payload []byte, keyid string, payloadType string, signatures int) []byte {
	t.Helper()
	pae := fmt.Sprintf("DSSEv1 %d %s %d %s", len(payloadType), payloadType, len(payload), payload)
	var sigs []map[string]string
	for range signatures {
		sum := sha256.Sum256([]byte(pae))
		sig, err := ecdsa.SignASN1(rand.Reader, k.private, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		s := map[string]string{"sig": base64.StdEncoding.EncodeToString(sig)}
		if keyid != "" {
			s["keyid"] = keyid
		}
		sigs = append(sigs, s)
	}
	out, err := json.Marshal(map[string]any{
		"mediaType":            signing.BundleMediaType,
		"verificationMaterial": map[string]any{"publicKey": map[string]string{"hint": k.verifier.Key().Hint}},
		"dsseEnvelope":         map[string]any{"payload": base64.StdEncoding.EncodeToString(payload), "payloadType": payloadType, "signatures": sigs},
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestN9SignedAndAmbiguous has bundles that a good key really signed, and that two readers could read differently: none of them
// counts, and nothing of them shows up as evidence.
func TestN9SignedAndAmbiguous(t *testing.T) {
	w := newWorld(t)
	key := newRawKey(t)
	prov := w.statements()[0]
	text := string(prov.Payload)
	in := signing.PayloadType
	put := func(old, with string) []byte { return replaced(t, prov, old, with).Payload }
	for name, bundle := range map[string][]byte{
		"two signatures":      key.bundle(t, prov.Payload, "", in, 2),
		"no signature":        key.bundle(t, prov.Payload, "", in, 0),
		"foreign keyid":       key.bundle(t, prov.Payload, "someone", in, 1),
		"keyid = hint":        key.bundle(t, prov.Payload, key.verifier.Key().Hint, in, 1),
		"payload type":        key.bundle(t, prov.Payload, "", "application/json", 1),
		"another legal one":   key.bundle(t, prov.Payload, "", "application/vnd.in-toto.provenance+json", 1),
		"duplicate subject":   key.bundle(t, put(`"subject":[`, `"subject":[],"subject":[`), "", in, 1),
		"duplicate predicate": key.bundle(t, put(`"predicate":{`, `"predicate":{"x":1},"predicate":{`), "", in, 1),
		"duplicate by escape": key.bundle(t, put(`"subject":[`, `"subj\u0065ct":[],"subject":[`), "", in, 1),
		"case-folded":         key.bundle(t, put(`"predicateType"`, `"PredicateType":"x","predicateType"`), "", in, 1),
		"folded inside":       key.bundle(t, put(`"buildType"`, `"BuildType":"x","buildType"`), "", in, 1),
		"trailing":            key.bundle(t, []byte(text+"{}"), "", in, 1),
		"depth 9000":          key.bundle(t, put(`"predicate":{`, `"predicate":{"x":`+strings.Repeat("[", 9000)+strings.Repeat("]", 9000)+`,`), "", in, 1),
		"md5 only":            key.bundle(t, put(`"sha256":"`+prov.Subject.Digest.Encoded(), `"md5":"`+strings.Repeat("ab", 16)), "", in, 1),
		"no _type":            key.bundle(t, put(`"_type":"https://in-toto.io/Statement/v1",`, ``), "", in, 1),
		"type v2":             key.bundle(t, put(`Statement/v1`, `Statement/v2`), "", in, 1),
		"not UTF-8":           key.bundle(t, bytes.ReplaceAll(prov.Payload, []byte("run-1"), []byte("run\xff1")), "", in, 1),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.attach(w.build.Index, bundle)
			o := w.options()
			o.Trust.Keys = []*signing.Verifier{key.verifier}
			res := w.must(o, VerdictInvalid, "")
			if len(res.Ignored) != 1 && name != "folded inside" || len(res.Evidence) > 0 && name != "folded inside" {
				t.Errorf("%+v\n%s", res.Evidence, text)
			}
		})
	}
}

// A statement of 20 MiB is read, in time and memory that are a small multiple of it; it counts for what it says.
func TestN9TwentyMiB(t *testing.T) {
	w := newWorld(t)
	big := `"internalParameters":{"note":"` + strings.Repeat("x", 20<<20) + `",`
	start := time.Now()
	w.publish(func(s provenance.Subjected) *provenance.Subjected {
		if s.PredicateType == provenance.PredicateProvenance && s.Subject.Digest == w.build.Index.Digest {
			return replaced(t, s, `"internalParameters":{`, big)
		}
		return &s
	})
	w.must(w.options(), VerdictVerified, "")
	t.Logf("signed and verified 20 MiB in %s", time.Since(start))
}

// Integers beyond 2^53 keep their digits (sigstore-go hands predicates out as doubles).
func TestN9LargeIntegers(t *testing.T) {
	w := newWorld(t)
	s := replaced(t, w.statements()[0], `"sourceDateEpoch":1`, `"sourceDateEpoch":9007199254740993`)
	w.attach(s.Subject, w.sign(w.signer, s.Payload))
	o := w.options()
	e, err := gather(t.Context(), Options{Source: o.Source, Trust: o.Trust, Budget: o.Budget.withDefaults()}, image{desc: w.build.Index})
	if err != nil || len(e.trusted) != 1 {
		t.Fatalf("%v %+v", err, e)
	}
	p, err := e.trusted[0].Provenance()
	if err != nil {
		t.Fatal(err)
	}
	if in, err := p.Internal(); err != nil || in.Epoch != 9007199254740993 {
		t.Errorf("%d, %v", in.Epoch, err)
	}
}
