package sigstore_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/test/fixture"
	"github.com/selfsame-build/selfsame/test/sigstore"
	"github.com/selfsame-build/selfsame/trust"
)

// TestStampedKey has a real timestamp authority and a real log say when a key signed, also twice for one statement, and stock cosign check it.
func TestStampedKey(t *testing.T) {
	i := sigstore.Start(t)
	instance := must[*signing.Instance](t)(signing.LoadInstance(must[[]byte](t)(os.ReadFile(i.SigningConfig))))
	root := must[*signing.Root](t)(signing.LoadRoot(i.Root(t)))
	pushed := pushImage(t)
	statement := fmt.Sprintf(`{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"app","digest":{"sha256":"%s"}}],"predicateType":"https://slsa.dev/provenance/v1","predicate":{"buildDefinition":{"buildType":"https://example.com/b","externalParameters":{}},"runDetails":{"builder":{"id":"https://example.com/x"}}}}`, pushed.Descriptor.Digest.Encoded())
	for _, algorithm := range []string{"ecdsa-sha2-256-nistp256", "ecdsa-sha2-384-nistp384"} {
		t.Run(algorithm, func(t *testing.T) {
			private, public, err := signing.NewKeyOf(algorithm, []byte("x"))
			if err != nil {
				t.Fatal(err)
			}
			key := must[*signing.Signer](t)(signing.LoadSigner(private, []byte("x"))).For(trust.Release)
			key = must[*signing.Signer](t)(key.Stamped(signing.StampOptions{Instance: instance, Root: root, Now: time.Now}))
			var bundle []byte
			for range 2 {
				bundle = must[[]byte](t)(signing.Sign(t.Context(), key, []byte(statement)))
			}
			got, err := signing.Trust{Keys: []*signing.Verifier{key.Verifier()}, Root: root}.Verify(bundle)
			if err != nil || time.Since(got.Time).Abs() > time.Minute {
				t.Fatalf("at %v: %v", got.Time, err)
			}
			binary := fixture.Find("cosign")
			if binary == "" || algorithm != signing.DefaultAlgorithm {
				return
			}
			if _, err := pushed.Repository.Attach(t.Context(), pushed.Descriptor, artifact.Bundle(signing.BundleMediaType, bundle, "https://slsa.dev/provenance/v1")); err != nil {
				t.Fatal(err)
			}
			pub := filepath.Join(t.TempDir(), "key.pub")
			if err := os.WriteFile(pub, public, 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), binary, "verify-attestation", "--key", pub, "--trusted-root", i.TrustedRoot, "--allow-insecure-registry", "--type", "slsaprovenance1", pushed.Pinned()) //nolint:gosec // built by tools/build
			cmd.Env = []string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH")}
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("stock cosign refuses it: %v\n%s", err, out)
			}
		})
	}
}
