package verify

import (
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance/intoto"
	"github.com/selfsame-build/selfsame/signing"
)

// pipeline is a world whose image has the links of a standard layout: the builders' and the release key sign.
type pipeline struct {
	*world
	ci, owner *signing.Signer
	envelope  signing.Envelope
	links     map[string]intoto.Link
}

var dayOfLayout = time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)

func newPipeline(t *testing.T) *pipeline {
	t.Helper()
	p := &pipeline{world: newWorld(t), ci: newSigner(t), owner: newSigner(t)}
	payload, err := intoto.Standard{Expires: dayOfLayout.Add(time.Hour), Functionaries: []intoto.Functionary{
		{Step: intoto.StepLock, PEM: p.ci.Verifier().PEM()}, {Step: intoto.StepBuildA, PEM: p.ci.Verifier().PEM()}, {Step: intoto.StepBuildB, PEM: p.ci.Verifier().PEM()},
		{Step: intoto.StepCompare, PEM: p.ci.Verifier().PEM()}, {Step: intoto.StepSign, PEM: p.signer.Verifier().PEM()},
	}}.Layout()
	if err != nil {
		t.Fatal(err)
	}
	p.envelope = p.seal(payload, p.owner)
	sum := digest.FromString
	source := intoto.Artifacts{intoto.ArtifactRecipe: sum("recipe"), intoto.ArtifactContext: sum("context")}
	inputs := intoto.Artifacts{intoto.ArtifactRecipe: sum("recipe"), intoto.ArtifactContext: sum("context"), intoto.ArtifactLock: sum("lock")}
	a, b, both, image := intoto.Artifacts{}, intoto.Artifacts{}, intoto.Artifacts{}, intoto.Artifacts{intoto.ArtifactImage: p.build.Index.Digest}
	for _, i := range p.build.Images {
		a["A/"+i.Platform], b["B/"+i.Platform], image["image/"+i.Platform] = i.Manifest.Digest, i.Twin, i.Manifest.Digest
		both["A/"+i.Platform], both["B/"+i.Platform] = i.Manifest.Digest, i.Twin
	}
	p.links = map[string]intoto.Link{}
	for step, l := range map[string][2]intoto.Artifacts{
		intoto.StepLock: {source, {intoto.ArtifactLock: sum("lock")}}, intoto.StepBuildA: {inputs, a}, intoto.StepBuildB: {inputs, b},
		intoto.StepCompare: {both, image}, intoto.StepSign: {image, image},
	} {
		p.links[step] = intoto.Link{Step: step, Materials: l[0], Products: l[1]}
	}
	return p
}

func (p *pipeline) seal(payload []byte, by ...*signing.Signer) signing.Envelope {
	p.t.Helper()
	e := signing.NewEnvelope(payload)
	for _, s := range by {
		var err error
		if e, err = e.Sign(p.t.Context(), s, s.Key().Hint); err != nil {
			p.t.Fatal(err)
		}
	}
	return e
}

// signLinks attaches the links, each signed by its functionary.
func (p *pipeline) signLinks() {
	p.t.Helper()
	for step, l := range p.links {
		by := p.ci
		if step == intoto.StepSign {
			by = p.signer
		}
		p.link(l, by)
	}
}

func (p *pipeline) link(l intoto.Link, by *signing.Signer) {
	p.t.Helper()
	payload, err := l.Statement()
	if err != nil {
		p.t.Fatal(err)
	}
	p.attach(p.build.Index, p.sign(by, payload))
}

func (p *pipeline) open(e signing.Envelope, now time.Time, owners ...*signing.Verifier) (*Layout, error) {
	p.t.Helper()
	raw, err := e.JSON()
	if err != nil {
		p.t.Fatal(err)
	}
	return OpenLayout(raw, owners, now)
}

// judge verifies the image with the layout.
func (p *pipeline) judge() Result {
	p.t.Helper()
	l, err := p.open(p.envelope, dayOfLayout, p.owner.Verifier())
	if err != nil {
		p.t.Fatal(err)
	}
	o := p.options()
	o.Layout = l
	res, err := Run(p.t.Context(), o)
	if err != nil {
		p.t.Fatal(err)
	}
	return res
}

// failing is the first check that fails, or "".
func failing(r Result) string {
	for _, s := range r.Subjects {
		for _, c := range s.Checks {
			if c.Status == StatusFail {
				return s.Label + ": " + c.Name + ": " + c.Reason
			}
		}
	}
	return ""
}

func TestLayoutHolds(t *testing.T) {
	p := newPipeline(t)
	p.publish(nil)
	p.signLinks()
	res := p.judge()
	if res.Verdict != VerdictVerified || len(res.Ignored) != 0 {
		t.Fatalf("%s: %s, ignored %v", res.Verdict, failing(res), res.Ignored)
	}
	steps := 0
	for _, s := range res.Subjects {
		for _, c := range s.Checks {
			if strings.HasPrefix(c.Name, "step ") {
				steps++
				want := "key " + p.ci.Key().Hint
				if c.Name == "step sign" {
					want = "key " + p.signer.Key().Hint
				}
				if c.Who != want || s.Label != "index" {
					t.Errorf("%s of %s is by %s, want %s", c.Name, s.Label, c.Who, want)
				}
			}
		}
	}
	if steps != 5 {
		t.Errorf("%d steps were checked, want 5", steps)
	}
	// Without a layout, links neither help nor harm.
	o := p.options()
	if res, err := Run(t.Context(), o); err != nil || res.Verdict != VerdictVerified {
		t.Errorf("without a layout: %v, %v", res.Verdict, err)
	}
}

func TestLayoutAttacks(t *testing.T) {
	alter := func(l intoto.Link, name string) intoto.Link {
		out := l
		out.Materials = intoto.Artifacts{}
		for k, d := range l.Materials {
			out.Materials[k] = d
		}
		out.Materials[name] = digest.FromString("evil")
		return out
	}
	for name, c := range map[string]struct {
		attack func(p *pipeline)
		want   Verdict
		check  string
	}{
		"no links at all":     {func(p *pipeline) { p.links = nil }, VerdictMissing, "step lock"},
		"lock missing":        {func(p *pipeline) { delete(p.links, "lock") }, VerdictMissing, "step lock"},
		"sign missing":        {func(p *pipeline) { delete(p.links, "sign") }, VerdictMissing, "step sign"},
		"built before locked": {func(p *pipeline) { p.links["build-b"] = alter(p.links["build-b"], intoto.ArtifactLock) }, VerdictInvalid, "step build-b"},
		"a stranger builds": {func(p *pipeline) {
			p.link(p.links["build-a"], p.other)
			delete(p.links, "build-a")
		}, VerdictMissing, "step build-a"},
		"the release key builds": {func(p *pipeline) {
			p.link(p.links["build-a"], p.signer)
			delete(p.links, "build-a")
		}, VerdictMissing, "step build-a"},
		"a link changed after signing": {func(p *pipeline) {
			payload, _ := p.links["lock"].Statement()
			bundle := string(p.sign(p.ci, payload))
			evil, _ := alter(p.links["lock"], intoto.ArtifactContext).Statement()
			good, other := string(p.sign(p.ci, evil)), ""
			_, rest, _ := strings.Cut(good, `"payload":"`)
			other, _, _ = strings.Cut(rest, `"`)
			_, rest, _ = strings.Cut(bundle, `"payload":"`)
			old, _, _ := strings.Cut(rest, `"`)
			p.attach(p.build.Index, []byte(strings.Replace(bundle, old, other, 1)))
			delete(p.links, "lock")
		}, VerdictMissing, "step lock"},
		"a link attached to a platform only": {func(p *pipeline) {
			payload, _ := p.links["lock"].Statement()
			p.attach(p.build.Images[0].Manifest, p.sign(p.ci, payload))
			delete(p.links, "lock")
		}, VerdictMissing, "step lock"},
		"junk links beside": {func(p *pipeline) {
			p.link(alter(p.links["build-a"], intoto.ArtifactLock), p.ci)
			p.link(alter(p.links["lock"], "more"), p.other)
			p.link(intoto.Link{Step: "scan", Products: intoto.Artifacts{"x": digest.FromString("x")}}, p.ci)
		}, VerdictVerified, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPipeline(t)
			p.publish(nil)
			c.attack(p)
			p.signLinks()
			res := p.judge()
			if got := failing(res); res.Verdict != c.want || !strings.Contains(got, c.check) {
				t.Errorf("%s: %q, want %s: %q", res.Verdict, got, c.want, c.check)
			}
			if err := res.Err(); diag.ExitCode(err) != c.want.exit() {
				t.Errorf("exit %d, want %d", diag.ExitCode(err), c.want.exit())
			}
		})
	}
}

// TestLayoutIsNoEvidence: links alone, however complete, prove nothing of the image.
func TestLayoutIsNoEvidence(t *testing.T) {
	p := newPipeline(t)
	p.signLinks()
	if res := p.judge(); res.Verdict != VerdictMissing {
		t.Errorf("%s, want %s", res.Verdict, VerdictMissing)
	}
}

func TestOpenLayout(t *testing.T) {
	p := newPipeline(t)
	payload := string(p.envelope.Payload)
	inspected := strings.Replace(payload, `"inspect": []`, `"inspect": [{"_type":"inspection","name":"untar","run":["true"],"expected_materials":[],"expected_products":[]}]`, 1)
	cut := strings.Replace(payload, "build-b", "build-c", 1)
	owner, ci := p.owner.Verifier(), p.ci.Verifier()
	for name, c := range map[string]struct {
		envelope signing.Envelope
		now      time.Time
		owners   []*signing.Verifier
		want     diag.Code
		exit     int
		words    string
	}{
		"good":                      {p.envelope, dayOfLayout, []*signing.Verifier{owner}, "", 0, ""},
		"nobody owns it":            {p.envelope, dayOfLayout, nil, "A0571", diag.ExitInvalid, "no owner"},
		"signed by another":         {p.seal([]byte(payload), p.ci), dayOfLayout, []*signing.Verifier{owner}, "A0571", diag.ExitInvalid, owner.Key().Hint},
		"one of two owners":         {p.envelope, dayOfLayout, []*signing.Verifier{owner, ci}, "A0571", diag.ExitInvalid, ci.Key().Hint},
		"two owners":                {p.seal([]byte(payload), p.ci, p.owner), dayOfLayout, []*signing.Verifier{owner, ci}, "", 0, ""},
		"expired":                   {p.envelope, dayOfLayout.Add(time.Hour), []*signing.Verifier{owner}, "A0572", diag.ExitPolicy, "expired"},
		"expired, and a stranger's": {p.seal([]byte(payload), p.ci), dayOfLayout.Add(time.Hour), []*signing.Verifier{owner}, "A0571", diag.ExitInvalid, ""},
		"an inspection":             {p.seal([]byte(inspected), p.owner), dayOfLayout, []*signing.Verifier{owner}, "A0570", diag.ExitInvalid, "untar"},
		"a rule from nowhere":       {p.seal([]byte(cut), p.owner), dayOfLayout, []*signing.Verifier{owner}, "A0570", diag.ExitInvalid, "no such step"},
		"not a layout":              {p.seal([]byte(`{"_type":"link"}`), p.owner), dayOfLayout, []*signing.Verifier{owner}, "A0570", diag.ExitInvalid, "`_type`"},
	} {
		_, err := p.open(c.envelope, c.now, c.owners...)
		if diag.ExitCode(err) != c.exit || (c.want != "" && !strings.Contains(err.Error(), c.words)) {
			t.Errorf("%s: %v, want exit %d (%s)", name, err, c.exit, c.words)
		}
		if all := diag.All(err); c.want != "" && (len(all) == 0 || all[0].Code != c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	_, err := OpenLayout([]byte(payload), []*signing.Verifier{owner}, dayOfLayout)
	if all := diag.All(err); len(all) == 0 || all[0].Code != "A0505" {
		t.Errorf("a layout that nobody signed: %v", err)
	}
}
