package verify

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/selfsame-build/selfsame/freshness"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/test/sigstore"
	"github.com/selfsame-build/selfsame/trust"
)

func TestMain(m *testing.M) {
	defer sigstore.Stop()
	m.Run()
}

// TestKeyless verifies an image whose evidence a private instance of sigstore vouched for.
func TestKeyless(t *testing.T) {
	i := sigstore.Start(t)
	config, err := os.ReadFile(i.SigningConfig)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(i.TrustedRoot)
	if err != nil {
		t.Fatal(err)
	}
	instance, err := signing.LoadInstance(config)
	if err != nil {
		t.Fatal(err)
	}
	root, err := signing.LoadRoot(raw)
	if err != nil {
		t.Fatal(err)
	}
	const who = "release@selfsame.example"
	w := newWorld(t)
	key := w.signer
	w.signer, err = signing.NewKeyless(signing.KeylessOptions{Instance: instance, Root: root, Now: time.Now, Token: func(context.Context) (signing.Token, error) {
		return signing.ParseToken(i.Issuer.Token(t, who, nil))
	}})
	if err != nil {
		t.Fatal(err)
	}
	w.publish(nil)
	options := func(root *signing.Root, rules ...trust.IdentityRule) Options {
		w.signer = key // whose public half options names
		o := w.options()
		o.Trust.Root, o.Identities = root, rules
		return o
	}
	rule := func(issuer, subject string) trust.IdentityRule {
		t.Helper()
		r, err := trust.ExactIdentity(issuer, subject)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	good := rule(i.Issuer.URL, who)
	res := w.must(options(root, good), VerdictVerified, "signed by 20")
	if !strings.Contains(text(t, res), who+" ("+i.Issuer.URL+")") {
		t.Errorf("who signed is not said:\n%s", text(t, res))
	}
	o := options(root, rule(i.Issuer.URL, "somebody@selfsame.example"), good)
	o.Trust.Keys = nil
	w.must(o, VerdictVerified, "")
	// A root without an identity lets nobody through, whoever else it vouches for.
	w.must(options(root), VerdictInvalid, "")
	w.must(options(root, rule(i.Issuer.URL, "another@selfsame.example")), VerdictInvalid, "")
	w.must(options(root, rule(i.Other.URL, who)), VerdictInvalid, "")
	pattern, err := trust.IdentityPattern(i.Issuer.URL, `release@selfsame\.exampl`)
	if err != nil {
		t.Fatal(err)
	}
	w.must(options(root, pattern), VerdictInvalid, "")
	// Without a root they are bundles of another kind.
	w.must(options(nil), VerdictMissing, "")
	if _, err := Run(t.Context(), options(nil, good)); err == nil {
		t.Error("an identity counts without a root")
	}
	o = options(root)
	o.Trust.Keys = nil
	if _, err := Run(t.Context(), o); err == nil {
		t.Error("verifies for nobody")
	}
	o = options(nil, good)
	o.Trust.Keys = nil
	if _, err := Run(t.Context(), o); err == nil {
		t.Error("verifies without a root")
	}
	// The release index lists what an identity signed that is named, and nobody else's.
	indexed := func(rules ...trust.IdentityRule) (*freshness.Index, error) {
		return freshness.Indexer{Signer: newSigner(t).For(trust.Indexer), Of: signing.Trust{Root: root}, Identities: rules, Life: time.Hour, Now: time.Now()}.
			Renew(t.Context(), w.store, w.store, shop, []artifact.Descriptor{w.build.Index})
	}
	if x, err := indexed(good); err != nil || len(x.Statements) != 2 {
		t.Errorf("%v, %v", x, err)
	}
	if x, err := indexed(rule(i.Issuer.URL, "another@selfsame.example")); err == nil {
		t.Errorf("lists statements of others: %v", x)
	}
}

// TestExpressionsThatOverlap: an identity that two entries name by expressions, who must not be one, is met.
func TestExpressionsThatOverlap(t *testing.T) {
	const issuer = "https://login.example.com"
	w := newWorld(t)
	w.publish(nil)
	like := func(name, pattern string, roles ...trust.Role) trust.Signer {
		r, err := trust.IdentityPattern(issuer, pattern)
		if err != nil {
			t.Fatal(err)
		}
		return trust.Signer{Name: name, Owner: name, Identities: []trust.IdentityRule{r}, Roles: roles}
	}
	options := func(signers ...trust.Signer) Options {
		o := w.options()
		keyed := o.Trust
		o.Signers = signers
		o.checkBundle = func(bundle []byte) (signing.Signed, error) { // as if a root had vouched for him
			got, err := keyed.Verify(bundle)
			got.By, got.Time = trust.Party{Identity: trust.Identity{Issuer: issuer, Subject: "ci-release"}}, time.Now()
			return got, err
		}
		return o
	}
	release := like("ci", "ci-.*", trust.Release)
	w.must(options(release, like("qa", "qa-.*", trust.Finding)), VerdictVerified, "")
	for _, c := range []struct {
		o    Options
		code diag.Code
	}{
		{options(release, like("qa", ".*-release", trust.Finding)), "A0607"},
		{options(release, like("a", "ci-.*", trust.Rebuilder), like("b", ".*-release", trust.Rebuilder)), "A0610"},
	} {
		_, err := Run(t.Context(), c.o)
		if list := diag.All(err); len(list) != 1 || list[0].Code != c.code {
			t.Errorf("%v, want %s", err, c.code)
		}
	}
	o := options(release, like("ops", ".*-release", trust.Revoker))
	if o.Speaks(trust.Revoker)(trust.Party{Identity: trust.Identity{Issuer: issuer, Subject: "ci-release"}}, time.Now(), shop) {
		t.Error("who releases takes back")
	}
	if !o.Speaks(trust.Revoker)(trust.Party{Identity: trust.Identity{Issuer: issuer, Subject: "ops-release"}}, time.Now(), shop) {
		t.Error("nobody takes back")
	}
	// The names that bound a signer's statements bound his lists and policies.
	ops := like("ops", "ops-.*", trust.Revoker, trust.Policy)
	ops.Names = []string{"registry.example.com/ops/*"}
	o = options(ops)
	for series, want := range map[string]bool{"registry.example.com/ops/denylist": true, shop: false, "": false} {
		for _, role := range ops.Roles {
			if got := o.Speaks(role)(trust.Party{Identity: trust.Identity{Issuer: issuer, Subject: "ops-1"}}, time.Now(), series); got != want {
				t.Errorf("%s of %q: %t, want %t", role, series, got, want)
			}
		}
	}
}
