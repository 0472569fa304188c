package verify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/policy"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/recipes/lock"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/trust"
)

const (
	spdxHead = `{"spdxVersion":"SPDX-2.3","packages":[{"SPDXID":"SPDXRef-1","name":"bash","versionInfo":"5.2","licenseDeclared":"GPL-3.0-or-later","externalRefs":[{"referenceType":"purl","referenceLocator":"pkg:deb/debian/bash@5.2"}]}]}`
	typeTest = "https://example.com/test/v1"
)

// facts verifies and gives what rules may look at.
func (c *council) facts(change func(*Options)) policy.Evidence {
	c.t.Helper()
	o := c.options()
	o.Facts = true
	if change != nil {
		change(&o)
	}
	return c.run(o).Facts()
}

// about makes a statement of any type.
func (c *council) about(subject digest.Digest, name, predicateType, predicate string) provenance.Subjected {
	if name != "" {
		name = `"name":"` + name + `",`
	}
	return provenance.Subjected{Subject: c.build.Index, PredicateType: predicateType, Payload: []byte(fmt.Sprintf(
		`{"_type":"https://in-toto.io/Statement/v1","subject":[{%s"digest":{"sha256":"%s"}}],"predicateType":"%s","predicate":%s}`,
		name, subject.Encoded(), predicateType, predicate))}
}

// brief is the evidence as lines, for literal wants; digests of the image's manifests are named by what they are.
func (c *council) brief(e policy.Evidence) []string {
	out := []string{}
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	for _, s := range e.Signatures {
		add("signature of %s by %s/%s %v: %s", s.Subject, s.Signer, s.Owner, s.Roles, s.Type)
	}
	for _, p := range e.Provenance {
		add("provenance of %s by %s level %d source %s %s inputs %d", p.Subject, p.Signer, p.Level, p.Source.URI, p.Source.Digest, len(p.Inputs))
	}
	for _, r := range e.Rebuilds {
		add("rebuild of %s by %s/%s original %t %s %s %s %v", r.Subject, r.Signer, r.Owner, r.Original, r.Level, r.Independence, r.Environment, r.Axes)
	}
	for _, p := range e.Packages {
		add("package of %s: %s %s %s %s", p.Subject, p.Name, p.Version, p.PURL, p.License)
	}
	for _, b := range e.Bases {
		add("base of %s: %s (%s) %.15s", b.Subject, b.URI, b.Name, b.Digest)
	}
	for _, s := range e.Statements {
		add("statement on %s by %s %v: %s %v", s.Subject, s.Signer, s.Roles, s.Type, s.Predicate)
	}
	for _, l := range e.Lists {
		add("list %s %s %d", l.Kind, l.Name, l.Sequence)
	}
	for _, b := range e.Blocks {
		add("block %s %d", b.Verdict, b.ExitCode)
	}
	names := strings.NewReplacer(c.build.Index.Digest.String(), "index", c.build.Images[0].Manifest.Digest.String(), "amd64", c.build.Images[1].Manifest.Digest.String(), "arm64")
	for i := range out {
		out[i] = names.Replace(out[i])
	}
	slices.Sort(out)
	return out
}

func TestFacts(t *testing.T) {
	c := newCouncil(t)
	c.signers[0].Builders = map[string]trust.Level{provenance.BuilderID(provenance.ModeLocal): 2}
	c.build.Lock.Entries = []lock.Entry{
		{Kind: lock.KindImage, Key: "debian:12", Digest: digest.FromString("base"), PURL: "pkg:oci/debian@sha256%3Aab?repository_url=index.docker.io/library/debian"},
		{Kind: lock.KindResponse, Key: "https://example.com/left-pad.tgz", Digest: digest.FromString("left-pad"), PURL: "pkg:npm/left-pad@1.3.0"},
	}
	c.publish(nil)
	c.add(rebuilder("qa", "x86"))
	c.rebuilt("qa", "run-2")
	c.add(trust.Signer{Name: "scan", Roles: []trust.Role{trust.Finding}})
	c.say("release", time.Time{}, c.about(c.build.Index.Digest, shop, provenance.PredicateSPDX, spdxHead))
	c.say("scan", day(20), c.about(c.build.Index.Digest, shop, typeTest, `{"passed":true,"score":9.8,"id":9007199254740993}`))
	e := c.facts(nil)
	prov, reb := provenance.PredicateProvenance, provenance.PredicateRebuild
	want := []string{
		"package of index: bash 5.2 pkg:deb/debian/bash@5.2 GPL-3.0-or-later",
		"statement on index by scan [finding]: " + typeTest + " map[id:9007199254740993 passed:true score:9.8]",
		"signature of index by scan/scan [finding]: " + typeTest,
		"signature of index by release/maker [release]: " + provenance.PredicateSPDX,
	}
	for _, m := range []string{"index", "amd64", "arm64"} {
		want = append(want,
			"base of "+m+": pkg:oci/debian@sha256%3Aab?repository_url=index.docker.io/library/debian (index.docker.io/library/debian) sha256:"+digest.FromString("base").Encoded()[:8],
			"signature of "+m+" by release/maker [release]: "+prov,
			"signature of "+m+" by release/maker [release]: "+reb,
			"signature of "+m+" by qa/qa [rebuilder finding]: "+reb,
			"provenance of "+m+" by release level 2 source git+https://git.example.com/shop.git gitCommit:"+strings.Repeat("ab", 20)+" inputs 6",
			"rebuild of "+m+" by release/maker original true manifest same-host  [clock cpus]",
			"rebuild of "+m+" by qa/qa original false manifest same-host x86 [clock cpus]")
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, c.brief(e)); diff != "" {
		t.Errorf("facts (-want +got):\n%s", diff)
	}
	image := policy.Image{Name: shop, Digest: c.build.Index.Digest.String(), Index: true, Platforms: []policy.Platform{
		{Name: "linux/amd64", Digest: c.build.Images[0].Manifest.Digest.String()}, {Name: "linux/arm64", Digest: c.build.Images[1].Manifest.Digest.String()}}}
	if diff := cmp.Diff(image, e.Image); diff != "" {
		t.Errorf("image (-want +got):\n%s", diff)
	}
	summary := policy.Summary{Verdict: "verified", Reproduced: true, Level: 2, Rebuilders: []string{"qa"}, Independence: "same-host", Axes: []string{"clock", "cpus"}}
	if diff := cmp.Diff(summary, e.Summary); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
	if p := e.Provenance[0]; !p.Finished.Equal(c.build.Finished) || p.Finished.IsZero() {
		t.Errorf("finished at %s, want %s", p.Finished, c.build.Finished)
	}
	at := e.Statements[0]
	if id, exact := at.Predicate.(map[string]any)["id"].(string); !exact || id != "9007199254740993" || !at.Time.Equal(day(20)) || !e.NotAfter.IsZero() {
		t.Errorf("id %v, time %s, ends %s", at.Predicate, at.Time, e.NotAfter)
	}
	if again := c.facts(nil); cmp.Diff(e, again) != "" {
		t.Errorf("the same evidence is another value: %s", cmp.Diff(e, again))
	}
}

// One platform of three manifests with nothing signed: nobody has built the image again, whoever rebuilt the others.
func TestFactsOfABarePlatform(t *testing.T) {
	c := newCouncil(t)
	bare := c.build.Images[1].Manifest.Digest
	c.publish(func(s provenance.Subjected) *provenance.Subjected {
		if s.Subject.Digest == bare {
			return nil
		}
		return &s
	})
	for _, name := range []string{"alpha", "beta"} {
		c.add(rebuilder(name, ""))
		for _, s := range c.rebuilds("run-" + name) {
			if s.Subject.Digest != bare {
				c.say(name, time.Time{}, s)
			}
		}
	}
	e := c.facts(nil)
	if len(e.Summary.Rebuilders) > 0 || e.Summary.Reproduced || len(e.Rebuilds) != 6 {
		t.Errorf("summary %+v, %q", e.Summary, c.brief(e))
	}
	for _, s := range c.rebuilds("run-1") { // and with the maker's own word, too
		if s.Subject.Digest == bare {
			c.say("release", time.Time{}, s)
		}
	}
	if e = c.facts(nil); len(e.Summary.Rebuilders) > 0 {
		t.Errorf("summary %+v", e.Summary)
	}
}

// The names N6 to N13 are those of TestSignedButWrong: here nothing of what does not hold may reach a rule.
func TestFactsLeaveOut(t *testing.T) {
	window := func(from, until int) trust.Signer {
		return trust.Signer{Name: "late", Roles: []trust.Role{trust.Finding}, From: day(from), Until: day(until)}
	}
	scan := trust.Signer{Name: "scan", Roles: []trust.Role{trust.Finding}}
	text := func(c *council) provenance.Subjected {
		return c.about(c.build.Index.Digest, shop, typeTest, `{"passed":true}`)
	}
	kept := "statement on index by scan [finding]: " + typeTest + " map[passed:true]"
	signed := "signature of index by scan/scan [finding]: " + typeTest
	for name, x := range map[string]struct {
		signer trust.Signer
		at     time.Time
		make   func(c *council) provenance.Subjected
		want   []string
	}{
		"as it should be": {scan, time.Time{}, text, []string{signed, kept}},
		"N6 unparsable": {scan, time.Time{}, func(c *council) provenance.Subjected {
			return *replaced(t, text(c), `"predicate":{"passed":true}`, `"predicate":"passed"`)
		}, nil},
		"N6 no predicate type": {scan, time.Time{}, func(c *council) provenance.Subjected { return *replaced(t, text(c), typeTest, ``) }, nil},
		"N9 type bogus":        {scan, time.Time{}, func(c *council) provenance.Subjected { return *replaced(t, text(c), "Statement/v1", "Statement/v9") }, nil},
		"N9 md5 alone":         {scan, time.Time{}, func(c *council) provenance.Subjected { return *replaced(t, text(c), `"sha256"`, `"md5"`) }, nil},
		"N9 two subjects": {scan, time.Time{}, func(c *council) provenance.Subjected {
			return *replaced(t, text(c), `"subject":[`, `"subject":[{"digest":{"sha256":"`+strings.Repeat("0", 64)+`"}},`)
		}, nil},
		"N9 another's digest": {scan, time.Time{}, func(c *council) provenance.Subjected {
			return c.about(digest.FromString("other"), shop, typeTest, `{}`)
		}, nil},
		"N10 a failed summary": {scan, day(3), func(c *council) provenance.Subjected { return c.vsa(provenance.VSAFailed, day(3)) }, []string{"block not-reproduced 14"}},
		"N10 a summary that cannot be read": {scan, day(3), func(c *council) provenance.Subjected {
			return *replaced(t, c.vsa(provenance.VSAPassed, day(3)), `"PASSED"`, `["PASSED"]`)
		}, []string{"block undecided 17"}},
		"N11 of a platform, at the index": {scan, time.Time{}, func(c *council) provenance.Subjected {
			return c.about(c.build.Images[0].Manifest.Digest, shop, typeTest, `{}`)
		}, nil},
		"N12 another repository": {scan, time.Time{}, func(c *council) provenance.Subjected {
			return c.about(c.build.Index.Digest, shop+"-dev", typeTest, `{}`)
		}, nil},
		"N12 no repository": {scan, time.Time{}, func(c *council) provenance.Subjected { return c.about(c.build.Index.Digest, "", typeTest, `{}`) }, nil},
		"N12 a summary of another repository": {scan, day(3), func(c *council) provenance.Subjected {
			return *replaced(t, c.vsa(provenance.VSAPassed, day(3)), `"resourceUri":"`+shop, `"resourceUri":"`+shop+"-dev")
		}, nil},
		"undated, and the time counts":      {window(1, 29), time.Time{}, text, nil},
		"dated before the window":           {window(10, 29), day(9), text, nil},
		"dated after the window":            {window(1, 10), day(11), text, nil},
		"may not speak for this repository": {trust.Signer{Name: "scan", Roles: []trust.Role{trust.Finding}, Names: []string{"registry.example.com/ops/*"}}, time.Time{}, text, nil},
		"unnamed, as the trust file allows": {trust.Signer{Name: "scan", Roles: []trust.Role{trust.Finding}, Unnamed: true, Names: []string{"registry.example.com/team/*"}}, time.Time{},
			func(c *council) provenance.Subjected {
				return c.about(c.build.Index.Digest, "", typeTest, `{"passed":true}`)
			}, []string{signed, kept}},
		"unnamed, and for another repository": {trust.Signer{Name: "scan", Roles: []trust.Role{trust.Finding}, Unnamed: true, Names: []string{"registry.example.com/ops/*"}}, time.Time{},
			func(c *council) provenance.Subjected { return c.about(c.build.Index.Digest, "", typeTest, `{}`) }, nil},
		"a list of contents by who does not release": {scan, time.Time{}, func(c *council) provenance.Subjected {
			return c.about(c.build.Index.Digest, shop, provenance.PredicateSPDX, spdxHead)
		}, nil},
		"provenance by who does not release": {scan, time.Time{}, func(c *council) provenance.Subjected { return c.statements()[0] }, nil},
		"a break-glass statement": {scan, time.Time{}, func(c *council) provenance.Subjected {
			return c.about(c.build.Index.Digest, shop, provenance.PredicateBreakGlass, `{"reason":"outage"}`)
		}, nil},
		"a policy": {scan, time.Time{}, func(c *council) provenance.Subjected {
			return c.about(c.build.Index.Digest, shop, provenance.PredicatePolicy, `{"passed":true}`)
		}, nil},
		"a rebuild by a rebuilder whom nobody owns": {trust.Signer{Name: "scan", Roles: []trust.Role{trust.Rebuilder}}, time.Time{},
			func(c *council) provenance.Subjected { return c.statements()[1] }, nil},
		"a rebuild by who does not rebuild": {scan, time.Time{}, func(c *council) provenance.Subjected { return c.statements()[1] }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCouncil(t)
			c.add(x.signer)
			c.say(x.signer.Name, x.at, x.make(c))
			got := c.brief(c.facts(nil))
			if x.want == nil {
				x.want = []string{}
			}
			if diff := cmp.Diff(x.want, got); diff != "" {
				t.Errorf("facts (-want +got):\n%s", diff)
			}
		})
	}
}

// By somebody whom the trust file does not name.
func TestFactsOfStrangers(t *testing.T) {
	c := newCouncil(t)
	c.keys["stranger"] = c.other
	c.say("stranger", time.Time{}, c.about(c.build.Index.Digest, shop, typeTest, `{}`))
	c.keys["stranger"] = newSigner(t)
	if got := c.brief(c.facts(nil)); len(got) > 0 {
		t.Errorf("facts: %q", got)
	}
}

// Provenance that fails a check of verify's is no fact, nor is its signature; the twins' rebuild statement stands by itself.
func TestFactsOfProvenanceThatDoesNotHold(t *testing.T) {
	prov := provenance.PredicateProvenance
	for name, ch := range map[string]change{
		"N8 builder":           only(prov, swap(provenance.BuilderID(provenance.ModeLocal), "https://evil.example.com/builder")),
		"N6 no provenance":     only(prov, swap(`"buildType":`, `"buildKind":`)),
		"N12 other repository": only(prov, swap(`"name":"`+shop, `"name":"`+shop+"-dev")),
		"parameters":           only(prov, swap(`"externalParameters":{`, `"externalParameters":{"unknown":1,`)),
		"another build type":   only(prov, swap(provenance.BuildType, "https://example.com/build")),
	} {
		t.Run(name, func(t *testing.T) {
			c := newCouncil(t)
			c.publish(func(s provenance.Subjected) *provenance.Subjected { return ch(t, s) })
			e := c.facts(nil)
			if len(e.Provenance)+len(e.Bases) > 0 || slices.ContainsFunc(e.Signatures, func(s policy.Signature) bool { return s.Type == prov }) || len(e.Blocks) > 0 {
				t.Errorf("facts: %q", c.brief(e))
			}
			if len(e.Rebuilds) != 3 || !e.Rebuilds[0].Original {
				t.Errorf("rebuilds: %q", c.brief(e))
			}
		})
	}
}

// Provenance of somebody else's builder is a fact where the trust file lists the pair of signer and builder, though verify proves nothing by it.
func TestFactsOfAnotherBuilder(t *testing.T) {
	c := newCouncil(t)
	const ci = "https://ci.example.com/builder"
	c.add(trust.Signer{Name: "vendor", Roles: []trust.Role{trust.Release}, Builders: map[string]trust.Level{ci: 3}})
	predicate := `{"buildDefinition":{"buildType":"https://ci.example.com/build/v1","externalParameters":{"ref":"v1"},"resolvedDependencies":[
		{"uri":"git+https://git.example.com/x","digest":{"gitCommit":"ab12"}},{"uri":"pkg:docker/debian@13?repository_url=mirror.example.com/debian","digest":{"sha256":"` + strings.Repeat("0", 64) + `"}}]},
		"runDetails":{"builder":{"id":"` + ci + `"}}}`
	c.say("vendor", time.Time{}, c.about(c.build.Index.Digest, shop, provenance.PredicateProvenance, predicate))
	o := c.options()
	o.Facts = true
	res := c.must(o, VerdictInvalid, "build type")
	want := []string{
		"base of index: pkg:docker/debian@13?repository_url=mirror.example.com/debian (mirror.example.com/debian) sha256:00000000",
		"provenance of index by vendor level 3 source git+https://git.example.com/x gitCommit:ab12 inputs 2",
		"signature of index by vendor/vendor [release]: " + provenance.PredicateProvenance,
	}
	if diff := cmp.Diff(want, c.brief(res.Facts())); diff != "" {
		t.Errorf("facts (-want +got):\n%s", diff)
	}
	c.signers[1].Builders = map[string]trust.Level{"https://ci.example.com/other": 3}
	if got := c.brief(c.facts(nil)); len(got) > 0 {
		t.Errorf("another builder: %q", got)
	}
}

// An image that only somebody else signed, by a statement of his own: verify has nothing to say for it, and a rule may.
func TestRulesMayAllowWhatVerifyDoesNot(t *testing.T) {
	c := newCouncil(t)
	c.add(trust.Signer{Name: "vendor", Roles: []trust.Role{trust.Finding}})
	c.say("vendor", time.Time{}, c.about(c.build.Index.Digest, shop, typeTest, `{"passed":true}`))
	o := c.options()
	o.Facts = true
	res := c.must(o, VerdictMissing, "")
	e := res.Facts()
	p, err := policy.Parse("p.yaml", []byte("policy: v1\nname: p\nversion: 1\nrules:\n  - name: tested\n    match: [\"**\"]\n    require: statements.exists(s, s.type == '"+typeTest+"' && s.signer == 'vendor' && s.predicate.passed && s.subject == image.digest)\n    message: not tested\n    fix: test it\n"))
	if err != nil {
		t.Fatal(err)
	}
	if v := p.Decide(t.Context(), &e, o.Now); !v.Allow || v.ExitCode != diag.ExitProven {
		t.Errorf("verdict %+v", v)
	}
	// A rebuild that differed, by somebody whose word counts against: no rule lifts it, nor does it matter that nothing else is signed.
	c.add(rebuilder("qa", ""))
	for _, s := range c.rebuilds("run-2", `"result":"match"`, `"result":"mismatch"`) {
		c.say("qa", time.Time{}, s)
	}
	e = c.facts(nil)
	if v := p.Decide(t.Context(), &e, o.Now); v.Allow || v.ExitCode != diag.ExitPolicy || !strings.Contains(v.Reasons[0], "a rebuild signed by") {
		t.Errorf("verdict %+v", v)
	}
}

// What blocks, and what is only missing.
func TestFactsBlocks(t *testing.T) {
	publish := func(c *council) { c.publish(nil) }
	mismatch := func(c *council) {
		c.add(trust.Signer{Name: "qa", Owner: "qa", Roles: []trust.Role{trust.Finding}, Until: day(29)})
		for _, s := range c.rebuilds("run-2", `"result":"match"`, `"result":"mismatch"`)[:1] {
			c.say("qa", time.Time{}, s)
		}
	}
	for name, x := range map[string]struct {
		make   func(*council)
		change func(*Options)
		want   []string
	}{
		"nothing attached":                        {func(*council) {}, nil, nil},
		"not reproduced":                          {func(c *council) { c.publish(onlyProvenance) }, nil, nil},
		"too few rebuilders":                      {publish, func(o *Options) { o.Demand.Owners = 2 }, nil},
		"level":                                   {publish, func(o *Options) { o.MinLevel = 3 }, nil},
		"N13 veto, undated, of a bare image":      {mismatch, nil, []string{"block not-reproduced 14"}},
		"veto, undated":                           {func(c *council) { publish(c); mismatch(c) }, nil, []string{"block not-reproduced 14"}},
		"listing incomplete":                      {publish, func(o *Options) { o.Budget.Bytes = 10 }, []string{"block undecided 17"}},
		"N13 release index demanded, and missing": {publish, func(o *Options) { o.Index = &IndexOptions{} }, []string{"block missing 16"}},
		"a list of contents that cannot be read": {func(c *council) {
			c.say("release", time.Time{}, c.about(c.build.Index.Digest, shop, provenance.PredicateSPDX, `{"packages":[]}`))
		}, nil, []string{"block invalid 15"}},
		"a predicate that is too large": {func(c *council) {
			c.say("release", time.Time{}, c.about(c.build.Index.Digest, shop, typeTest, `{"x":"`+strings.Repeat("x", 4<<20)+`"}`))
		}, nil, []string{"block undecided 17"}},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCouncil(t)
			x.make(c)
			var got []string
			for _, line := range c.brief(c.facts(x.change)) {
				if strings.HasPrefix(line, "block") && !slices.Contains(got, line) {
					got = append(got, line)
				}
			}
			if diff := cmp.Diff(x.want, got); diff != "" {
				t.Errorf("blocks (-want +got):\n%s", diff)
			}
		})
	}
}

func onlyProvenance(s provenance.Subjected) *provenance.Subjected {
	if s.PredicateType != provenance.PredicateProvenance {
		return nil
	}
	return &s
}

// A veto that a waiver overrules blocks nothing until the waiver ends, and is no fact of its own.
func TestFactsOfWaived(t *testing.T) {
	c := newCouncil(t)
	c.publish(nil)
	c.add(trust.Signer{Name: "qa", Roles: []trust.Role{trust.Finding}})
	c.add(trust.Signer{Name: "head", Roles: []trust.Role{trust.Waiver}})
	s := c.rebuilds("run-2", `"result":"match"`, `"result":"mismatch"`)[0]
	finding := c.say("qa", time.Time{}, s)
	c.say("head", time.Time{}, c.waive(s.Subject, finding, day(30)))
	e := c.facts(nil)
	if len(e.Blocks) > 0 || !e.NotAfter.Equal(day(30)) || slices.ContainsFunc(e.Signatures, func(s policy.Signature) bool { return s.Signer != "release" }) {
		t.Errorf("ends %s, %q", e.NotAfter, c.brief(e))
	}
	if e = c.facts(func(o *Options) { o.Now = day(30) }); len(e.Blocks) != 1 || !e.NotAfter.IsZero() {
		t.Errorf("over: ends %s, %q", e.NotAfter, c.brief(e))
	}
}

func TestFactsAndTheDenyList(t *testing.T) {
	c := newCouncil(t)
	c.publish(nil)
	revoker := newSigner(t)
	list := func(e provenance.DenyEntry) func(*Options) {
		return func(o *Options) { o.Deny, o.Now = denyList(t, revoker, nil, e), noon }
	}
	e := c.facts(list(provenance.DenyEntry{Digest: digest.FromString("x")}))
	if len(e.Blocks) > 0 || len(e.Lists) != 1 || e.Lists[0].Sequence != 7 || !e.NotAfter.Equal(noon.Add(24*time.Hour)) {
		t.Errorf("not in it: ends %s, %q", e.NotAfter, c.brief(e))
	}
	for name, d := range map[string]digest.Digest{"index": c.build.Index.Digest, "platform": c.build.Images[0].Manifest.Digest} {
		if e = c.facts(list(provenance.DenyEntry{Digest: d})); len(e.Blocks) != 1 || e.Blocks[0].Verdict != "denied" || e.Blocks[0].ExitCode != 14 || e.Image.Name != shop {
			t.Errorf("%s: %q", name, c.brief(e))
		}
	}
	// Whose key is denied says nothing any more. No rule that is content with nothing may let the image through for that.
	key := trust.Party{Key: trust.Key{Hint: c.signer.Key().Hint}}
	if e = c.facts(list(provenance.DenyEntry{Signer: &key})); len(e.Signatures)+len(e.Provenance)+len(e.Rebuilds) > 0 || len(e.Blocks) != 1 || e.Blocks[0].Verdict != "denied" || e.Blocks[0].ExitCode != 14 {
		t.Errorf("signer: %q", c.brief(e))
	}
}

// A listing that nobody answers hides no denial of what is known of the image already.
func TestFactsOfADeniedPlatformThatIsNotAnswered(t *testing.T) {
	c := newCouncil(t)
	c.publish(nil)
	revoker := newSigner(t)
	run := func(entry provenance.DenyEntry, silent digest.Digest) (Result, error) {
		o := c.options()
		o.Facts, o.Deny, o.Now = true, denyList(t, revoker, nil, entry), noon
		o.Source = silentAbout{o.Source, silent}
		return Run(t.Context(), o)
	}
	amd64, arm64 := c.build.Images[0].Manifest.Digest, c.build.Images[1].Manifest.Digest
	for name, x := range map[string]struct{ denied, silent digest.Digest }{
		"itself": {amd64, amd64}, "one after it": {amd64, c.build.Index.Digest}, "one before it": {amd64, arm64},
	} {
		res, err := run(provenance.DenyEntry{Digest: x.denied}, x.silent)
		if e := res.Facts(); err != nil || res.ExitCode != diag.ExitPolicy || len(e.Blocks) != 1 || e.Blocks[0].Verdict != "denied" {
			t.Errorf("%s: %v, %q", name, err, c.brief(e))
		}
	}
	if _, err := run(provenance.DenyEntry{Digest: digest.FromString("x")}, amd64); diag.ExitCode(err) != diag.ExitUndecided {
		t.Errorf("nothing is denied: %v", err)
	}
}

// silentAbout answers no listing of one manifest.
type silentAbout struct {
	artifact.Source
	image digest.Digest
}

func (s silentAbout) Referrers(ctx context.Context, d digest.Digest, b artifact.Budget) (artifact.Listing, error) {
	if d == s.image {
		return artifact.Listing{}, errors.New("503")
	}
	return s.Source.Referrers(ctx, d, b)
}

// Keys of the command line have no names.
func TestFactsOfKeys(t *testing.T) {
	w := newWorld(t)
	w.publish(nil)
	o := w.options()
	o.Facts = true
	e := w.run(o).Facts()
	hint := w.signer.Key().Hint
	if len(e.Signatures) != 6 || e.Signatures[0].Signer != hint || e.Signatures[0].Owner != hint || e.Rebuilds[0].Owner != hint || !e.Rebuilds[0].Original || len(e.Blocks) > 0 {
		t.Errorf("facts: %+v", e)
	}
	o.Facts = false
	if e = w.run(o).Facts(); len(e.Blocks) != 1 || e.Blocks[0].ExitCode != diag.ExitUndecided || len(e.Signatures) > 0 {
		t.Errorf("facts that nobody asked for: %+v", e)
	}
}

// N2: one party under two entries, and two statements of one owner, are what they are.
func TestFactsCountAParty(t *testing.T) {
	c := newCouncil(t)
	c.publish(nil)
	qa, lab := rebuilder("qa", ""), rebuilder("lab", "")
	qa.Until, lab.From = day(10), day(10) // the same key, under one name after the other
	c.add(qa)
	c.keys["lab"] = c.keys["qa"]
	c.add(lab)
	for i, s := range append(c.rebuilds("run-2")[:1], c.rebuilds("run-3")[0]) {
		c.say("qa", day(5+10*i), s)
	}
	var owners []string
	for _, r := range c.facts(nil).Rebuilds {
		if !r.Original {
			owners = append(owners, r.Owner)
		}
	}
	if len(owners) != 1 {
		t.Errorf("owners %v", owners)
	}
}

func TestFactsAreBounded(t *testing.T) {
	c := newCouncil(t)
	packages := make([]string, 50_001)
	for i := range packages {
		packages[i] = fmt.Sprintf(`{"name":"p%d"}`, i)
	}
	c.say("release", time.Time{}, c.about(c.build.Index.Digest, shop, provenance.PredicateSPDX, `{"spdxVersion":"SPDX-2.3","packages":[`+strings.Join(packages, ",")+`]}`))
	if e := c.facts(nil); len(e.Packages) > 0 || len(e.Signatures) > 0 || len(e.Blocks) != 1 || e.Blocks[0].ExitCode != diag.ExitUndecided || !strings.Contains(e.Blocks[0].Reason, "packages has 50001 entries") {
		t.Errorf("packages: %d, %+v", len(e.Packages), e.Blocks)
	}
	c = newCouncil(t)
	for i := range 10_001 {
		c.build.Lock.Entries = append(c.build.Lock.Entries, lock.Entry{Kind: lock.KindResponse, Key: fmt.Sprintf("https://example.com/%d", i), Digest: digest.FromString("x")})
	}
	s := c.statements()[0]
	c.say("release", time.Time{}, s)
	if e := c.facts(nil); len(e.Blocks) != 1 || !strings.Contains(e.Blocks[0].Reason, "provenance.inputs has") {
		t.Errorf("inputs: %+v", e.Blocks)
	}
	c = newCouncil(t)
	var many []artifact.Artifact
	for i := range 201 {
		s := c.about(c.build.Index.Digest, shop, typeTest, fmt.Sprintf(`{"n":%d}`, i))
		many = append(many, artifact.Bundle("application/vnd.dev.sigstore.bundle.v0.3+json", c.sign(c.signer, s.Payload), ""))
	}
	for _, a := range many {
		c.attachArtifact(c.build.Index, a)
	}
	if e := c.facts(nil); len(e.Blocks) != 1 || !strings.Contains(e.Blocks[0].Reason, "statements has 201 entries") {
		t.Errorf("statements: %+v", e.Blocks)
	}
}
