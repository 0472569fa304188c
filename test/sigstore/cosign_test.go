package sigstore_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/registry/layout"
	"github.com/selfsame-build/selfsame/registry/local"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/test/fixture"
	"github.com/selfsame-build/selfsame/test/sigstore"
	"github.com/selfsame-build/selfsame/trust"
)

func TestMain(m *testing.M) {
	defer sigstore.Stop()
	m.Run()
}

const builder = "builder@selfsame.example"

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// pushImage pushes a small image to a registry of its own.
func pushImage(t *testing.T) registry.Pushed {
	t.Helper()
	handler := must[http.Handler](t)(local.Handler(local.Options{Dir: t.TempDir()}))
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	dir := t.TempDir()
	l := must[*layout.Layout](t)(layout.Create(dir))
	blob := func(mediaType, content string) artifact.Descriptor {
		t.Helper()
		d := artifact.Descriptor{MediaType: mediaType, Digest: digest.FromString(content), Size: int64(len(content))}
		if err := l.PutBlob(t.Context(), d, strings.NewReader(content)); err != nil {
			t.Fatal(err)
		}
		return d
	}
	config := blob("application/vnd.oci.image.config.v1+json", `{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]},"config":{}}`)
	manifest := fmt.Sprintf(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":%q,"digest":%q,"size":%d},"layers":[]}`,
		config.MediaType, config.Digest, config.Size)
	image := blob("application/vnd.oci.image.manifest.v1+json", manifest)
	if err := l.Add(t.Context(), image, []byte(manifest)); err != nil {
		t.Fatal(err)
	}
	ref := strings.TrimPrefix(server.URL, "http://") + "/team/app:1"
	return must[registry.Pushed](t)(registry.New(registry.Options{}).Push(t.Context(), dir, image.Digest, ref, nil))
}

// keyless signs releases with the private instance.
func keyless(t testing.TB, i *sigstore.Instance, token string) *signing.Signer {
	t.Helper()
	return must[*signing.Signer](t)(signing.NewKeyless(signing.KeylessOptions{
		Instance: must[*signing.Instance](t)(signing.LoadInstance(must[[]byte](t)(os.ReadFile(i.SigningConfig)))),
		Root:     must[*signing.Root](t)(signing.LoadRoot(must[[]byte](t)(os.ReadFile(i.TrustedRoot)))), Now: time.Now,
		Token: func(context.Context) (signing.Token, error) { return signing.ParseToken(token) },
	})).For(trust.Release)
}

// altered is the trusted root with something else in it, in a file.
func altered(t *testing.T, i *sigstore.Instance, change func(root map[string]any)) string {
	t.Helper()
	var root map[string]any
	if err := json.Unmarshal(must[[]byte](t)(os.ReadFile(i.TrustedRoot)), &root); err != nil {
		t.Fatal(err)
	}
	change(root)
	path := filepath.Join(t.TempDir(), "trusted_root.json")
	if err := os.WriteFile(path, must[[]byte](t)(json.Marshal(root)), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func first(root map[string]any, key string) map[string]any {
	return root[key].([]any)[0].(map[string]any)
}

// TestCosign has stock cosign verify what we sign under a certificate, and us what it signs, against one real instance; and both refuse
// the same things.
func TestCosign(t *testing.T) {
	binary := fixture.Tool(t, "cosign")
	i := sigstore.Start(t)
	cosign := func(args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), binary, args...) //nolint:gosec // built by tools/build
		cmd.Env = []string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH")}
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	pushed, theirs := pushImage(t), pushImage(t)
	statement := fmt.Sprintf(`{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"app","digest":{"sha256":"%s"}}],"predicateType":"https://slsa.dev/provenance/v1","predicate":{"buildDefinition":{"buildType":"https://example.com/b","externalParameters":{}},"runDetails":{"builder":{"id":"https://example.com/x"}}}}`, pushed.Descriptor.Digest.Encoded())
	start := time.Now()
	bundle := must[[]byte](t)(signing.Sign(t.Context(), keyless(t, i, i.Issuer.Token(t, builder, nil)), []byte(statement)))
	t.Logf("signed in %s", time.Since(start).Round(time.Millisecond))
	if _, err := pushed.Repository.Attach(t.Context(), pushed.Descriptor, artifact.Bundle(signing.BundleMediaType, bundle, "https://slsa.dev/provenance/v1")); err != nil {
		t.Fatal(err)
	}
	predicate := filepath.Join(t.TempDir(), "p.json")
	if err := os.WriteFile(predicate, []byte(`{"buildDefinition":{"buildType":"https://example.com/b","externalParameters":{}},"runDetails":{"builder":{"id":"https://example.com/x"}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte(i.Issuer.Token(t, builder, nil)), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := cosign("attest", "--signing-config", i.SigningConfig, "--trusted-root", i.TrustedRoot, "--identity-token", token,
		"--predicate", predicate, "--type", "slsaprovenance1", "--allow-insecure-registry", "-y", theirs.Pinned()); err != nil {
		t.Fatalf("stock cosign does not sign: %v\n%s", err, out)
	}
	listing := must[artifact.Listing](t)(theirs.Repository.Referrers(t.Context(), theirs.Descriptor.Digest, artifact.Budget{}))
	if len(listing.Referrers) != 1 {
		t.Fatalf("%+v", listing)
	}
	foreign := must[[]byte](t)(theirs.Repository.Blob(t.Context(), listing.Referrers[0].Layers[0], signing.MaxBundle))

	over := map[string]any{"start": time.Now().Add(-2 * time.Hour).UTC().Format(time.RFC3339), "end": time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)}
	for name, c := range map[string]struct {
		root            string
		subject, issuer string
		good            bool
		oursAlone       bool // cosign accepts it
	}{
		"good":           {root: i.TrustedRoot, subject: builder, issuer: i.Issuer.URL, good: true},
		"wrong identity": {root: i.TrustedRoot, subject: "builder@selfsame.exampl", issuer: i.Issuer.URL},
		"wrong issuer":   {root: i.TrustedRoot, subject: builder, issuer: i.Other.URL},
		"wrong authority": {root: altered(t, i, func(r map[string]any) {
			first(r, "certificateAuthorities")["certChain"] = first(r, "timestampAuthorities")["certChain"]
		}), subject: builder, issuer: i.Issuer.URL},
		"wrong log":   {root: altered(t, i, func(r map[string]any) { first(r, "tlogs")["logId"] = map[string]any{"keyId": make([]byte, 32)} }), subject: builder, issuer: i.Issuer.URL},
		"CA expired":  {root: altered(t, i, func(r map[string]any) { first(r, "certificateAuthorities")["validFor"] = over }), subject: builder, issuer: i.Issuer.URL},
		"TSA expired": {root: altered(t, i, func(r map[string]any) { first(r, "timestampAuthorities")["validFor"] = over }), subject: builder, issuer: i.Issuer.URL},
		"log expired": {root: altered(t, i, func(r map[string]any) { first(r, "tlogs")["publicKey"].(map[string]any)["validFor"] = over }), subject: builder, issuer: i.Issuer.URL, oursAlone: true},
	} {
		t.Run(name, func(t *testing.T) {
			r := must[*signing.Root](t)(signing.LoadRoot(must[[]byte](t)(os.ReadFile(c.root))))
			want := trust.Party{Identity: trust.Identity{Issuer: c.issuer, Subject: c.subject}}
			for who, b := range map[string][]byte{"ours": bundle, "cosign's": foreign} {
				got, err := signing.Trust{Root: r}.Verify(b)
				if good := err == nil && got.By == want && time.Since(got.Time).Abs() < time.Minute; good != c.good {
					t.Errorf("%s: we say %t: %v by %v at %v", who, good, err, got.By, got.Time)
				}
			}
			for who, image := range map[string]string{"ours": pushed.Pinned(), "its own": theirs.Pinned()} {
				out, err := cosign("verify-attestation", "--trusted-root", c.root, "--certificate-identity", c.subject, "--certificate-oidc-issuer", c.issuer,
					"--insecure-ignore-sct", "--allow-insecure-registry", "--type", "slsaprovenance1", image)
				if (err == nil) != (c.good || c.oursAlone) {
					t.Errorf("%s: cosign says %v\n%s", who, err, out)
				}
			}
		})
	}
}
