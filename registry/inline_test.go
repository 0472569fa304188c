package registry_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/registry/local"
)

// TestBlobInItsDescriptor: what a manifest carries is not asked for; data that lies is no content, and the blob is read instead.
func TestBlobInItsDescriptor(t *testing.T) {
	var asked atomic.Int64
	host := serve(t, local.Options{}, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/") {
				asked.Add(1)
			}
			h.ServeHTTP(w, r)
		})
	})
	ref, p := push(t, host, 100)
	repo, err := newClient(t).Repository(strings.TrimSuffix(ref, ":1"))
	if err != nil {
		t.Fatal(err)
	}
	want := evidence(1).Blob
	if _, err := repo.Attach(t.Context(), p.Descriptor, evidence(1)); err != nil {
		t.Fatal(err)
	}
	listing, err := repo.Referrers(t.Context(), p.Descriptor.Digest, artifact.Budget{})
	if err != nil || len(listing.Referrers) != 1 {
		t.Fatalf("%+v, %v", listing, err)
	}
	honest := listing.Referrers[0].Layers[0]
	lying := honest
	lying.Data = []byte(strings.Repeat("x", len(want)))
	bare := honest
	bare.Data = nil
	for _, c := range []struct {
		name string
		d    artifact.Descriptor
		asks int64
	}{{"honest", honest, 0}, {"lying", lying, 1}, {"without", bare, 1}} {
		asked.Store(0)
		got, err := repo.Blob(t.Context(), c.d, 1<<20)
		if err != nil || string(got) != string(want) {
			t.Errorf("%s: %q, %v; want %q", c.name, got, err, want)
		}
		if n := asked.Load(); n != c.asks {
			t.Errorf("%s: %d blobs asked for, want %d", c.name, n, c.asks)
		}
	}
}

// TestInlinedBlobIsStored: a client that knows no `data` finds the blob in the registry.
func TestInlinedBlobIsStored(t *testing.T) {
	host := serve(t, local.Options{}, nil)
	ref, p := push(t, host, 100)
	repo, err := newClient(t).Repository(strings.TrimSuffix(ref, ":1"))
	if err != nil {
		t.Fatal(err)
	}
	descs, err := repo.Attach(t.Context(), p.Descriptor, evidence(1))
	if err != nil {
		t.Fatal(err)
	}
	_, raw, err := repo.Manifest(t.Context(), descs[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	var m v1.Manifest
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	resp, err := http.Head("http://" + host + "/v2/" + strings.TrimSuffix(strings.TrimPrefix(ref, host+"/"), ":1") + "/blobs/" + m.Layers[0].Digest.String())
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK || resp.ContentLength != m.Layers[0].Size || m.Layers[0].Digest != digest.FromBytes(evidence(1).Blob) {
		t.Errorf("status %d, %d bytes; want 200 and %d", resp.StatusCode, resp.ContentLength, m.Layers[0].Size)
	}
}
