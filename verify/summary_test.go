package verify

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/freshness"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/trust"
)

var summary = Summary{Verifier: "https://verify.example.com/v1", Version: "v0.1.0", Time: day(3)}

// stock is what stock slsa-verifier accepts as a level: any other word that begins with SLSA_ makes it refuse the summary
// (verifiers/internal/vsa/verifier.go, extractSLSALevels).
var stock = regexp.MustCompile(`^SLSA_[A-Z]+_LEVEL_[0-9]+$`)

func TestVSA(t *testing.T) {
	c := newCouncil(t)
	c.publish(nil)
	c.add(rebuilder("qa", ""))
	c.rebuilt("qa", "run-2")
	c.signers[0].Builders = map[string]trust.Level{provenance.BuilderID(provenance.ModeLocal): 2}
	o := c.options()
	o.Demand.Owners, o.PolicySHA256 = 1, digest.FromString("trust file").Encoded()
	res := c.must(o, VerdictVerified, "")

	read := func(reproduced bool) provenance.VSA {
		t.Helper()
		made, err := res.VSA(summary, reproduced)
		if err != nil {
			t.Fatal(err)
		}
		s, err := provenance.Parse(made.Payload)
		if err != nil {
			t.Fatal(err)
		}
		v, err := s.VSA()
		if err != nil || made.Subject.Digest != c.build.Index.Digest || s.Subject[0].Name != shop || s.Subject[0].SHA256() != c.build.Index.Digest {
			t.Fatalf("%v %+v", err, s.Subject)
		}
		return v
	}
	v := read(false)
	// All seven checks that a consumer must make.
	if err := v.Passes("https://verify.example.com/v1", shop+"@"+c.build.Index.Digest.String(), "SLSA_BUILD_LEVEL_2"); err != nil {
		t.Error(err)
	}
	for _, l := range v.VerifiedLevels {
		if !stock.MatchString(l) {
			t.Errorf("stock slsa-verifier refuses the whole summary for %s", l)
		}
	}
	if v.Policy.URI != "https://selfsame.build/policy/trust/v1?owners=1" || v.Policy.Digest["sha256"] != o.PolicySHA256 || !v.TimeVerified.Equal(day(3)) || v.SLSAVersion != "1.2" {
		t.Errorf("%+v", v)
	}
	// inputAttestations lists all that counted: each statement of each signer about each manifest, by the digest of its bundle.
	listed := map[string]bool{}
	for _, in := range v.InputAttestations {
		listed[in.SHA256().String()] = true
	}
	n := 0
	for _, d := range c.manifests() {
		for _, b := range c.bundles(d.Digest) {
			n++
			if !listed[digest.FromBytes(b).String()] {
				t.Errorf("a bundle about %s is not among the inputs", d.Digest)
			}
		}
	}
	if n != len(v.InputAttestations) || n != 9 {
		t.Errorf("%d inputs, %d bundles", len(v.InputAttestations), n)
	}

	if got := read(true).VerifiedLevels; cmp.Diff([]string{"SLSA_BUILD_LEVEL_2", "SLSA_BUILD_REPRODUCED"}, got) != "" {
		t.Errorf("levels %v", got)
	}
}

// SLSA_BUILD_REPRODUCED takes two independent owners on every manifest; the twins of one maker are one.
func TestReproducedTakesTwoOwners(t *testing.T) {
	c := newCouncil(t)
	c.publish(nil)
	c.add(trust.Signer{Name: "own-audit", Owner: "maker", Roles: []trust.Role{trust.Rebuilder}})
	c.rebuilt("own-audit", "run-2")
	res := c.must(c.options(), VerdictVerified, "")
	_, err := res.VSA(summary, true)
	wantCode(t, err, codeNoSummary)
	if _, err := res.VSA(summary, false); err != nil {
		t.Error(err)
	}
	c.add(rebuilder("qa", ""))
	for _, s := range c.rebuilds("run-3")[:2] {
		c.say("qa", time.Time{}, s)
	}
	_, err = c.must(c.options(), VerdictVerified, "").VSA(summary, true)
	wantCode(t, err, codeNoSummary)
	c.rebuilt("qa", "run-3")
	if _, err = c.must(c.options(), VerdictVerified, "").VSA(summary, true); err != nil {
		t.Error(err)
	}
}

// A failed summary is made of what failed, and of what was not decided none at all: it would be a finding that nobody made.
func TestFailedSummary(t *testing.T) {
	c := newCouncil(t)
	res := c.must(c.options(), VerdictMissing, "")
	_, err := res.VSA(summary, false)
	wantCode(t, err, codeNoSummary)

	c.publish(nil)
	c.add(rebuilder("qa", ""))
	c.say("qa", time.Time{}, c.rebuilds("run-2", `"result":"match"`, `"result":"mismatch"`)[0])
	res = c.must(c.options(), VerdictNotReproduced, "")
	made, err := res.VSA(summary, false)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(made.Payload, []byte(`"verificationResult":"FAILED","verifiedLevels":["FAILED"]`)) {
		t.Errorf("%s", made.Payload)
	}
	_, err = res.VSA(summary, true)
	wantCode(t, err, codeNoSummary)
	_, err = res.SVR(summary)
	wantCode(t, err, codeNoSummary)

	o := c.options()
	o.Budget.Listing.Referrers = 1
	res = Result{Verdict: VerdictUndecided, Name: shop}
	_, err = res.VSA(summary, false)
	wantCode(t, err, codeNoSummary)
	_, err = (Result{}).VSA(summary, false)
	wantCode(t, err, codeNoSummary)
}

func TestSVR(t *testing.T) {
	c := newCouncil(t)
	c.publish(nil)
	c.add(rebuilder("qa", ""))
	c.rebuilt("qa", "run-2")
	made, err := c.must(c.options(), VerdictVerified, "").SVR(summary)
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf(`{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"%s","digest":{"sha256":"%s"}}],`+
		`"predicateType":"https://in-toto.io/attestation/svr/v0.2","predicate":{"verifier":{"id":"https://verify.example.com/v1",`+
		`"policies":[{"uri":"https://selfsame.build/policy/keys/v1"}]},"timeCreated":"2026-11-03T12:00:00Z",`+
		`"properties":["SLSA_BUILD_LEVEL_1","SELFSAME_BUILT_TWICE","SLSA_BUILD_REPRODUCED","SELFSAME_OWNERS_2"]}}`, shop, c.build.Index.Digest.Encoded())
	if diff := cmp.Diff(want, string(made.Payload)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func wantCode(t *testing.T, err error, code diag.Code) {
	t.Helper()
	for _, d := range diag.All(err) {
		if d.Code == code {
			return
		}
	}
	t.Errorf("error %v, want %s", err, code)
}

// meaning is what a verdict says to whoever acts on it.
func meaning(r Result) string {
	return fmt.Sprint(r.Verdict, r.Name, r.Digest, r.Reproduced, r.Independence, r.Axes, r.Level, r.Rebuilders, r.platforms)
}

// mutant is a council whose evidence proves everything, with one bundle that is served changed.
type mutant struct {
	*council
	options Options
	store   frozen
	bundles []artifact.Descriptor
	want    string
}

// frozen is a source in memory that checks nothing.
type frozen struct {
	manifests map[digest.Digest]artifact.Descriptor
	listings  map[digest.Digest]artifact.Listing
	bytes     map[digest.Digest][]byte
}

func (f frozen) Name() string { return "memory" }

func (f frozen) Manifest(_ context.Context, d digest.Digest) (artifact.Descriptor, []byte, error) {
	return f.manifests[d], f.bytes[d], nil
}

func (f frozen) Blob(_ context.Context, b artifact.Descriptor, _ int64) ([]byte, error) {
	return f.bytes[b.Digest], nil
}

func (f frozen) Referrers(_ context.Context, d digest.Digest, _ artifact.Budget) (artifact.Listing, error) {
	return f.listings[d], nil
}

func newMutant(t *testing.T) *mutant {
	t.Helper()
	c := newCouncil(t)
	c.publish(func(s provenance.Subjected) *provenance.Subjected { // so that each bundle is needed
		if s.PredicateType == provenance.PredicateRebuild {
			return nil
		}
		return &s
	})
	c.add(rebuilder("qa", "arm"))
	c.rebuilt("qa", "run-2")
	c.signers[0].Builders = map[string]trust.Level{provenance.BuilderID(provenance.ModeLocal): 3}
	m := &mutant{council: c, options: c.options(), store: frozen{map[digest.Digest]artifact.Descriptor{}, map[digest.Digest]artifact.Listing{}, map[digest.Digest][]byte{}}}
	m.options.Demand, m.options.MinLevel = trust.Demand{Owners: 1, Environments: 1}, 3
	m.want = meaning(c.must(m.options, VerdictVerified, ""))
	for _, d := range c.manifests() {
		desc, raw, err := c.store.Manifest(t.Context(), d.Digest)
		if err != nil {
			t.Fatal(err)
		}
		m.store.manifests[d.Digest], m.store.bytes[d.Digest] = desc, raw
		l, err := c.store.Referrers(t.Context(), d.Digest, artifact.Budget{})
		if err != nil {
			t.Fatal(err)
		}
		m.store.listings[d.Digest] = l
		for _, r := range l.Referrers {
			m.bundles = append(m.bundles, r.Layers[0])
			if m.store.bytes[r.Layers[0].Digest], err = c.store.Blob(t.Context(), r.Layers[0], signing.MaxBundle); err != nil {
				t.Fatal(err)
			}
		}
	}
	return m
}

// with gives the verdict when bundle n is served as change leaves it: a source that does not check digests at all.
func (m *mutant) with(n int, change func([]byte) []byte) Result {
	o := m.options
	o.Source = faulty{Source: m.store, blob: func(d artifact.Descriptor) ([]byte, error) {
		raw := m.store.bytes[d.Digest]
		if d.Digest == m.bundles[n].Digest {
			raw = change(bytes.Clone(raw))
		}
		return raw, nil
	}}
	return m.run(o)
}

// TestEveryFlippedByteOfTheVerdict: a changed byte makes the verdict worse, or leaves what it means.
func TestEveryFlippedByteOfTheVerdict(t *testing.T) {
	m := newMutant(t)
	worse, same := 0, 0
	for n, b := range m.bundles {
		for at := n % 11; at < int(b.Size); at += 41 {
			res := m.with(n, func(raw []byte) []byte { raw[at] ^= 1 << (at % 8); return raw })
			switch {
			case res.Verdict != VerdictVerified:
				worse++
			case meaning(res) != m.want:
				t.Fatalf("byte %d of bundle %d: %s\nwant %s", at, n, meaning(res), m.want)
			default:
				same++
			}
		}
	}
	t.Logf("%d changes make it worse, %d change nothing", worse, same)
	if worse < 10*same {
		t.Errorf("%d changes of %d leave the verdict as it is", same, worse+same)
	}
}

// FuzzVerdict: the same with whatever bytes in place of any part of any bundle.
func FuzzVerdict(f *testing.F) {
	f.Add(uint(0), uint(40), []byte(`{"`))
	f.Add(uint(1), uint(0), []byte(`{"mediaType":"x",`))
	f.Add(uint(5), uint(300), []byte("AAAA"))
	var m *mutant
	f.Fuzz(func(t *testing.T, n, at uint, with []byte) {
		if m == nil {
			m = newMutant(t)
		}
		m.world.t = t
		n %= uint(len(m.bundles))
		res := m.with(int(n), func(raw []byte) []byte { //nolint:gosec // a small number
			at := min(at%uint(len(raw)+1), uint(len(raw)))
			return append(append(raw[:at:at], with...), raw[min(int(at)+len(with), len(raw)):]...) //nolint:gosec // within raw
		})
		if res.Verdict == VerdictVerified && meaning(res) != m.want {
			t.Fatalf("%s\nwant %s", meaning(res), m.want)
		}
	})
}

// TestPolicyNamesOptions: a result under weaker options does not name the policy of a stricter one.
func TestPolicyNamesOptions(t *testing.T) {
	seen := map[string]string{}
	for name, change := range map[string]func(*Options){
		"as it is": func(*Options) {}, "unreproduced": func(o *Options) { o.AllowUnreproduced = true }, "owners": func(o *Options) { o.Demand.Owners = 2 },
		"original": func(o *Options) { o.Demand.IncludeOriginal = true }, "level": func(o *Options) { o.MinLevel = 2 },
		"source": func(o *Options) { o.ExpectSource = "git+https://git.example.com/shop.git" }, "builder": func(o *Options) { o.ExpectBuilder = "https://b.example" },
		"roster": func(o *Options) { o.Roster = &trust.Roster{SHA256: "aa"} }, "layout": func(o *Options) { o.Layout = &Layout{digest: "sha256:bb"} },
		"index": func(o *Options) { o.Index = &IndexOptions{} },
		"list": func(o *Options) {
			o.Deny = &freshness.DenyList{Name: "registry.example.com/ops/denylist"}
			o.Deny.Sequence = 7
		},
	} {
		var o Options
		change(&o)
		var r Result
		r.describe(o, artifact.Descriptor{}, nil)
		uri := r.policy(Summary{}).URI
		if other, twice := seen[uri]; twice {
			t.Errorf("%s and %s are both %s", name, other, uri)
		}
		seen[uri] = name
	}
	if seen["https://selfsame.build/policy/keys/v1"] != "as it is" || seen["https://selfsame.build/policy/keys/v1?denylist=registry.example.com%2Fops%2Fdenylist%3A7"] != "list" {
		t.Errorf("%v", seen)
	}
}

// TestFailedSummaryListsTheVeto that decided, also one that counts against an image only.
func TestFailedSummaryListsTheVeto(t *testing.T) {
	c := newCouncil(t)
	c.publish(nil)
	c.add(trust.Signer{Name: "qa", Roles: []trust.Role{trust.Finding}, Until: day(15)})
	finding := c.rebuilds("run-2", `"result":"match"`, `"result":"mismatch"`)[0]
	bundle := c.sign(c.keys["qa"], finding.Payload)
	c.attach(finding.Subject, bundle)
	made, err := c.must(c.options(), VerdictNotReproduced, "differed").VSA(summary, false)
	if err != nil || !strings.Contains(string(made.Payload), digest.FromBytes(bundle).Encoded()) {
		t.Errorf("%v %s", err, made.Payload)
	}
}
