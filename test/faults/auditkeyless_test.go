package faults

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/selfsame-build/selfsame/rebuild"
	"github.com/selfsame-build/selfsame/test/sigstore"
)

// auditKeyless has a release, its audit and the verification of both go by identities alone: nobody has a key.
func auditKeyless(t *testing.T, first, second *machine) {
	i := sigstore.Start(t)
	t.Cleanup(sigstore.Stop) // other packages' tests wait for it
	reg := newRegistry(t, nil)
	here := t.TempDir()
	who := func(name string) string {
		path := filepath.Join(here, name+".token")
		put(t, path, i.Issuer.Token(t, name+"@selfsame.example", nil))
		return path
	}
	with := []string{"--signing-config", i.SigningConfig, "--trusted-root", i.TrustedRoot}
	dir := withStep(t, dockerfile(t, "FROM scratch\nCOPY step /step\n"))
	first.must(0, dir, words("lock -q"))
	ref := strings.TrimSpace(first.must(0, dir, append([]string{
		"build", "-q", "--keyless", "--identity-token", who("release"), "--seal", "same", "--push=" + reg.host + "/team/keyless:v1"}, with...)).out)

	named := []string{"--certificate-identity", "release@selfsame.example", "--certificate-oidc-issuer", i.Issuer.URL}
	audit := append(append([]string{ref, "--keyless", "--finding-identity-token", who("finder"), "--push"}, with...), named...)
	got := second.audit(0, here, append(audit, "--identity-token", who("rebuilder"))...)
	if got.Verdict != rebuild.Reproduced || len(got.Statements) != 2 || got.Statements[0].Referrer == "" {
		t.Fatalf("%+v", got)
	}
	for _, s := range got.Statements {
		if s.SignedBy != "rebuilder@selfsame.example ("+i.Issuer.URL+")" {
			t.Errorf("signed by %s", s.SignedBy)
		}
	}
	// Who has released the image is not its auditor, and one identity does not find what it rebuilds.
	if out := second.must(10, here, append(append([]string{"audit", "-q"}, audit...), "--identity-token", who("finder"))).err; !strings.Contains(out, "for one identity") {
		t.Error(out)
	}
	if out := second.must(10, here, append(append([]string{"audit", "-q"}, audit...), "--identity-token", who("release"))).err; !strings.Contains(out, "whoever signs the release") {
		t.Error(out)
	}
	put(t, filepath.Join(here, "trust.yaml"), fmt.Sprintf("trust: v1\nsigstore: %s\nsigners:\n  release:\n    identities: [{issuer: %q, subject: release@selfsame.example}]\n    roles: [release]\n", i.TrustedRoot, i.Issuer.URL))
	put(t, filepath.Join(here, "roster.yaml"), fmt.Sprintf("roster: v1\nowners:\n  qa:\n    identities: [{issuer: %q, subject: rebuilder@selfsame.example}]\n    builders: [\"https://selfsame.build/builder/audit/v1\"]\n", i.Issuer.URL))
	out := second.must(0, here, []string{"verify", ref, "--trust", "trust.yaml", "--roster", "roster.yaml", "--rebuilders", "1"}).out
	if !strings.Contains(out, "was built again with one result by qa") {
		t.Error(out)
	}
	second.swept()
}
