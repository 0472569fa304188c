package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/provenance/intoto"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/signing/signingtest"
	"github.com/selfsame-build/selfsame/test/sigstore"
	"github.com/selfsame-build/selfsame/trust"
)

// keyPlace makes keys that lie in no file of the command's, and names them; each role has one of its own.
type keyPlace func(t *testing.T, role string) (ref string)

// programs has the commands find the programs that hold keys, built once.
func programs(t *testing.T, build map[string]string) {
	t.Helper()
	dir := t.TempDir()
	for name, pkg := range build {
		cmd := exec.Command("go", "build", "-o", filepath.Join(dir, name), pkg) //nolint:gosec // packages of ours
		cmd.Env = append(os.Environ(), "CGO_ENABLED=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("building %s: %v\n%s", name, err, out)
		}
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

func newPrivate(t *testing.T) []byte {
	private, _ := signingtest.NewPair(t)
	return private
}

// kmsKeys are keys behind sigstore's plugin protocol.
func kmsKeys(t *testing.T) keyPlace {
	programs(t, map[string]string{"sigstore-kms-testkms": "../../signing/testdata/kms"})
	return func(t *testing.T, _ string) string {
		dir := t.TempDir()
		for name, data := range map[string][]byte{"current": []byte("v1"), "v1": newPrivate(t)} {
			if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return "testkms://" + dir
	}
}

// tokenKeys are keys on a token that is a folder.
func tokenKeys(t *testing.T) keyPlace {
	const module = "/usr/lib/softhsm/libsofthsm2.so"
	for _, needs := range []string{"softhsm2-util", "gcc"} {
		if _, err := exec.LookPath(needs); err != nil {
			t.Skipf("SKIPPED: %s is not installed: run make deps", needs)
		}
	}
	if _, err := os.Stat(module); err != nil {
		t.Skip("SKIPPED: the module of softhsm2 is not where it usually is")
	}
	programs(t, map[string]string{"sigstore-kms-p11": "../../cmd/sigstore-kms-p11"})
	dir := t.TempDir()
	conf, pin := filepath.Join(dir, "softhsm2.conf"), filepath.Join(dir, "pin")
	for path, text := range map[string]string{conf: "directories.tokendir = " + dir + "\n", pin: "1234"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("SOFTHSM2_CONF", conf)
	util := func(args ...string) {
		if out, err := exec.Command("softhsm2-util", args...).CombinedOutput(); err != nil { //nolint:gosec // fixed words
			t.Fatalf("softhsm2-util %q: %v\n%s", args, err, out)
		}
	}
	util("--init-token", "--free", "--label", "roles", "--pin", "1234", "--so-pin", "567890")
	ids := 10
	return func(t *testing.T, role string) string {
		file := filepath.Join(t.TempDir(), "key.pem")
		if err := os.WriteFile(file, newPrivate(t), 0o600); err != nil {
			t.Fatal(err)
		}
		ids++
		util("--import", file, "--token", "roles", "--label", role, "--id", string(rune('0'+ids/10))+string(rune('0'+ids%10)), "--pin", "1234")
		return "pkcs11:token=roles;object=" + role + "?module-path=" + module + "&pin-source=file:" + pin
	}
}

// TestEveryKeyFlag: wherever a command takes a private key, one on a token and one in a KMS will do, in the same role as a file's (issue 5, 1).
func TestEveryKeyFlag(t *testing.T) {
	for name, place := range map[string]func(*testing.T) keyPlace{"kms": kmsKeys, "token": tokenKeys} {
		t.Run(name, func(t *testing.T) {
			key := place(t)
			w := newTrusting(t, "release")
			w.attach("release", provenance.PredicateProvenance)
			w.attach("release", provenance.PredicateRebuild)
			a := &app{Streams: Streams{Env: func(string) string { return "" }}}
			public := func(ref string) *signing.Verifier {
				t.Helper()
				v, err := signing.PublicKey(t.Context(), ref, a.keyOptions(""))
				if err != nil {
					t.Fatal(err)
				}
				w.write("public.pub", string(v.PEM()))
				return v
			}
			signed := func(file, ref string) {
				t.Helper()
				raw, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if got, err := (signing.Trust{Keys: []*signing.Verifier{public(ref)}}).Verify(raw); err != nil {
					t.Errorf("%s: %v, %v", file, got.By, err)
				}
			}

			owner, functionary := key(t, "owner"), key(t, "functionary")
			public(functionary)
			w.must(0, "", "layout", "new", "--functionary", "public.pub", "--out", "layout.json")
			w.must(0, "signed by 1 owner", "layout", "sign", "layout.json", "--key", owner)
			public(owner)
			w.must(16, "step lock", "verify", "image", "--key", "release.pub", "--layout", "layout.json", "--layout-key", "public.pub") // the owner's signature held
			w.must(0, "scan image@sha256:", "link", "scan", "image", "--key", functionary)
			links, err := (&linkFlags{steps: buildLinks().steps, keys: []string{"build-a,sign=" + functionary}}).signers(t.Context(), a)
			if err != nil {
				t.Fatal(err)
			}
			if s := links.Signer(intoto.StepSign); s == nil || s.Role() != trust.Functionary || s.Key() != public(functionary).Key() || links.Signer(intoto.StepCompare) != nil {
				t.Errorf("--link-key: %v", s)
			}

			promoter, finding := key(t, "promoter"), key(t, "finding")
			w.must(0, "", "verify", "image", "--key", "release.pub", "--vsa", "vsa.json", "--sign-with", promoter)
			signed("vsa.json", promoter)
			w.must(15, "", "verify", "image", "--key", "release.pub", "--name", "registry.example.com/other", "--vsa", "failed.json", "--sign-with", promoter, "--finding-key", finding)
			signed("failed.json", finding)
			w.must(15, "are one key", "verify", "image", "--key", "release.pub", "--name", "registry.example.com/other", "--vsa", "no.json", "--sign-with", finding, "--finding-key", finding)
			audit := auditFlags{key: promoter, findingKey: finding}
			if err := audit.signers(t.Context(), a); err != nil {
				t.Fatal(err)
			}
			for role, open := range map[trust.Role]func() (*signing.Signer, error){trust.Rebuilder: audit.Rebuilder, trust.Finding: audit.Finder} {
				if s, err := open(); err != nil || s.Role() != role {
					t.Errorf("audit, %s: %v", role, err)
				}
			}

			revoker := key(t, "revoker")
			w.must(0, "", "deny", "new", "--list", "./deny.json", "--key", revoker, "--stateless")
			signed("deny.json", revoker)
		})
	}
}

// TestPoliciesWithoutKeys: a policy and a break-glass statement are signed under identities that have those roles.
func TestPoliciesWithoutKeys(t *testing.T) {
	i := sigstore.Start(t)
	w := newTrusting(t, "release")
	w.attach("release", provenance.PredicateProvenance)
	w.attach("release", provenance.PredicateRebuild)
	keyless := func(who string) []string {
		w.write("token", i.Issuer.Token(t, who+"@selfsame.example", nil))
		return []string{"--keyless", "--signing-config", i.SigningConfig, "--trusted-root", i.TrustedRoot, "--identity-token", "token"}
	}
	push := func(code int, says, version, who string, more ...string) {
		t.Helper()
		w.write("policy.yaml", aPolicy(version, "image.index"))
		w.must(code, says, append(append([]string{"policy", "push", "policy.yaml", "./signed.json", "--stateless"}, keyless(who)...), more...)...)
	}
	named := []string{"--policy-issuer", i.Issuer.URL, "--policy-identity", "rules@selfsame.example"}
	push(10, "yours among them", "3", "rules")
	push(0, "", "3", "rules", named...)
	w.write("trust.yaml", "trust: v1\nsigstore: "+i.TrustedRoot+"\nsigners:\n  release: {keys: [release.pub], roles: [release]}\n  rules:\n    identities: [{issuer: \""+
		i.Issuer.URL+"\", subject: rules@selfsame.example}]\n    roles: [policy]\n")
	verify := []string{"verify", "image", "--name", shop, "--trust", "trust.yaml", "--policy", "./signed.json", "--stateless"}
	w.must(0, "", verify...)
	push(15, "", "4", "other", "--policy-issuer", i.Issuer.URL, "--policy-identity", "other@selfsame.example") // upon whom he does not name
	push(0, "", "4", "other", append(named, "--policy-identity", "other@selfsame.example")...)
	w.must(15, "", verify...)
	push(0, "", "5", "rules", append(named, "--policy-identity", "other@selfsame.example")...)
	w.must(0, "", verify...)

	image := shop + "@" + w.statements[0].Subject.Digest.String()
	glass := []string{"break-glass", image, "--namespace", "shop", "--reason", "incident", "--owner", "ops@selfsame.example"}
	w.must(10, "needs --key or --keyless", glass...)
	root, err := loadRoot(i.TrustedRoot)
	if err != nil {
		t.Fatal(err)
	}
	got, err := (signing.Trust{Root: root}).Verify([]byte(strings.TrimSpace(w.must(0, "", append(glass, keyless("ops")...)...))))
	if err != nil || got.By.Identity.Subject != "ops@selfsame.example" || got.Time.IsZero() {
		t.Errorf("by %v, %v", got.By, err)
	}
}

// TestLinksWithoutKeys: what lock and build sign of their steps, under an identity.
func TestLinksWithoutKeys(t *testing.T) {
	i := sigstore.Start(t)
	t.Chdir(t.TempDir())
	for _, who := range []string{"ci", "dev"} {
		if err := os.WriteFile(who, []byte(i.Issuer.Token(t, who+"@selfsame.example", nil)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile("ci.key", newPrivate(t), 0o600); err != nil {
		t.Fatal(err)
	}
	a := &app{Streams: Streams{Env: func(string) string { return "" }}}
	by := keylessFlags{config: i.SigningConfig, root: i.TrustedRoot}
	f := linkFlags{steps: buildLinks().steps, tokens: []string{"sign=dev", "ci"}, by: by}
	links, err := f.signers(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	root, err := loadRoot(i.TrustedRoot)
	if err != nil {
		t.Fatal(err)
	}
	for step, who := range map[string]string{intoto.StepSign: "dev@selfsame.example", intoto.StepBuildA: "ci@selfsame.example", intoto.StepCompare: "ci@selfsame.example"} {
		s := links.Signer(step)
		if s == nil || s.Role() != trust.Functionary {
			t.Fatalf("%s: %v", step, s)
		}
		statement := `{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"x","digest":{"sha256":"` + strings.Repeat("a", 64) + `"}}],"predicateType":"` +
			provenance.PredicateLink + `","predicate":{"name":"` + step + `"}}`
		bundle, err := signing.Sign(t.Context(), s, []byte(statement))
		if err != nil {
			t.Fatalf("%s: %v", step, err)
		}
		if got, err := (signing.Trust{Root: root}).Verify(bundle); err != nil || got.By.Identity.Subject != who || got.Time.IsZero() {
			t.Errorf("%s: by %v at %s, %v", step, got.By, got.Time, err)
		}
	}
	if got := strings.Join(f.files(), " "); got != "dev ci" {
		t.Errorf("kept from the build: %q", got)
	}
	mixed := linkFlags{steps: buildLinks().steps, keys: []string{"ci.key"}, tokens: []string{"sign=dev"}, by: by}
	if links, err := mixed.signers(t.Context(), a); err != nil || links.Signer(intoto.StepSign) == links.Signer(intoto.StepCompare) {
		t.Errorf("a key and an identity: %v", err)
	}
	for _, c := range []struct{ says, command string }{
		{"`--link-identity-token ci` needs `--signing-config` and `--trusted-root`", "lock . --link-identity-token ci"},
		{"help: selfsame lock . --link-identity-token ci --signing-config signing_config.json", "lock . --link-identity-token ci"},
		{"--link-identity-token names two keys or identities for step lock", "lock . --link-key lock=ci.key --link-identity-token lock=ci --signing-config " + i.SigningConfig + " --trusted-root " + i.TrustedRoot},
		{"where STEP is one of", "lock . --link-identity-token sign=ci"},
		{"reading the identity token", "build . --link-identity-token gone --signing-config " + i.SigningConfig + " --trusted-root " + i.TrustedRoot},
		{"a link of the step sign needs --key or --keyless", "build . --link-identity-token sign=ci --signing-config " + i.SigningConfig + " --trusted-root " + i.TrustedRoot},
	} {
		wrong(t, nil, 10, c.says, strings.Fields(c.command)...)
	}
}
