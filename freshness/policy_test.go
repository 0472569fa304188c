package freshness_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/selfsame-build/selfsame/freshness"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/policy"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/trust"
)

// rules is a policy of a version; more are other keys.
func rules(version int, more string) []byte {
	return []byte(fmt.Sprintf("policy: v1\nname: prod\nversion: %d\n%srules:\n  - name: signed\n    match: [\"**\"]\n    require: size(signatures) > 0\n    message: nobody signed it\n    fix: sign it\n", version, more))
}

// office is whoever publishes policies.
type office struct {
	t      *testing.T
	place  freshness.Place
	signer *signing.Signer
	dir    string
	now    time.Time
}

func newOffice(t *testing.T, ref string) *office {
	t.Helper()
	place, err := freshness.OpenPolicyPlace(newClient(), ref)
	if err != nil {
		t.Fatal(err)
	}
	return &office{t, place, newSigner(t).For(trust.Policy), t.TempDir(), noon}
}

func (o *office) publisher() freshness.PolicyPublisher {
	return freshness.PolicyPublisher{
		Place: o.place, Signer: o.signer, Trust: trustOf(o.signer), Life: 30 * day, Memory: &freshness.Memory{Dir: o.dir},
		Now: func() time.Time { return o.now }, Sleep: func(context.Context, time.Duration) error { return nil },
	}
}

func (o *office) push(content []byte) (freshness.PublishedPolicy, error) {
	return o.publisher().Push(o.t.Context(), "policy.yaml", "policy", content)
}

func (o *office) mustPush(content []byte) freshness.PublishedPolicy {
	o.t.Helper()
	out, err := o.push(content)
	if err != nil {
		o.t.Fatal(err)
	}
	return out
}

func (o *office) open(memory *freshness.Memory, change func(*freshness.Demand)) (*freshness.SignedPolicy, error) {
	d := freshness.Demand{Trust: trustOf(o.signer), Now: o.now, Memory: memory}
	if change != nil {
		change(&d)
	}
	return freshness.OpenPolicy(o.t.Context(), o.place, d)
}

func TestPolicyIsPublishedAndRead(t *testing.T) {
	for _, where := range []string{serve(t, nil) + "/ops/policy", filepath.Join(t.TempDir(), "policy.json")} {
		o := newOffice(t, where)
		memory := &freshness.Memory{Dir: t.TempDir()}
		_, err := o.open(memory, nil)
		wantCode(t, "nothing there", err, "A0650", diag.ExitUndecided)
		first := o.mustPush(rules(3, ""))
		if first.Sequence != 3 || !first.Expires.Equal(noon.Add(30*day)) {
			t.Errorf("published %+v", first)
		}
		got, err := o.open(memory, nil)
		if err != nil {
			t.Fatal(err)
		}
		if string(got.Content) != string(rules(3, "")) || got.Policy.Edition().Version != 3 || !got.Expires().Equal(noon.Add(30*day)) || got.Place != first.Pinned {
			t.Errorf("read %+v", got)
		}
		again := o.mustPush(rules(3, "")) // the very same: nothing is written
		if again.Pinned != first.Pinned {
			t.Errorf("published again as %s", again.Pinned)
		}
		_, err = o.push(rules(3, "expires: 2027-01-01\n"))
		wantCode(t, "another of the same version", err, "A0651", diag.ExitUsage)
		_, err = o.push(rules(2, ""))
		wantCode(t, "a lower version", err, "A0651", diag.ExitUsage)
		forgetful := o.publisher()
		forgetful.Memory = nil
		_, err = forgetful.Push(t.Context(), "policy.yaml", "policy", rules(2, ""))
		wantCode(t, "a lower version, and nothing remembered", err, "A0651", diag.ExitUsage)
		next := o.mustPush(rules(4, "expires: 2026-12-01\n"))
		if want := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC); !next.Expires.Equal(want) {
			t.Errorf("ends %s, want with the policy", next.Expires)
		}
		if got, err = o.open(memory, nil); err != nil || got.Policy.Edition().Version != 4 {
			t.Errorf("read %+v, %v", got, err)
		}
	}
}

// TestPolicyOfWhomNobodyNames: what whoever publishes next would not build upon does not replace what is there, nor is it the first.
func TestPolicyOfWhomNobodyNames(t *testing.T) {
	for name, change := range map[string]func(*freshness.PolicyPublisher){
		"another key": func(p *freshness.PolicyPublisher) { p.Signer = newSigner(t).For(trust.Policy) },
		"does not count": func(p *freshness.PolicyPublisher) {
			p.Counts = func(trust.Party, time.Time, string) bool { return false }
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t, filepath.Join(t.TempDir(), "policy.json"))
			p := o.publisher()
			change(&p)
			_, err := p.Push(t.Context(), "policy.yaml", "policy", rules(3, ""))
			wantCode(t, "the first", err, "A0561", diag.ExitInvalid)
			_, err = o.open(nil, nil)
			wantCode(t, "nothing was written", err, "A0650", diag.ExitUndecided)
			o.mustPush(rules(3, "")) // nor is it remembered
		})
	}
}

func TestPolicyThatDoesNotCount(t *testing.T) {
	ref := serve(t, nil) + "/ops/policy"
	o := newOffice(t, ref)
	o.mustPush(rules(3, ""))
	bundle, _, _, err := o.place.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	sign := func(by *signing.Signer, s provenance.Subjected, err error) []byte {
		t.Helper()
		if err == nil {
			bundle, err := signing.SignUnchecked(t.Context(), by, s.Payload)
			if err == nil {
				return bundle
			}
		}
		t.Fatal(err)
		return nil
	}
	doc := func(sequence int64, content string) provenance.PolicyDocument {
		return provenance.PolicyDocument{Edition: provenance.NewEdition(sequence, noon, day), Content: []byte(content)}
	}
	statement := func(name string, d provenance.PolicyDocument) []byte {
		s, err := provenance.PolicyStatement(name, d)
		return sign(o.signer, s, err)
	}
	stranger := newSigner(t)
	good := string(rules(4, ""))
	list, listErr := provenance.DenyListStatement(ref, provenance.DenyList{Edition: provenance.NewEdition(9, noon, day)})
	swapped, swapErr := provenance.PolicyStatement(ref, doc(4, good))
	other := strings.Replace(good, "size(signatures) > 0", "1 > 0", 1)
	base := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	swapped.Payload = []byte(strings.Replace(string(swapped.Payload), base(good), base(other), 1)) // other rules under the subject's digest
	for name, c := range map[string]struct {
		bundle []byte
		change func(*freshness.Demand)
		code   diag.Code
		exit   int
	}{
		"as it is":    {bundle, nil, "", 0},
		"another key": {bundle, func(d *freshness.Demand) { d.Trust = trustOf(stranger) }, "A0561", diag.ExitInvalid},
		"who may not": {bundle, func(d *freshness.Demand) { d.Counts = func(trust.Party, time.Time, string) bool { return false } }, "A0561", diag.ExitInvalid},
		"who may elsewhere": {bundle, func(d *freshness.Demand) {
			d.Counts = func(_ trust.Party, _ time.Time, series string) bool { return series != ref }
		}, "A0561", diag.ExitInvalid},
		"expired":             {bundle, func(d *freshness.Demand) { d.Now = noon.Add(30 * day) }, "A0560", diag.ExitUndecided},
		"too old":             {bundle, func(d *freshness.Demand) { d.Now, d.MaxAge = noon.Add(8*day), 7*day }, "A0560", diag.ExitUndecided},
		"below the minimum":   {bundle, func(d *freshness.Demand) { d.Minimum = 4 }, "A0560", diag.ExitUndecided},
		"of another place":    {statement("registry.example.com/other", doc(4, good)), nil, "A0561", diag.ExitInvalid},
		"another number":      {statement(ref, doc(9, good)), nil, "A0561", diag.ExitInvalid},
		"no policy":           {statement(ref, doc(4, "policy: v1\n")), nil, diag.CodePolicyKeys, diag.ExitUsage},
		"a deny list":         {sign(o.signer, list, listErr), nil, "A0561", diag.ExitInvalid},
		"not what was signed": {sign(o.signer, swapped, swapErr), nil, "A0561", diag.ExitInvalid},
		"junk":                {[]byte("{}"), nil, "A0561", diag.ExitInvalid},
	} {
		if _, err := o.place.Write(t.Context(), c.bundle); err != nil {
			t.Fatal(err)
		}
		_, err := o.open(nil, c.change)
		wantCode(t, name, err, c.code, c.exit)
	}
}

// An old policy is genuine for ever; whoever has seen a newer one refuses it. And so is another one of the same number.
func TestPolicyOlderThanSeen(t *testing.T) {
	o := newOffice(t, serve(t, nil)+"/ops/policy")
	memory := &freshness.Memory{Dir: t.TempDir()}
	o.mustPush(rules(3, ""))
	old, _, _, _ := o.place.Read(t.Context())
	o.mustPush(rules(4, ""))
	if _, err := o.open(memory, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := o.place.Write(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	_, err := o.open(memory, nil)
	wantCode(t, "older than seen", err, "A0560", diag.ExitUndecided)
	if _, err := o.open(nil, nil); err != nil {
		t.Errorf("without a memory: %v", err)
	}
	_, err = o.push(rules(4, "")) // its publisher has seen version 4
	wantCode(t, "publishing what was seen", err, "A0651", diag.ExitUsage)
	fork, err := provenance.PolicyStatement(o.place.Name(), provenance.PolicyDocument{Edition: provenance.NewEdition(4, noon, day), Content: rules(4, "expires: 2027-01-01\n")})
	if err != nil {
		t.Fatal(err)
	}
	forked, err := signing.Sign(t.Context(), o.signer, fork.Payload)
	if err == nil {
		_, err = o.place.Write(t.Context(), forked)
	}
	if err != nil {
		t.Fatal(err)
	}
	_, err = o.open(memory, nil)
	wantCode(t, "another of the same number", err, "A0560", diag.ExitUndecided)
}

// The tag moves while the policy is being loaded: what is read is one of the two, whole, and never a mixture.
func TestPolicySwappedWhileLoading(t *testing.T) {
	var swap func()
	host := serve(t, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.ServeHTTP(w, r)
			if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/manifests/latest") && swap != nil {
				do := swap
				swap = nil
				do()
			}
		})
	})
	o := newOffice(t, host+"/ops/policy")
	o.mustPush(rules(3, ""))
	memory := &freshness.Memory{Dir: t.TempDir()}
	swap = func() { o.mustPush(rules(4, "")) }
	got, err := o.open(memory, nil)
	if err != nil || got.Sequence != 3 || string(got.Content) != string(rules(3, "")) {
		t.Fatalf("read %v, %v", got, err)
	}
	if got, err = o.open(memory, nil); err != nil || got.Sequence != 4 {
		t.Errorf("then %v, %v", got, err)
	}
	// And while it is being published: who loses learns of it.
	p := o.publisher()
	p.Memory = nil
	p.Sleep = func(context.Context, time.Duration) error {
		other := o.publisher()
		_, err := other.Push(t.Context(), "policy.yaml", "policy", rules(6, ""))
		return err
	}
	_, err = p.Push(t.Context(), "policy.yaml", "policy", rules(5, ""))
	wantCode(t, "two at once", err, "A0652", diag.ExitUndecided)
}

func TestPolicyDeniesOnceItsSignatureIsOver(t *testing.T) {
	o := newOffice(t, filepath.Join(t.TempDir(), "policy.json"))
	o.mustPush(rules(3, ""))
	got, err := o.open(nil, func(d *freshness.Demand) { d.MaxAge = 7 * day })
	if err != nil {
		t.Fatal(err)
	}
	e := policy.Evidence{Image: policy.Image{Name: "registry.example.com/team/shop"}, Signatures: []policy.Signature{{Signer: "release"}}}
	if v := got.Decide(t.Context(), &e, noon.Add(7*day-time.Second)); !v.Allow || !v.NotAfter.Equal(noon.Add(7*day)) {
		t.Errorf("before: %+v", v)
	}
	if v := got.Decide(t.Context(), &e, noon.Add(7*day)); v.Allow {
		t.Errorf("after: %+v", v)
	}
}

// One key for one thing: what releases images signs no policy, and what signs policies releases nothing.
func TestPolicyNeedsItsRole(t *testing.T) {
	o := newOffice(t, filepath.Join(t.TempDir(), "policy.json"))
	o.signer = newSigner(t).For(trust.Release)
	_, err := o.push(rules(3, ""))
	wantCode(t, "a release key", err, "A0584", diag.ExitPolicy)
	if _, _, found, err := o.place.Read(t.Context()); found || err != nil {
		t.Errorf("found %t, %v", found, err)
	}
	o.signer = newSigner(t).For(trust.Policy)
	_, err = signing.Sign(t.Context(), o.signer, []byte(`{"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"sha256":"`+strings.Repeat("0", 64)+`"}}],"predicateType":"https://sigstore.dev/cosign/sign/v1","predicate":{}}`))
	wantCode(t, "an image", err, "A0584", diag.ExitPolicy)
	o.now = time.Date(2026, 12, 2, 0, 0, 0, 0, time.UTC)
	_, err = o.push(rules(3, "expires: 2026-12-01\n"))
	wantCode(t, "a policy that is over", err, diag.CodePolicyOver, diag.ExitPolicy)
}

// A file has no name by itself: it keeps the one that it was first read with.
func TestPolicyInAFileKeepsItsName(t *testing.T) {
	o := newOffice(t, filepath.Join(t.TempDir(), "policy.json"))
	memory := &freshness.Memory{Dir: t.TempDir()}
	put := func(name string, version int64) {
		t.Helper()
		s, err := provenance.PolicyStatement(name, provenance.PolicyDocument{Edition: provenance.NewEdition(version, noon, day), Content: rules(int(version), "")})
		if err != nil {
			t.Fatal(err)
		}
		bundle, err := signing.Sign(t.Context(), o.signer, s.Payload)
		if err == nil {
			_, err = o.place.Write(t.Context(), bundle)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name    string
		version int64
		code    diag.Code
		exit    int
	}{{"prod", 3, "", 0}, {"lax", 1, "A0560", diag.ExitUndecided}, {"lax", 9, "A0560", diag.ExitUndecided}, {"prod", 2, "A0560", diag.ExitUndecided}, {"prod", 4, "", 0}} {
		put(c.name, c.version)
		_, err := o.open(memory, nil)
		wantCode(t, fmt.Sprintf("%s, version %d", c.name, c.version), err, c.code, c.exit)
	}
	o.place = newOffice(t, filepath.Join(t.TempDir(), "policy.json")).place
	put("lax", 10)
	if _, err := o.open(memory, nil); err != nil {
		t.Errorf("in a file of its own: %v", err)
	}
}
