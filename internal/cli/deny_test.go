package cli

import (
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/test/sigstore"
	"github.com/selfsame-build/selfsame/trust"
)

// TestDenyIdentity takes back what was signed without a key.
func TestDenyIdentity(t *testing.T) {
	w := newTrusting(t, "revoker")
	with := func(args ...string) []string {
		return append(args, "--list", "./deny.json", "--key", "revoker.key", "--stateless")
	}
	w.must(0, "", with("deny", "new")...)
	w.must(10, "needs --issuer", with("deny", "add", "signer-identity=ci@example.com", "--reason", "stolen")...)
	w.must(10, "signer-identity=", with("deny", "add", "signer-identity=", "--issuer", "https://login.example.com", "--reason", "stolen")...)
	w.must(0, "", with("deny", "add", "signer-identity=ci@example.com", "--issuer", "https://login.example.com", "--reason", "stolen")...)
	if out := w.must(0, "", "deny", "show", "./deny.json", "--json"); !strings.Contains(out, `"identity":{"issuer":"https://login.example.com","subject":"ci@example.com"}`) {
		t.Error(out)
	}
	w.must(0, "its platforms are not denied with it", with("deny", "add", "sha256:"+strings.Repeat("1", 64), "--reason", "it leaks")...)
	w.must(0, "nothing to lift: the list has no entry for ", with("deny", "lift", "signer-identity=cj@example.com", "--issuer", "https://login.example.com")...)
	w.must(0, "", with("deny", "lift", "signer-identity=ci@example.com", "--issuer", "https://login.example.com")...)
	w.must(10, "--since tomorrow: it is a time, as in 2026-01-31T12:00:00Z", with("deny", "add", "builder=https://example.com", "--since", "tomorrow", "--reason", "x")...)
	if out := w.must(0, "", "deny", "show", "./deny.json", "--json"); strings.Contains(out, "ci@example.com") {
		t.Error(out)
	}
}

// TestListsByIdentities: a deny list that is signed without a key, and who may go on with it.
func TestListsByIdentities(t *testing.T) {
	i := sigstore.Start(t)
	w := newTrusting(t, "release", "revoker")
	for _, who := range []string{"ops", "next", "release"} {
		w.write(who+".token", i.Issuer.Token(t, who+"@selfsame.example", nil))
	}
	as := func(who string, args ...string) []string {
		return append(args, "--list", "./deny.json", "--stateless", "--keyless", "--signing-config", i.SigningConfig, "--trusted-root", i.TrustedRoot, "--identity-token", who+".token")
	}
	by := func(who string, args ...string) []string {
		return append(args, "--deny-identity", who+"@selfsame.example", "--deny-issuer", i.Issuer.URL)
	}
	w.must(10, "--keyless needs --trusted-root, --deny-identity", as("ops", "deny", "new")...)
	w.must(15, "the new deny list does not hold: ops@selfsame.example", by("next", as("ops", "deny", "new")...)...) // a list that he could not go on with himself
	w.must(0, "", by("ops", as("ops", "deny", "new")...)...)
	w.must(15, "may not speak in it", by("next", as("next", "deny", "renew")...)...)
	w.must(0, "", "deny", "renew", "--list", "./deny.json", "--stateless", "--key", "revoker.key", "--trusted-root", i.TrustedRoot,
		"--deny-identity", "ops@selfsame.example", "--deny-issuer", i.Issuer.URL)
	rotated := append(by("ops", as("next", "deny", "renew")...), "--deny-key", "revoker.pub", "--deny-identity", "next@selfsame.example")
	w.must(0, "", rotated...)

	w.attach("release", provenance.PredicateProvenance)
	w.attach("release", provenance.PredicateRebuild)
	verify := []string{"verify", "image", "--key", "release.pub", "--stateless", "--deny-list", "./deny.json"}
	rooted := append(verify, "--trusted-root", i.TrustedRoot)
	w.must(10, "--deny-key (or --deny-identity) go together", rooted...)
	w.must(10, "`--deny-identity` needs `--trusted-root`", by("next", verify...)...)
	w.must(0, "sequence 3", by("next", rooted...)...)
	w.must(15, "next@selfsame.example", by("ops", rooted...)...)
	w.must(15, "does not hold", append(rooted, "--deny-key", "revoker.pub")...)
	w.must(0, "holds:", by("next", "deny", "show", "./deny.json", "--trusted-root", i.TrustedRoot)...)
	// Who releases does not take back.
	w.must(10, "one key for two roles", append(by("next", rooted...), "--certificate-identity-regexp", `n.*@selfsame\.example`, "--certificate-oidc-issuer", i.Issuer.URL)...)
	index := append(by("next", rooted...), "--release-index-identity", "release@selfsame.example", "--release-index-issuer", i.Issuer.URL)
	w.must(16, "is missing", index...)
}

// TestTimesBesideKeys: flags that date what a key signs.
func TestTimesBesideKeys(t *testing.T) {
	i := sigstore.Start(t)
	w := newTrusting(t, "revoker")
	at := []string{"--signing-config", i.SigningConfig, "--trusted-root", i.TrustedRoot}
	deny := func(args ...string) []string {
		return append([]string{"deny", "new", "--list", "./deny.json", "--stateless"}, args...)
	}
	w.must(10, "are for `--keyless`", deny(append(at, "--identity-token", "x", "--key", "revoker.key")...)...)
	w.must(10, "times beside a key need", deny("--key", "revoker.key", "--signing-config", i.SigningConfig)...)
	w.must(0, "", deny(append(at, "--key", "revoker.key")...)...)
	raw, err := os.ReadFile("deny.json")
	if err != nil {
		t.Fatal(err)
	}
	root, err := loadRoot(i.TrustedRoot)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := (&app{}).verifiers(t.Context(), []string{"revoker.pub"})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := (signing.Trust{Keys: keys, Root: root}).Verify(raw); err != nil || time.Since(got.Time).Abs() > time.Minute {
		t.Errorf("at %v: %v", got.Time, err)
	}
}

// TestAuditSigners: whom an audit's flags have sign a match and a difference.
func TestAuditSigners(t *testing.T) {
	i := sigstore.Start(t)
	w := newTrusting(t, "rebuilder", "finding")
	for _, who := range []string{"qa", "finder"} {
		w.write(who+".token", i.Issuer.Token(t, who+"@selfsame.example", nil))
	}
	w.write("again.token", i.Issuer.Token(t, "qa@selfsame.example", nil))
	for name, c := range map[string]struct {
		key, finding, token, findingToken string
		keyless                           bool
		match, difference                 bool
		says                              string
	}{
		"nobody":             {},
		"keys":               {key: "rebuilder.key", finding: "finding.key", match: true, difference: true},
		"a difference alone": {finding: "finding.key", difference: true},
		"identities":         {keyless: true, token: "qa.token", findingToken: "finder.token", match: true, difference: true},
		"one, and a key":     {keyless: true, token: "qa.token", finding: "finding.key", match: true, difference: true},
		"one identity":       {keyless: true, token: "qa.token", findingToken: "again.token", says: "for one identity"},
		"two ways":           {keyless: true, token: "qa.token", key: "rebuilder.key", says: "two ways to sign"},
		"two ways to object": {finding: "finding.key", findingToken: "finder.token", says: "two ways to sign"},
		"no token":           {keyless: true, says: "no identity token"},
		"no such key":        {key: "none.key", says: "none.key"},
	} {
		f := auditFlags{key: c.key, findingKey: c.finding, findingToken: c.findingToken, who: identityFlags{root: i.TrustedRoot}}
		if c.keyless || c.findingToken != "" {
			f.sign = keylessFlags{on: c.keyless, config: i.SigningConfig, token: c.token}
		}
		a := &app{Streams: Streams{Err: io.Discard, Env: func(string) string { return "" }}}
		err := f.signers(t.Context(), a)
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err == nil && ((f.Rebuilder != nil) != c.match || (f.Finder != nil) != c.difference) {
			t.Errorf("%s: match %v, difference %v", name, f.Rebuilder != nil, f.Finder != nil)
		}
		for role, open := range map[trust.Role]func() (*signing.Signer, error){trust.Rebuilder: f.Rebuilder, trust.Finding: f.Finder} {
			if err != nil || open == nil {
				continue
			}
			if s, err := open(); err != nil || s.Role() != role {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}
