package handon

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/internal/cli"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/registry/layout"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/signing/signingtest"
	"github.com/selfsame-build/selfsame/test/fixture"
)

// world is a folder with keys and an image, and a registry.
type world struct {
	t      *testing.T
	host   string
	client *registry.Client
	index  artifact.Descriptor
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, host: fixture.Distribution(t), client: registry.New(registry.Options{})}
	t.Chdir(t.TempDir())
	for _, k := range []string{"release", "ops", "central", "other"} {
		w.key(k)
	}
	return w
}

// key makes a pair that needs no password.
func (w *world) key(name string) {
	w.t.Helper()
	private, public := signingtest.NewPair(w.t)
	w.write(name+".key", string(private))
	w.write(name+".pub", string(public))
}

// publish pushes an image as team/shop, with all statements of a build, signed by the release key.
func (w *world) publish() artifact.Descriptor {
	w.t.Helper()
	l, err := layout.Create("image")
	w.check(err)
	put := func(mediaType string, v any, root bool) artifact.Descriptor {
		raw, err := json.Marshal(v)
		w.check(err)
		d := artifact.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(raw), Size: int64(len(raw))}
		if w.check(l.PutBlob(w.t.Context(), d, bytes.NewReader(raw))); root {
			w.check(l.Add(w.t.Context(), d, raw))
		}
		return d
	}
	config := put(v1.MediaTypeImageConfig, v1.Image{Platform: v1.Platform{OS: "linux", Architecture: "amd64"}}, false)
	manifest := put(v1.MediaTypeImageManifest, v1.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest, Layers: []v1.Descriptor{}, Config: config}, false)
	listed := manifest
	listed.Platform = &v1.Platform{OS: "linux", Architecture: "amd64"}
	w.index = put(v1.MediaTypeImageIndex, v1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageIndex, Manifests: []v1.Descriptor{listed}}, true)
	w.copy("team/shop")
	sum := digest.FromString
	statements, err := provenance.Statements(provenance.Build{
		Name: w.host + "/team/shop", Index: w.index, IndexTwin: w.index.Digest,
		Images:   []provenance.Image{{Platform: "linux/amd64", Manifest: manifest, Twin: manifest.Digest, DiffIDs: []digest.Digest{sum("layer")}}},
		Recipe:   provenance.Recipe{Path: "recipe.yaml", Digest: sum("recipe"), Canonical: sum("canonical")},
		Lock:     provenance.Lock{Path: "selfsame.lock", Digest: sum("lock")},
		Source:   provenance.Source{Path: ".", Context: sum("context")},
		Settings: provenance.Settings{BuildKit: "v0.34.2", Frontend: "stages@v1"},
		Twins:    []provenance.Twin{{Name: "A"}, {Name: "B"}}, Axes: []provenance.Axis{{Name: "clock", State: provenance.AxisMeasured, A: "1", B: "2"}},
		Independence: provenance.SameHost, BuilderID: provenance.BuilderID(provenance.ModeLocal), InvocationID: "run-1",
	})
	w.check(err)
	signer, err := signing.LoadSigner([]byte(w.read("release.key")), nil)
	w.check(err)
	for _, s := range statements {
		bundle, err := signing.SignUnchecked(w.t.Context(), signer, s.Payload)
		w.check(err)
		w.attach("team/shop", s.Subject, bundle)
	}
	return w.index
}

// copy pushes the image without anything that is attached to it.
func (w *world) copy(repository string) {
	w.t.Helper()
	_, err := w.client.Push(w.t.Context(), "image", w.index.Digest, w.host+"/"+repository+":v1", nil)
	w.check(err)
}

// must runs a command that has to end with code, and say.
func (w *world) must(code int, say string, args ...string) {
	w.t.Helper()
	var out, errs bytes.Buffer
	got := cli.Main(w.t.Context(), args, cli.Streams{Out: &out, Err: &errs, Env: func(name string) string {
		return map[string]string{"HOME": filepath.Dir("."), "XDG_STATE_HOME": "state"}[name]
	}})
	if got != code || !strings.Contains(out.String()+errs.String(), say) {
		w.t.Errorf("%s: exit %d, want %d and %q\n%s%s", strings.Join(args, " "), got, code, say, out.String(), errs.String())
	}
}

func (w *world) check(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}
