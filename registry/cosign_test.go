package registry_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/registry/local"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/test/fixture"
	"github.com/selfsame-build/selfsame/trust"
)

// cosign finds stock cosign: $SELFSAME_COSIGN, or what `tools/build cosign` left in the cache.
func cosign(t *testing.T) func(args ...string) (string, error) {
	t.Helper()
	binary := fixture.Tool(t, "cosign")
	return func(args ...string) (string, error) {
		cmd := exec.Command(binary, args...)
		home := t.TempDir()
		cmd.Env = []string{"HOME=" + home, "COSIGN_PASSWORD=secret", "PATH=" + os.Getenv("PATH")}
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
}

// TestStockCosign has stock cosign verify what we attach, and sign with our key what we then verify, on registries with and
// without the referrers API.
func TestStockCosign(t *testing.T) {
	run := cosign(t)
	private, public, err := signing.NewKey([]byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	_, strange, err := signing.NewKey([]byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	signer, err := signing.LoadSigner(private, []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	key, pub, other := file("k.key", string(private)), file("k.pub", string(public)), file("other.pub", string(strange))
	predicate := file("p.json", `{"buildDefinition":{"buildType":"https://example.com/b","externalParameters":{}},"runDetails":{"builder":{"id":"https://example.com/x"}}}`)
	offline := file("sc.json", `{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json","rekorTlogConfig":{},"tsaConfig":{}}`)

	for name, opts := range map[string]local.Options{"with API": {}, "without API": {NoReferrersAPI: true}} {
		t.Run(name, func(t *testing.T) {
			_, pushed := push(t, serve(t, opts, nil), 1000)
			verify := func(key string) (string, error) {
				return run("verify-attestation", "--key", key, "--insecure-ignore-tlog", "--allow-insecure-registry", "--type", "slsaprovenance1", pushed.Pinned())
			}
			if out, err := verify(pub); err == nil {
				t.Fatalf("cosign accepts an image without evidence: this test proves nothing\n%s", out)
			}
			statement := fmt.Sprintf(`{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"app","digest":{"sha256":"%s"}}],"predicateType":"https://slsa.dev/provenance/v1","predicate":{"buildDefinition":{"buildType":"https://example.com/b","externalParameters":{}},"runDetails":{"builder":{"id":"https://example.com/x"}}}}`, pushed.Descriptor.Digest.Encoded())
			bundle, err := signing.Sign(t.Context(), signer.For(trust.Release), []byte(statement))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := pushed.Repository.Attach(t.Context(), pushed.Descriptor, artifact.Bundle(signing.BundleMediaType, bundle, "https://slsa.dev/provenance/v1")); err != nil {
				t.Fatal(err)
			}
			if out, err := verify(pub); err != nil {
				t.Errorf("stock cosign refuses ours: %v\n%s", err, out)
			}
			if out, err := verify(other); err == nil {
				t.Errorf("stock cosign accepts another key\n%s", out)
			}
			if out, err := run("attest", "--key", key, "--signing-config", offline, "--predicate", predicate, "--type", "slsaprovenance1", "--allow-insecure-registry", "-y", pushed.Pinned()); err != nil {
				t.Fatalf("stock cosign does not sign with our key: %v\n%s", err, out)
			}
			found, err := pushed.Repository.Referrers(t.Context(), pushed.Descriptor.Digest, artifact.Budget{})
			if err != nil || len(found.Referrers) != 2 || len(found.Rejected) != 0 {
				t.Fatalf("%+v, %v", found, err)
			}
			for _, r := range found.Referrers {
				raw, err := pushed.Repository.Blob(t.Context(), r.Layers[0], signing.MaxBundle)
				if err != nil {
					t.Fatal(err)
				}
				got, err := signing.Trust{Keys: []*signing.Verifier{signer.Verifier()}}.Verify(raw)
				if err != nil || got.By.Key != signer.Key() || !strings.Contains(string(got.Payload), pushed.Descriptor.Digest.Encoded()) || r.ArtifactType != signing.BundleMediaType {
					t.Errorf("%s: %v by %v", got.Payload, err, got.By)
				}
			}
		})
	}
}
