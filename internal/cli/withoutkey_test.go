package cli

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/test/sigstore"
)

// TestWithoutKeys: links, summaries and verdicts that an instance of sigstore vouches for, and layouts and trust files that name identities.
func TestWithoutKeys(t *testing.T) {
	i := sigstore.Start(t)
	w := newTrusting(t, "release", "owner", "finding")
	w.attach("release", provenance.PredicateProvenance)
	w.attach("release", provenance.PredicateRebuild)
	keyless := func(who, root string) []string {
		w.write("token", i.Issuer.Token(t, who, nil))
		return []string{"--keyless", "--signing-config", i.SigningConfig, root, i.TrustedRoot, "--identity-token", "token"}
	}
	verify := func(code int, say string, more ...string) string {
		t.Helper()
		return w.must(code, say, append([]string{"verify", "image"}, more...)...)
	}

	// A layout whose one step is an identity's.
	w.must(10, "needs --functionary or --functionary-identity", "layout", "new")
	w.must(10, "1 identities and 0 times --functionary-issuer", "layout", "new", "--functionary-identity", "me@selfsame.example")
	w.must(10, "0 identities and 1 times", "layout", "new", "--functionary", "release.pub", "--functionary-issuer", i.Issuer.URL)
	w.must(10, "an identity needs an issuer and a subject", "layout", "new", "--functionary-identity", "scan=", "--functionary-issuer", i.Issuer.URL)
	out := w.must(0, "", "layout", "new", "--functionary", "release.pub", "--functionary-identity", "scan=scanner@selfsame.example", "--functionary-issuer", i.Issuer.URL)
	var layout map[string]any
	if err := json.Unmarshal([]byte(out), &layout); err != nil {
		t.Fatal(err)
	}
	steps, _ := layout["steps"].([]any)
	scan, _ := steps[len(steps)-1].(map[string]any)
	scan["expected_materials"], scan["expected_products"] = [][]string{{"ALLOW", "*"}}, [][]string{{"REQUIRE", "image"}, {"ALLOW", "*"}}
	layout["steps"] = []any{scan}
	raw, err := json.Marshal(layout)
	if err != nil {
		t.Fatal(err)
	}
	w.write("layout.json", string(raw))
	w.must(0, "signed by 1 owner", "layout", "sign", "layout.json", "--key", "owner.key")
	w.must(0, "scanner@selfsame.example ("+i.Issuer.URL+")", "layout", "show", "layout.json")
	by := []string{"--key", "release.pub", "--layout", "layout.json", "--layout-key", "owner.pub", "--trusted-root", i.TrustedRoot}
	verify(10, "identities of `the layout` count, and there is no trusted root", by[:6]...)
	verify(16, "step scan", by...)
	w.must(10, "needs --key or --keyless", "link", "scan", "image")
	w.must(0, "scan image@sha256:", append([]string{"link", "scan", "image"}, keyless("other@selfsame.example", "--trusted-root")...)...)
	verify(16, "no link of this step is signed by one of its functionaries", by...)
	w.must(0, "scan image@sha256:", append([]string{"link", "scan", "image"}, keyless("scanner@selfsame.example", "--trusted-root")...)...)
	verify(0, "1 of 1 functionaries (scanner@selfsame.example ("+i.Issuer.URL+"))", by...)

	// A summary for other tools.
	verify(10, "has no place for the certificate", append([]string{"--key", "release.pub", "--vsa", "vsa.json", "--summary-format", "dsse"}, keyless("promoter@selfsame.example", "--signing-root")...)...)
	verify(10, "two ways to sign", append([]string{"--key", "release.pub", "--vsa", "vsa.json", "--sign-with", "owner.key"}, keyless("promoter@selfsame.example", "--signing-root")...)...)
	verify(10, "hand on", append([]string{"--key", "release.pub"}, keyless("promoter@selfsame.example", "--signing-root")...)...)
	verify(0, "", append([]string{"--key", "release.pub", "--vsa", "vsa.json", "--svr", "svr.json"}, keyless("promoter@selfsame.example", "--signing-root")...)...)
	read := func(name string) []byte {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	root, err := signing.LoadRoot(read(i.TrustedRoot))
	if err != nil {
		t.Fatal(err)
	}
	verify(15, "", "--key", "release.pub", "--name", "registry.example.com/other", "--vsa", "failed.json", "--finding-key", "finding.key", "--signing-config", i.SigningConfig, "--signing-root", i.TrustedRoot)
	finder, err := signing.LoadVerifier(read("finding.pub"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := (signing.Trust{Keys: []*signing.Verifier{finder}, Root: root}).Verify(read("failed.json")); err != nil || got.Time.IsZero() {
		t.Errorf("a finding that others say the time of: %s, %v", got.Time, err)
	}
	for _, name := range []string{"vsa.json", "svr.json"} {
		if got, err := (signing.Trust{Root: root}).Verify(read(name)); err != nil || got.By.Identity.Subject != "promoter@selfsame.example" || got.Time.IsZero() {
			t.Errorf("%s: %v, %v", name, got.By, err)
		}
	}

	// A verdict, at a gate that knows nobody but the verifier, by issuer and subject.
	w.write("policy.yaml", aPolicy("3", "summary.reproduced"))
	w.write("edge.yaml", "trust: v1\nsigstore: "+i.TrustedRoot+"\nsigners:\n  central:\n    identities: [{issuer: \""+i.Issuer.URL+"\", subject: verifier@selfsame.example}]\n    roles: [verifier]\n")
	edge := []string{"--name", shop, "--trust", "edge.yaml", "--policy", "policy.yaml", "--accept-verdicts"}
	for _, c := range []struct {
		who  string
		code int
		say  string
	}{
		{"other@selfsame.example", 14, "it was not built twice"},
		{"verifier@selfsame.example", 0, "in a verdict that central handed on until"},
	} {
		verify(0, "the verdict is attached as", append([]string{"--key", "release.pub", "--policy", "policy.yaml", "--attach-verdict"}, keyless(c.who, "--signing-root")...)...)
		verify(c.code, c.say, edge...)
	}
	verify(10, "the identity token is that of verifier@selfsame.example", append([]string{"--key", "release.pub", "--certificate-identity", "verifier@selfsame.example", "--certificate-oidc-issuer", i.Issuer.URL,
		"--trusted-root", i.TrustedRoot, "--policy", "policy.yaml", "--verdict", "verdict.json"}, keyless("verifier@selfsame.example", "--signing-root")...)...)
	if said := verify(0, "", append(edge, "--json")...); !strings.Contains(said, `"handedOn": {`) {
		t.Error(said)
	}

	// One that says the same stands: none is signed. The instance has no log or timestamp authority here, so that signing would fail.
	w.write("both.yaml", string(read("edge.yaml"))+"  release: {keys: [release.pub], roles: [release]}\n")
	central := append([]string{"--name", shop, "--trust", "both.yaml", "--policy", "policy.yaml", "--attach-verdict"}, keyless("verifier@selfsame.example", "--signing-root")...)
	verify(0, "the verdict is attached as", central...)
	var services map[string]any
	if err := json.Unmarshal(read(i.SigningConfig), &services); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"rekorTlogUrls", "tsaUrls"} {
		for _, s := range services[kind].([]any) {
			s.(map[string]any)["url"] = "http://127.0.0.1:1"
		}
	}
	raw, err = json.Marshal(services)
	if err != nil {
		t.Fatal(err)
	}
	w.write("silent.json", string(raw))
	central[slices.Index(central, i.SigningConfig)] = "silent.json"
	verify(0, "no verdict is attached: one that says the same counts until", central...)
	verify(17, "", append(central, "--verdict", "verdict.json")...) // this one is wanted

	// A policy that nobody's key signed, and that flags say who may sign.
	by = []string{"--policy-identity", "ops@selfsame.example", "--policy-issuer", i.Issuer.URL}
	w.must(0, "", append(append([]string{"policy", "push", "policy.yaml", "./signed.json"}, by...), keyless("ops@selfsame.example", "--trusted-root")...)...)
	decided := []string{"--key", "release.pub", "--policy", "./signed.json", "--stateless"}
	rooted := append(decided, "--trusted-root", i.TrustedRoot)
	verify(0, "policy prod, version 3", append(rooted, by...)...)
	verify(10, "`--policy-identity` needs `--trusted-root`", append(decided, by...)...)
	verify(10, "needs `--policy-identity`", append(rooted, "--policy-issuer", i.Issuer.URL)...)
	verify(15, "A0561", append(rooted, "--policy-identity", "other@selfsame.example", "--policy-issuer", i.Issuer.URL)...)
	verify(15, "A0561", append(append(rooted, by...), "--certificate-identity", "ops@selfsame.example", "--certificate-oidc-issuer", i.Issuer.URL)...) // he releases, too
	w.must(0, "", append([]string{"policy", "eval", "image", "--key", "release.pub", "--policy", "./signed.json", "--stateless", "--save", "evidence.json", "--trusted-root", i.TrustedRoot}, by...)...)
	w.must(0, "", append([]string{"policy", "eval", "evidence.json", "--policy", "./signed.json", "--trusted-root", i.TrustedRoot}, by...)...)
	w.must(0, "", append([]string{"policy", "diff", "policy.yaml", "./signed.json", "evidence.json", "--trusted-root", i.TrustedRoot}, by...)...)
	w.must(0, "", append([]string{"policy", "diff", "policy.yaml", "./signed.json", "image", "--key", "release.pub", "--trusted-root", i.TrustedRoot}, by...)...)

	// Who says when the release key signed says it of links, too.
	links := buildLinks()
	links.keys, links.by = []string{"owner.key"}, keylessFlags{config: i.SigningConfig, root: i.TrustedRoot}
	signers, err := links.signers(t.Context(), &app{Streams: Streams{Env: func(string) string { return "" }}})
	if err != nil {
		t.Fatal(err)
	}
	bundle, err := signing.SignUnchecked(t.Context(), signers.Signer("build-a"), w.statements[0].Payload)
	if err != nil {
		t.Fatal(err)
	}
	owner, err := signing.LoadVerifier(read("owner.pub"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := (signing.Trust{Keys: []*signing.Verifier{owner}, Root: root}).Verify(bundle); err != nil || got.Time.IsZero() {
		t.Errorf("a link that others say the time of: %s, %v", got.Time, err)
	}
}
