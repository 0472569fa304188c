package rebuild

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/builder"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/trust"
	"github.com/selfsame-build/selfsame/verify"
)

// original is the provenance of a build whose twins have this kernel, CPU and machine.
func original(t *testing.T, twins ...provenance.InternalTwin) provenance.Provenance {
	t.Helper()
	var p provenance.Provenance
	p.BuildDefinition.BuildType = provenance.BuildType
	p.BuildDefinition.InternalParameters = encode(t, provenance.InternalParameters{Twins: twins})
	return p
}

// TestObserve: what is like the original's builders, what is unlike, and what nobody knows.
func TestObserve(t *testing.T) {
	twin := func(kernel, cpu, host string) provenance.InternalTwin {
		return provenance.InternalTwin{Kernel: kernel, CPU: cpu, Host: host, BuildKit: "v0.34.2"}
	}
	ours := provenance.Twin{Kernel: "6.1", CPU: "one", Host: "h1", BuildKit: "v0.34.2", Daemon: digest.FromString("d")}
	for name, c := range map[string]struct {
		theirs        []provenance.InternalTwin
		differs, same []string
	}{
		"another machine":          {[]provenance.InternalTwin{twin("5.9", "two", "h2")}, []string{"host", "kernel", "cpu"}, []string{"buildkit"}},
		"this one":                 {[]provenance.InternalTwin{twin("6.1", "one", "h1")}, []string{}, []string{"host", "kernel", "cpu", "buildkit"}},
		"B was here":               {[]provenance.InternalTwin{twin("5.9", "two", "h2"), twin("6.1", "", "h1")}, []string{"cpu"}, []string{"host", "kernel", "buildkit"}},
		"an older version of ours": {[]provenance.InternalTwin{twin("5.9", "one", "")}, []string{"kernel"}, []string{"cpu", "buildkit"}},
	} {
		got := observe(ours, original(t, c.theirs...))
		if !reflect.DeepEqual(got.Differs, c.differs) || !reflect.DeepEqual(got.Same, c.same) || got.Host != "h1" || got.Binaries["buildkitd"] == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestAnswersOfOthers: who has built agrees; who copies an answer, or gives it under another's nonce, does not; what is no answer is nobody's.
func TestAnswersOfOthers(t *testing.T) {
	stages := map[string][]digest.Digest{"linux/amd64 Dockerfile:5#0": {digest.FromString("a")}, "linux/amd64 Dockerfile:9#0": {digest.FromString("b")}}
	const nonce, id = "0123456789abcdef", "https://a.example"
	statement := func(c *provenance.Challenge) []byte {
		payload := encode(t, map[string]any{
			"_type": provenance.StatementType, "predicateType": provenance.PredicateRebuild,
			"subject":   []any{map[string]any{"digest": map[string]string{"sha256": digest.FromString("x").Encoded()}}},
			"predicate": provenance.Rebuild{Builders: []provenance.RebuildPlace{{Name: "R", ID: id}}, Challenge: c},
		})
		return encode(t, map[string]any{"dsseEnvelope": map[string]any{"payload": payload}})
	}
	answers := func(nonce, id string) map[string]string {
		out := map[string]string{}
		for place, list := range stages {
			out[place] = provenance.Answer(nonce, id, place, list)
		}
		return out
	}
	honest := answers(nonce, id)
	some := answers(nonce, id)
	delete(some, "linux/amd64 Dockerfile:9#0")
	for name, c := range map[string]struct {
		given                  *provenance.Challenge
		found                  bool
		agrees, wrong, missing int
	}{
		"built":               {&provenance.Challenge{Nonce: nonce, Intermediates: honest}, true, 2, 0, 0},
		"copied":              {&provenance.Challenge{Nonce: nonce, Intermediates: answers(nonce, "https://b.example")}, true, 0, 2, 0},
		"under another nonce": {&provenance.Challenge{Nonce: nonce + "0", Intermediates: honest}, true, 0, 2, 0},
		"one of them":         {&provenance.Challenge{Nonce: nonce, Intermediates: some}, true, 1, 0, 1},
		"none":                {&provenance.Challenge{Nonce: nonce}, true, 0, 0, 2},
		"no challenge":        {nil, false, 0, 0, 0},
	} {
		got, ok := peer(statement(c.given), stages)
		if ok != c.found || got.Agrees != c.agrees || len(got.Wrong) != c.wrong || len(got.Missing) != c.missing {
			t.Errorf("%s: %+v, %v", name, got, ok)
		}
	}
	for _, junk := range []string{"", "{}", `{"dsseEnvelope": {"payload": "e30="}}`} {
		if _, ok := peer([]byte(junk), stages); ok {
			t.Errorf("%q answers", junk)
		}
	}
}

// TestOneKeyForTwoRoles: what an audit says is never signed by the key of the release.
func TestOneKeyForTwoRoles(t *testing.T) {
	release, other := newSigner(t), newSigner(t)
	o := Options{Release: signing.Trust{Keys: []*signing.Verifier{newSigner(t).Verifier(), release.Verifier()}}}
	if err := o.apart(trust.Party{Key: release.Key()}); diag.ExitCode(err) != diag.ExitUsage {
		t.Error(err)
	}
	if err := o.apart(trust.Party{Key: other.Key()}); err != nil {
		t.Error(err)
	}
	// Nor, where the release is by an identity, by that one; an identity of another name or issuer, and nobody, are apart.
	rule, err := trust.ExactIdentity("https://login.example", "release@example.com")
	if err != nil {
		t.Fatal(err)
	}
	o.Identities = []trust.IdentityRule{rule}
	for who, exit := range map[trust.Identity]int{
		{Issuer: "https://login.example", Subject: "release@example.com"}: diag.ExitUsage,
		{Issuer: "https://login.example", Subject: "auditor@example.com"}: diag.ExitProven,
		{Issuer: "https://other.example", Subject: "release@example.com"}: diag.ExitProven,
		{}: diag.ExitProven,
	} {
		if err := o.apart(trust.Party{Identity: who}); diag.ExitCode(err) != exit {
			t.Errorf("%v: %v", who, err)
		}
	}
	// Nor, by a trust file, by whoever may release there, whatever else is in it.
	o.Signers = []trust.Signer{
		{Name: "other", Keys: []trust.Key{other.Key()}, Roles: []trust.Role{trust.Release}},
		{Name: "rebuilder", Keys: []trust.Key{release.Key()}, Roles: []trust.Role{trust.Rebuilder, trust.Finding}},
	}
	for s, exit := range map[*signing.Signer]int{other: diag.ExitUsage, release: diag.ExitProven} {
		if err := o.apart(trust.Party{Key: s.Key()}); diag.ExitCode(err) != exit {
			t.Errorf("by a trust file: %v", err)
		}
	}
	// A difference is never signed by the rebuilder's key, nor a match by the finder's.
	o.Rebuilder = func() (*signing.Signer, error) { return release, nil }
	if s, err := o.signer(&Result{Verdict: Different}); s != nil || err != nil {
		t.Errorf("%v, %v", s, err)
	}
	o.Rebuilder, o.Finder = nil, func() (*signing.Signer, error) { return other, nil }
	if s, err := o.signer(&Result{Verdict: Reproduced}); s != nil || err != nil {
		t.Errorf("%v, %v", s, err)
	}
}

// TestUnsteadyIsNoFinding: where the auditor's own builders differ nothing is said of the image; where nothing differs between the two builds
// nothing is proven.
func TestUnsteadyIsNoFinding(t *testing.T) {
	for _, r := range []*Result{{Verdict: Unsteady}, {Verdict: Reproduced, Axes: []provenance.Axis{{Name: "x", State: provenance.AxisNotApplied}}}} {
		w := newWorld(t)
		got, err := w.client.Resolve(t.Context(), w.publish())
		if err != nil {
			t.Fatal(err)
		}
		list, err := r.statements(Options{}, got, verify.Origin{})
		if len(list) != 0 || err != nil || r.NotSigned == "" {
			t.Errorf("%s: %v, %v, %q", r.Verdict, list, err, r.NotSigned)
		}
	}
}

// TestApartFrom: only what is known of both sides and differs counts as measured.
func TestApartFrom(t *testing.T) {
	p := original(t, provenance.InternalTwin{Kernel: "5.9", CPU: "one"})
	end := time.Unix(1000, 5)
	p.RunDetails.BuildMetadata.FinishedOn = &end
	o := observe(provenance.Twin{Kernel: "6.1", CPU: "one", Host: "h"}, p)
	got := apartFrom(p, &builder.Repetition{Started: time.Unix(1000, 9)}, o)
	want := []string{"audit: time measured", "audit: machine not-applied", "audit: kernel measured", "audit: CPU model not-applied"}
	var have []string
	for _, a := range got {
		have = append(have, fmt.Sprint(a.Name, " ", a.State))
	}
	if !reflect.DeepEqual(have, want) {
		t.Errorf("%v, want %v", have, want)
	}
}
