package registry_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/registry/local"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/signing/plugin"
	"github.com/selfsame-build/selfsame/signing/signingtest"
	"github.com/selfsame-build/selfsame/test/fixture"
	"github.com/selfsame-build/selfsame/trust"
)

const (
	somePredicate = `{"buildDefinition":{"buildType":"https://example.com/b","externalParameters":{}},"runDetails":{"builder":{"id":"https://example.com/x"}}}`
	offlineConfig = `{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json","rekorTlogConfig":{},"tsaConfig":{}}`
)

// about is a statement about what was pushed.
func about(to registry.Pushed, kind, predicate string) []byte {
	return fmt.Appendf(nil, `{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"app","digest":{"sha256":%q}}],"predicateType":%q,"predicate":%s}`,
		to.Descriptor.Digest.Encoded(), kind, predicate)
}

func attachBundle(t *testing.T, to registry.Pushed, kind string, bundle []byte, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := to.Repository.Attach(t.Context(), to.Descriptor, artifact.Bundle(signing.BundleMediaType, bundle, kind)); err != nil {
		t.Fatal(err)
	}
}

// files writes files into a folder of the test's and gives their paths.
func files(t *testing.T) func(name, content string) string {
	t.Helper()
	dir := t.TempDir()
	return func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
}

// TestStockCosignAlgorithms: stock cosign verifies what we sign with each kind of key, and signs with our key file what we verify.
//
// It has to be told of P-384 that its hash is SHA-384: it signs so by itself, and verifies with SHA-256 unless it is told.
func TestStockCosignAlgorithms(t *testing.T) {
	run := cosign(t)
	file := files(t)
	offline, predicate := file("sc.json", offlineConfig), file("p.json", somePredicate)
	_, stranger, err := signing.NewKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	server := serve(t, local.Options{}, nil)
	for _, algorithm := range signing.Algorithms() {
		if algorithm == "rsa-sign-pkcs1-4096-sha256" { // as 3072, and slow to make
			continue
		}
		t.Run(algorithm, func(t *testing.T) {
			private, public, err := signing.NewKeyOf(algorithm, []byte("secret"))
			if err != nil {
				t.Fatal(err)
			}
			signer, err := signing.LoadSigner(private, []byte("secret"))
			if err != nil {
				t.Fatal(err)
			}
			_, pushed := push(t, server, 1000)
			verify := func(key string, more ...string) (string, error) {
				return run(append([]string{"verify-attestation", "--key", key, "--insecure-ignore-tlog", "--allow-insecure-registry", "--type", "slsaprovenance1", pushed.Pinned()}, more...)...)
			}
			var more []string
			if strings.Contains(algorithm, "384") {
				more = []string{"--signature-digest-algorithm", "sha384"}
			}
			pub := file(algorithm+".pub", string(public))
			bundle, err := signing.Sign(t.Context(), signer.For(trust.Release), about(pushed, provenance.PredicateProvenance, somePredicate))
			attachBundle(t, pushed, provenance.PredicateProvenance, bundle, err)
			if out, err := verify(pub, more...); err != nil {
				t.Errorf("stock cosign refuses ours: %v\n%s", err, out)
			}
			if out, err := verify(file("stranger.pub", string(stranger))); err == nil {
				t.Errorf("stock cosign accepts a stranger's key\n%s", out)
			}

			_, pushed = push(t, server, 1001)
			if out, err := run("attest", "--key", file(algorithm+".key", string(private)), "--signing-config", offline, "--predicate", predicate, "--type", "slsaprovenance1", "--allow-insecure-registry", "-y", pushed.Pinned()); err != nil {
				t.Fatalf("stock cosign does not sign with our key: %v\n%s", err, out)
			}
			theirs(t, pushed, signer.Verifier())
			out, err := verify(pub, more...)
			t.Logf("stock cosign of its own signature: %v", err)
			if err != nil {
				t.Logf("%s", out)
			}
		})
	}
}

// theirs verifies the one bundle that cosign attached.
func theirs(t *testing.T, pushed registry.Pushed, v *signing.Verifier) {
	t.Helper()
	found, err := pushed.Repository.Referrers(t.Context(), pushed.Descriptor.Digest, artifact.Budget{})
	if err != nil || len(found.Referrers) != 1 {
		t.Fatalf("%+v, %v", found, err)
	}
	raw, err := pushed.Repository.Blob(t.Context(), found.Referrers[0].Layers[0], signing.MaxBundle)
	if err != nil {
		t.Fatal(err)
	}
	got, err := signing.Trust{Keys: []*signing.Verifier{v}}.Verify(raw)
	if err != nil || got.By.Key != v.Key() || !strings.Contains(string(got.Payload), pushed.Descriptor.Digest.Encoded()) {
		t.Errorf("we do not verify stock cosign's: %v by %v\n%.300s", err, got.By, raw)
	}
}

// TestN10NegativeStatement: stock cosign takes any statement that a key signed for "signed", a failed verification too. So a finding has
// a key of its own, and the release key does not sign one.
func TestN10NegativeStatement(t *testing.T) {
	run := cosign(t)
	file := files(t)
	keys := map[trust.Role]*signing.Signer{}
	public := map[trust.Role]string{}
	for _, role := range []trust.Role{trust.Release, trust.Finding} {
		private, pub, err := signing.NewKey(nil)
		if err != nil {
			t.Fatal(err)
		}
		key, err := signing.LoadSigner(private, nil)
		if err != nil {
			t.Fatal(err)
		}
		keys[role], public[role] = key.For(role), file(string(role)+".pub", string(pub))
	}
	server := serve(t, local.Options{}, nil)
	for i, c := range []struct{ kind, predicate string }{
		{"https://slsa.dev/verification_summary/v1", `{"verificationResult":"FAILED"}`},
		{provenance.PredicateRebuild, `{"result":"mismatch"}`},
		{"https://in-toto.io/attestation/vulns/v0.2", `{"scanner":{"result":[{"id":"CVE-2026-0001"}]}}`},
	} {
		_, pushed := push(t, server, 2000+i)
		verify := func(role trust.Role) (string, error) {
			return run("verify", "--key", public[role], "--insecure-ignore-tlog", "--allow-insecure-registry", pushed.Pinned())
		}
		statement := about(pushed, c.kind, c.predicate)
		if _, err := signing.Sign(t.Context(), keys[trust.Release], statement); err == nil {
			t.Errorf("the release key signs %s", c.kind)
		}
		bundle, err := signing.Sign(t.Context(), keys[trust.Finding], statement)
		attachBundle(t, pushed, c.kind, bundle, err)
		if out, err := verify(trust.Release); err == nil {
			t.Errorf("a finding makes stock cosign accept the image for the release key:\n%s", out)
		}
		if out, err := verify(trust.Finding); err != nil {
			t.Errorf("cosign does not see the finding at all, so that this test proves nothing: %v\n%s", err, out)
		}
		// What the refusal is good for: signed with the release key, the same words are an approval.
		bundle, err = signing.SignUnchecked(t.Context(), keys[trust.Release], statement)
		attachBundle(t, pushed, c.kind, bundle, err)
		if out, err := verify(trust.Release); err != nil {
			t.Logf("cosign has learnt to tell them apart: %s", out)
		}
	}
}

// TestStockCosignToken: stock cosign signs and verifies with a key on a token by our program, and so do we.
func TestStockCosignToken(t *testing.T) {
	binary := fixture.Tool(t, "cosign")
	const module = "/usr/lib/softhsm/libsofthsm2.so"
	for _, need := range []string{"gcc", "softhsm2-util", module} {
		if _, err := exec.LookPath(need); err != nil && !exists(need) {
			t.Skipf("SKIPPED: %s is not installed: run make deps", need)
		}
	}
	dir := t.TempDir()
	file := files(t)
	if err := os.Mkdir(filepath.Join(dir, "tokens"), 0o700); err != nil {
		t.Fatal(err)
	}
	env := append(os.Environ(), "SOFTHSM2_CONF="+file("softhsm2.conf", "directories.tokendir = "+dir+"/tokens\n"), "CGO_ENABLED=1",
		"PATH="+dir+":"+os.Getenv("PATH"), "COSIGN_PKCS11_PIN=1234", "SELFSAME_KEY_PASSWORD=", "HOME="+dir, "GOCACHE="+goEnv(t, "GOCACHE"), "GOMODCACHE="+goEnv(t, "GOMODCACHE"))
	do := func(name string, args ...string) (string, error) {
		cmd := exec.Command(name, args...)
		cmd.Env = env
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	must := func(name string, args ...string) {
		t.Helper()
		if out, err := do(name, args...); err != nil {
			t.Fatalf("%s %q: %v\n%s", name, args, err, out)
		}
	}
	must("go", "build", "-o", filepath.Join(dir, "sigstore-kms-p11"), "../cmd/sigstore-kms-p11")
	must("softhsm2-util", "--init-token", "--free", "--label", "release", "--pin", "1234", "--so-pin", "567890")
	private, _ := signingtest.NewPair(t)
	must("softhsm2-util", "--import", file("key.pem", string(private)), "--token", "release", "--label", "signing", "--id", "01", "--pin", "1234")
	const path = "token=release;object=signing?module-path=" + module

	programs := plugin.Programs{Env: env, Find: func(name string) (string, error) { return filepath.Join(dir, name), nil }}
	signer, err := signing.Open(t.Context(), "pkcs11:"+path, signing.OpenOptions{Role: trust.Release, Password: []byte("1234"), Programs: programs})
	if err != nil {
		t.Fatal(err)
	}
	server := serve(t, local.Options{}, nil)
	_, pushed := push(t, server, 3000)
	bundle, err := signing.Sign(t.Context(), signer, about(pushed, provenance.PredicateProvenance, somePredicate))
	attachBundle(t, pushed, provenance.PredicateProvenance, bundle, err)
	verify := func() (string, error) {
		return do(binary, "verify-attestation", "--key", "p11://"+path, "--insecure-ignore-tlog", "--allow-insecure-registry", "--type", "slsaprovenance1", pushed.Pinned())
	}
	if out, err := verify(); err != nil {
		t.Errorf("stock cosign, with the key on the token, refuses ours: %v\n%s", err, out)
	}
	_, pushed = push(t, server, 3001)
	if out, err := verify(); err == nil {
		t.Errorf("cosign accepts an image without evidence: this test proves nothing\n%s", out)
	}
	must(binary, "attest", "--key", "p11://"+path, "--signing-config", file("sc.json", offlineConfig), "--predicate", file("p.json", somePredicate),
		"--type", "slsaprovenance1", "--allow-insecure-registry", "-y", pushed.Pinned())
	theirs(t, pushed, signer.Verifier())
}

func exists(path string) bool { _, err := os.Stat(path); return err == nil }

func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}
