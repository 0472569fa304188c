package rebuild

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/builder"
	"github.com/selfsame-build/selfsame/builder/daemon"
	"github.com/selfsame-build/selfsame/inputs"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/recipes"
	"github.com/selfsame-build/selfsame/recipes/lock"
	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/registry/layout"
	"github.com/selfsame-build/selfsame/registry/local"
	"github.com/selfsame-build/selfsame/registry/seal"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/signing/signingtest"
)

const recipeText = `recipe: v1
name: shop
platforms: [linux/amd64]
source: {path: .}
epoch: 1700000000
build:
  stages:
    - name: final
      from: scratch
      steps:
        - copy: {sources: [hello], to: /hello}
`

// world is a registry with a published image, and an auditor on a machine that has no programs to build with: whatever gets as far as a
// builder fails in other words than the test wants.
type world struct {
	t       *testing.T
	host    string
	spoil   func(http.ResponseWriter, *http.Request) bool // true: it has answered; asked for one request at a time
	client  *registry.Client
	release *signing.Signer
	state   string
	machine string
	store   *inputs.Store
	// what is published
	recipe, lock string
	frontend     string
	buildkit     string
	twinHost     string
	sealed       []seal.Blob // besides the context
	noSeal       bool
	sealAt       string          // the repository that the seal lies in; empty: the image's own
	sealEnd      string          // what the evidence adds to that: a tag, a digest
	signer       *signing.Signer // nil: release
	name         string
	mark         string // in the image's configuration
	context      digest.Digest
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, state: t.TempDir(), recipe: recipeText, frontend: "stages@v1", buildkit: builder.BuildKitVersion, release: newSigner(t)}
	back, err := local.Handler(local.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	var one sync.Mutex
	spoilt := func(rw http.ResponseWriter, r *http.Request) bool {
		one.Lock()
		defer one.Unlock()
		return w.spoil != nil && w.spoil(rw, r)
	}
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if !spoilt(rw, r) {
			back.ServeHTTP(rw, r)
		}
	}))
	t.Cleanup(srv.Close)
	w.host, w.client = strings.TrimPrefix(srv.URL, "http://"), registry.New(registry.Options{})
	if w.store, err = inputs.Open(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.store.Close() })
	w.name = w.host + "/team/shop"
	return w
}

func newSigner(t *testing.T) *signing.Signer { return signingtest.NewSigner(t, "") }

// must gives what a call returned, or ends the test.
func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// publish pushes the image with evidence and seal, and gives its reference.
func (w *world) publish() string {
	w.t.Helper()
	ctx, t := w.t.Context(), w.t
	dir := t.TempDir()
	out := must[*layout.Layout](t)(layout.Create(dir))
	put := func(mediaType string, data []byte) v1.Descriptor {
		d := v1.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(data), Size: int64(len(data))}
		if err := out.PutBlob(ctx, d, strings.NewReader(string(data))); err != nil {
			t.Fatal(err)
		}
		return d
	}
	config := put(v1.MediaTypeImageConfig, fmt.Appendf(nil, `{"author":%q,"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]}}`, w.mark))
	raw := fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":"%s","config":{"mediaType":"%s","digest":"%s","size":%d},"layers":[]}`,
		v1.MediaTypeImageManifest, config.MediaType, config.Digest, config.Size)
	manifest := put(v1.MediaTypeImageManifest, raw)
	manifest.Platform = &v1.Platform{OS: "linux", Architecture: "amd64"}
	index := v1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageIndex, Manifests: []v1.Descriptor{manifest}}
	rawIndex := encode(t, index)
	root := v1.Descriptor{MediaType: v1.MediaTypeImageIndex, Digest: digest.FromBytes(rawIndex), Size: int64(len(rawIndex))}
	if err := out.Add(ctx, root, rawIndex); err != nil {
		t.Fatal(err)
	}
	w.seal()
	statements := must[[]provenance.Subjected](t)(provenance.Statements(w.describe(root, manifest)))
	signer := w.signer
	if signer == nil {
		signer = w.release
	}
	pushed := must[registry.Pushed](t)(w.client.Push(ctx, dir, root.Digest, w.host+"/team/shop:v1", nil))
	for _, st := range statements {
		bundle := must[[]byte](t)(signing.SignUnchecked(ctx, signer, st.Payload))
		must[[]artifact.Descriptor](t)(pushed.Repository.Attach(ctx, st.Subject, artifact.Bundle(signing.BundleMediaType, bundle, st.PredicateType)))
	}
	if !w.noSeal {
		to := pushed.Repository
		if w.sealAt != "" {
			to = must[*registry.Repository](t)(w.client.Repository(w.sealAt))
		}
		must[[]artifact.Descriptor](t)(seal.Push(ctx, to, root, w.sealed, w.store))
	}
	return w.host + "/team/shop@" + root.Digest.String()
}

// seal makes the context's image, and the list of what is sealed.
func (w *world) seal() {
	w.t.Helper()
	layer := must[inputs.Blob](w.t)(w.store.PutBytes(w.t.Context(), make([]byte, 1024))) // an empty tar
	cfg := v1.Image{Platform: v1.Platform{OS: "linux", Architecture: "amd64"}, RootFS: v1.RootFS{Type: "layers", DiffIDs: []digest.Digest{layer.Digest}}}
	d := must[v1.Descriptor](w.t)(w.store.PutImage(w.t.Context(), cfg, []v1.Descriptor{{MediaType: v1.MediaTypeImageLayer, Digest: layer.Digest, Size: layer.Size}}, nil))
	w.context = d.Digest
	raw, _, err := w.store.Open(d.Digest)
	if err != nil {
		w.t.Fatal(err)
	}
	defer raw.Close()
	var m v1.Manifest
	decode(w.t, raw, &m)
	for _, b := range append([]v1.Descriptor{d, m.Config}, m.Layers...) {
		w.sealed = append(w.sealed, seal.Blob{Digest: b.Digest, Size: b.Size, MediaType: "application/octet-stream"})
	}
}

func (w *world) describe(index, manifest v1.Descriptor) provenance.Build {
	recipe := []byte(w.recipe)
	locked := []byte(w.lock)
	canonical := digest.FromString("none")
	if r, err := recipes.Parse("recipe.yaml", recipe); err == nil {
		canonical = r.Digest()
		if w.lock == "" {
			locked = (&lock.Lock{Header: lock.Header{Recipe: canonical, Frontend: "dockerfile.v0@" + builder.BuildKitVersion}}).Format()
		}
	}
	return provenance.Build{
		Name: w.name, Index: index, IndexTwin: index.Digest,
		Images:   []provenance.Image{{Platform: "linux/amd64", Manifest: manifest, Twin: manifest.Digest}},
		Recipe:   provenance.Recipe{Path: "recipe.yaml", Digest: digest.FromBytes(recipe), Canonical: canonical, Content: recipe},
		Lock:     provenance.Lock{Path: "selfsame.lock", Digest: digest.FromBytes(locked), Content: locked},
		Source:   provenance.Source{Path: ".", Context: w.context},
		Settings: provenance.Settings{BuildKit: w.buildkit, Compression: "zstd", Epoch: 1700000000, Frontend: w.frontend},
		Twins:    []provenance.Twin{{Name: "A", BuildKit: "v1", Kernel: "6.1", CPU: "one", Host: w.twinHost}, {Name: "B", BuildKit: "v1", Kernel: "6.1", CPU: "one"}},
		Axes:     []provenance.Axis{{Name: "clock", State: provenance.AxisMeasured, A: "2026", B: "2027"}},

		Seal: w.sealAt + w.sealEnd, Independence: provenance.SameHost, BuilderID: provenance.BuilderID(provenance.ModeLocal), Selfsame: provenance.Program{Version: "v1"},
		InvocationID: "run", Started: time.Unix(1000, 0), Finished: time.Unix(1060, 0),
	}
}

// lockOf is a lock of the recipe without lines, for a frontend.
func (w *world) lockOf(frontend string) string {
	r := must[*recipes.Recipe](w.t)(recipes.Parse("recipe.yaml", []byte(w.recipe)))
	return string((&lock.Lock{Header: lock.Header{Recipe: r.Digest(), Frontend: frontend}}).Format())
}

// auditor is one without programs.
func (w *world) auditor() *Auditor {
	return &Auditor{
		Registry: w.client, Now: time.Now, Notice: w.t.Logf,
		Sandbox: func(ctx context.Context) (*Sandbox, error) {
			none := "/bin/false"
			self := []string{"/bin/sh", "-c", "echo x >>" + w.started() + "; exit 1"}
			box, err := NewSandbox(ctx, filepath.Join(w.state, "audits"), daemon.Binaries{Self: self, Buildkitd: none, Vary: none, Runc: none})
			if err != nil {
				return nil, err
			}
			store, err := inputs.OpenFleeting(filepath.Join(box.Dir, Store))
			if err != nil {
				return nil, err
			}
			box.Host = &builder.Host{
				Store: store, Daemons: box.Daemons(), Registry: w.client, Now: time.Now, Random: rand.Reader, TempDir: box.Dir,
				CacheDir: filepath.Join(box.Dir, Cache), Machine: w.machine, Memory: 8 << 30, CPUs: 2,
			}
			box.Done = func() { _ = store.Close() }
			return box, nil
		},
	}
}

// started is a file that is there once something wanted to start a builder.
func (w *world) started() string { return filepath.Join(w.state, "started") }

// left are the sandboxes that are still there.
func (w *world) left() []string {
	entries, _ := os.ReadDir(filepath.Join(w.state, "audits"))
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}
