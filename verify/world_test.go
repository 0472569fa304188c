package verify

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/registry/layout"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/signing/signingtest"
)

const shop = "registry.example.com/team/shop"

// world is an image in a real layout on disk, with keys. Nothing is attached to it at first.
type world struct {
	t      *testing.T
	store  *layout.Layout
	build  provenance.Build
	signer *signing.Signer // the release key, the only one that verify is given
	other  *signing.Signer // somebody else's key
}

func newWorld(t *testing.T) *world {
	t.Helper()
	store, err := layout.Create(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, store: store, signer: newSigner(t), other: newSigner(t)}
	w.build = w.describe(w.addImage("linux/amd64", "linux/arm64"))
	return w
}

func newSigner(t *testing.T) *signing.Signer { return signingtest.NewSigner(t, "") }

// addImage stores an index of one small manifest for each platform.
func (w *world) addImage(platforms ...string) (artifact.Descriptor, []provenance.Image) {
	w.t.Helper()
	var images []provenance.Image
	index := v1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageIndex}
	for _, p := range platforms {
		config := v1.Descriptor{MediaType: v1.MediaTypeImageConfig, Digest: digest.FromString("config " + p), Size: int64(len("config " + p))}
		w.put(config, []byte("config "+p), false)
		raw := mustJSON(w.t, v1.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest, Config: config, Layers: []v1.Descriptor{}})
		d := artifact.Descriptor{MediaType: v1.MediaTypeImageManifest, Digest: digest.FromBytes(raw), Size: int64(len(raw))}
		images = append(images, provenance.Image{Platform: p, Manifest: d, Twin: d.Digest, DiffIDs: []digest.Digest{digest.FromString(p)}})
		os, arch, _ := strings.Cut(p, "/")
		d.Platform = &v1.Platform{OS: os, Architecture: arch}
		index.Manifests = append(index.Manifests, d)
		w.put(artifact.Descriptor{MediaType: d.MediaType, Digest: d.Digest, Size: d.Size}, raw, false)
	}
	raw := mustJSON(w.t, index)
	d := artifact.Descriptor{MediaType: v1.MediaTypeImageIndex, Digest: digest.FromBytes(raw), Size: int64(len(raw))}
	w.put(d, raw, true)
	return d, images
}

// put stores a manifest, and lists it in index.json if it is the image itself.
func (w *world) put(d artifact.Descriptor, raw []byte, list bool) {
	w.t.Helper()
	err := w.store.PutBlob(w.t.Context(), d, strings.NewReader(string(raw)))
	if err == nil && list {
		err = w.store.Add(w.t.Context(), d, raw)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) describe(index artifact.Descriptor, images []provenance.Image) provenance.Build {
	sum := digest.FromString
	return provenance.Build{
		Name: shop, Index: index, IndexTwin: index.Digest, Images: images,
		Recipe:   provenance.Recipe{Path: "recipe.yaml", Digest: sum("recipe"), Canonical: sum("canonical")},
		Lock:     provenance.Lock{Path: "selfsame.lock", Digest: sum("lock")},
		Source:   provenance.Source{Git: "https://git.example.com/shop.git", Commit: strings.Repeat("ab", 20), Context: sum("context")},
		Settings: provenance.Settings{BuildKit: "v0.34.2", Compression: "zstd", Epoch: 1, Frontend: "dockerfile.v0@v0.34.2"},
		Twins:    []provenance.Twin{{Name: "A", BuildKit: "v0.34.2"}, {Name: "B", BuildKit: "v0.34.2"}},
		Axes: []provenance.Axis{
			{Name: "clock", State: provenance.AxisMeasured, A: "2026", B: "2027"},
			{Name: "cpus", State: provenance.AxisMeasured, A: "2", B: "1"},
			{Name: "filesystem", State: provenance.AxisNotApplied, Reason: "no loop device"},
		},
		Independence: provenance.SameHost, BuilderID: provenance.BuilderID(provenance.ModeLocal),
		Selfsame: provenance.Program{Version: "v0.1.0"}, InvocationID: "run-1",
		Started: time.Unix(1000, 0), Finished: time.Unix(1060, 0),
	}
}

func (w *world) statements() []provenance.Subjected {
	w.t.Helper()
	out, err := provenance.Statements(w.build)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// publish attaches all statements of the build, signed by the release key, as change leaves them; change may return nil.
func (w *world) publish(change func(provenance.Subjected) *provenance.Subjected) {
	w.t.Helper()
	for _, s := range w.statements() {
		if change != nil {
			c := change(s)
			if c == nil {
				continue
			}
			s = *c
		}
		w.attach(s.Subject, w.sign(w.signer, s.Payload))
	}
}

func (w *world) sign(by *signing.Signer, payload []byte) []byte {
	w.t.Helper()
	bundle, err := signing.SignUnchecked(w.t.Context(), by, payload)
	if err != nil {
		w.t.Fatal(err)
	}
	return bundle
}

func (w *world) attach(subject artifact.Descriptor, bundle []byte) {
	w.t.Helper()
	w.attachArtifact(subject, artifact.Bundle(signing.BundleMediaType, bundle, ""))
}

func (w *world) attachArtifact(subject artifact.Descriptor, a artifact.Artifact) {
	w.t.Helper()
	if _, err := w.store.Attach(w.t.Context(), subject, a); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) options() Options {
	return Options{
		Reference: shop + ":v1", Source: w.store, Digest: w.build.Index.Digest,
		Trust: signing.Trust{Keys: []*signing.Verifier{w.signer.Verifier()}}, ExpectName: shop,
	}
}

func (w *world) run(o Options) Result {
	w.t.Helper()
	res, err := Run(w.t.Context(), o)
	if err != nil {
		w.t.Fatal(err)
	}
	return res
}

// must runs verification and demands a verdict; reason is part of a failed check's reason, or empty.
func (w *world) must(o Options, want Verdict, reason string) Result {
	w.t.Helper()
	res := w.run(o)
	if res.Verdict != want || res.ExitCode != want.exit() || (res.Err() == nil) != (want == VerdictVerified) {
		w.t.Errorf("verdict %s (exit %d, error %v), want %s\n%s", res.Verdict, res.ExitCode, res.Err(), want, text(w.t, res))
	}
	if reason != "" && !strings.Contains(text(w.t, res), reason) {
		w.t.Errorf("nothing says %q:\n%s", reason, text(w.t, res))
	}
	return res
}

func text(t *testing.T, r Result) string {
	t.Helper()
	var b strings.Builder
	if err := r.Text(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// replaced is s with old replaced in its payload, which must be there.
func replaced(t *testing.T, s provenance.Subjected, old, with string) *provenance.Subjected {
	t.Helper()
	if !strings.Contains(string(s.Payload), old) {
		t.Fatalf("nothing to replace: %s in %s", old, s.Payload)
	}
	s.Payload = []byte(strings.Replace(string(s.Payload), old, with, 1))
	return &s
}

// faulty is a source that answers wrongly where a hook is set.
type faulty struct {
	artifact.Source
	manifest func(artifact.Descriptor, []byte) (artifact.Descriptor, []byte, error)
	blob     func(artifact.Descriptor) ([]byte, error)
	listing  func(artifact.Listing) (artifact.Listing, error)
}

func (f faulty) Manifest(ctx context.Context, d digest.Digest) (artifact.Descriptor, []byte, error) {
	desc, raw, err := f.Source.Manifest(ctx, d)
	if err != nil || f.manifest == nil {
		return desc, raw, err
	}
	return f.manifest(desc, raw)
}

func (f faulty) Blob(ctx context.Context, d artifact.Descriptor, limit int64) ([]byte, error) {
	if f.blob != nil {
		return f.blob(d)
	}
	return f.Source.Blob(ctx, d, limit)
}

func (f faulty) Referrers(ctx context.Context, d digest.Digest, b artifact.Budget) (artifact.Listing, error) {
	l, err := f.Source.Referrers(ctx, d, b)
	if err != nil || f.listing == nil {
		return l, err
	}
	return f.listing(l)
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
