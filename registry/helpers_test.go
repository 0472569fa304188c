package registry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/registry/layout"
	"github.com/selfsame-build/selfsame/registry/local"
)

// anonymous keeps the tests away from the credentials of whoever runs them.
type anonymous struct{}

func (anonymous) Resolve(authn.Resource) (authn.Authenticator, error) { return authn.Anonymous, nil }

func newClient(t *testing.T) *registry.Client {
	t.Helper()
	return registry.New(registry.Options{Keychain: anonymous{}, Stall: 30 * time.Second, Attempts: 4})
}

// serve runs a registry behind wrap (nil: none) and gives its host:port.
func serve(t *testing.T, opts local.Options, wrap func(http.Handler) http.Handler) string {
	t.Helper()
	opts.Dir = t.TempDir()
	h, err := local.Handler(opts)
	if err != nil {
		t.Fatal(err)
	}
	if wrap != nil {
		h = wrap(h)
	}
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

// testImage writes an index with two platforms, of random layers, into a new layout.
func testImage(t *testing.T, layerSize int) (dir string, image artifact.Descriptor) {
	t.Helper()
	dir = t.TempDir()
	l, err := layout.Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	index := v1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageIndex}
	for i, arch := range []string{"amd64", "arm64"} {
		layer := make([]byte, layerSize)
		for j := range layer {
			layer[j] = byte(rand.Uint32())
		}
		config := fmt.Appendf(nil, `{"architecture":%q,"os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":[]},"n":%d}`, arch, i)
		m := v1.Manifest{
			Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest,
			Config: putBlob(t, l, v1.MediaTypeImageConfig, config),
			Layers: []artifact.Descriptor{putBlob(t, l, v1.MediaTypeImageLayerZstd, layer)},
		}
		d := putBlob(t, l, v1.MediaTypeImageManifest, mustJSON(t, m))
		d.Platform = &v1.Platform{OS: "linux", Architecture: arch}
		index.Manifests = append(index.Manifests, d)
	}
	raw := mustJSON(t, index)
	image = artifact.Descriptor{MediaType: v1.MediaTypeImageIndex, Digest: digest.FromBytes(raw), Size: int64(len(raw))}
	if err := l.Add(t.Context(), image, raw); err != nil {
		t.Fatal(err)
	}
	return dir, image
}

func putBlob(t *testing.T, l *layout.Layout, mediaType string, raw []byte) artifact.Descriptor {
	t.Helper()
	d := artifact.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(raw), Size: int64(len(raw))}
	if err := l.PutBlob(t.Context(), d, bytes.NewReader(raw)); err != nil {
		t.Fatal(err)
	}
	return d
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// wantCode demands a diagnostic with this code.
func wantCode(t *testing.T, err error, code diag.Code) {
	t.Helper()
	for _, d := range diag.All(err) {
		if d.Code == code {
			return
		}
	}
	t.Fatalf("error %v, want diagnostic %s", err, code)
}

// evidence is a small artifact, different for every n.
func evidence(n int) artifact.Artifact {
	return artifact.Bundle("application/vnd.dev.sigstore.bundle.v0.3+json", fmt.Appendf(nil, `{"n":%d}`, n), "https://example.com/test/v1")
}

func push(t *testing.T, host string, layerSize int) (ref string, p registry.Pushed) {
	t.Helper()
	dir, image := testImage(t, layerSize)
	ref = host + "/team/app:1"
	p, err := newClient(t).Push(context.Background(), dir, image.Digest, ref, nil)
	if err != nil {
		t.Fatal(err)
	}
	return ref, p
}
