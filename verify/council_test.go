package verify

import (
	"testing"
	"time"

	digest "github.com/opencontainers/go-digest"

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
