package builder

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/provenance/intoto"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/registry/layout"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/signing/signingtest"
	parties "github.com/selfsame-build/selfsame/trust" // the package has a type of that name
)

func linkSigner(t *testing.T) *signing.Signer { return signingtest.NewSigner(t, parties.Functionary) }

// TestReadLink: a kept link goes with an image only if it is about what the image was built from.
func TestReadLink(t *testing.T) {
	s, sum := linkSigner(t), digest.FromString
	about := intoto.Artifacts{intoto.ArtifactRecipe: sum("recipe"), intoto.ArtifactContext: sum("context"), intoto.ArtifactLock: sum("lock")}
	source := intoto.Artifacts{intoto.ArtifactRecipe: sum("recipe"), intoto.ArtifactContext: sum("context")}
	locked := intoto.Artifacts{intoto.ArtifactLock: sum("lock")}
	dir := t.TempDir()
	for name, c := range map[string]struct {
		link intoto.Link
		want string
	}{
		"source":          {intoto.Link{Step: "source", Products: source}, ""},
		"lock":            {intoto.Link{Step: "lock", Materials: source, Products: locked}, ""},
		"another context": {intoto.Link{Step: "source", Products: intoto.Artifacts{intoto.ArtifactContext: sum("old")}}, "another `context`"},
		"another lock":    {intoto.Link{Step: "lock", Materials: source, Products: intoto.Artifacts{intoto.ArtifactLock: sum("old")}}, "another `selfsame.lock`"},
		"a lock of another source": {intoto.Link{Step: "lock", Materials: intoto.Artifacts{intoto.ArtifactContext: sum("old")}, Products: locked},
			"another `context`"},
		"nothing in common": {intoto.Link{Step: "review", Products: intoto.Artifacts{"minutes.txt": sum("x")}}, "nothing that it names"},
	} {
		bundle, err := signLink(t.Context(), s, c.link)
		if err != nil {
			t.Fatal(err)
		}
		path, err := writeLink(dir, c.link.Step, s, bundle)
		if err != nil {
			t.Fatal(err)
		}
		got, err := readLink(path, about)
		if (c.want == "") != (err == nil) || (err != nil && !strings.Contains(err.Error(), c.want)) || (err == nil && string(got) != string(bundle)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "*"+linkSuffix)); len(files) != 3 { // source, lock, review: each written anew
		t.Errorf("the folder holds %v", files)
	}
	bad, good := filepath.Join(dir, "bad"+linkSuffix), filepath.Join(dir, "good")
	bundle, err := signLink(t.Context(), s, intoto.Link{Step: "source", Products: source})
	if err == nil {
		err = os.WriteFile(good, bundle, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := readLink(good, about); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(bad, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func() error{
		"junk":      func() error { return os.WriteFile(bad, []byte("junk"), 0o600) },
		"too large": func() error { return os.Truncate(bad, maxLinkFile+1) },
		"a link of the file system": func() error {
			_ = os.Remove(bad)
			return os.Symlink(good, bad)
		},
		"a folder": func() error {
			_ = os.Remove(bad)
			return os.Mkdir(bad, 0o700)
		},
	} {
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		if _, err := readLink(bad, about); err == nil {
			t.Errorf("%s was taken along", name)
		}
		_ = os.Remove(bad)
		_ = os.WriteFile(bad, nil, 0o600)
	}
}

// imageWith stores an index of manifests for platforms.
func imageWith(t *testing.T, platforms ...*ocispec.Platform) (*layout.Layout, artifact.Descriptor) {
	t.Helper()
	l, err := layout.Create(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	index := ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: []ocispec.Descriptor{}}
	for _, p := range platforms {
		index.Manifests = append(index.Manifests, ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromString("manifest"), Size: 8, Platform: p})
	}
	raw, err := json.Marshal(index)
	if err != nil {
		t.Fatal(err)
	}
	d := artifact.Descriptor{MediaType: index.MediaType, Digest: digest.FromBytes(raw), Size: int64(len(raw))}
	if err := l.PutBlob(t.Context(), d, strings.NewReader(string(raw))); err != nil {
		t.Fatal(err)
	}
	return l, d
}

// TestAttachLink: a link of a later step names the image and all that it lists, whether or not it was told to.
func TestAttachLink(t *testing.T) {
	amd, arm := &ocispec.Platform{OS: "linux", Architecture: "amd64"}, &ocispec.Platform{OS: "linux", Architecture: "arm", Variant: "v7"}
	l, image := imageWith(t, amd, arm)
	s, sum := linkSigner(t), digest.FromString
	d, err := AttachLink(t.Context(), l, image, intoto.Link{Step: "scan", Products: intoto.Artifacts{"scan.json": sum("report")}}, s)
	if err != nil {
		t.Fatal(err)
	}
	listing, err := l.Referrers(t.Context(), image.Digest, artifact.Budget{})
	if err != nil || len(listing.Referrers) != 1 || listing.Referrers[0].Descriptor.Digest != d.Digest {
		t.Fatalf("%+v, %v", listing, err)
	}
	bundle, err := l.Blob(t.Context(), listing.Referrers[0].Layers[0], signing.MaxBundle)
	if err != nil {
		t.Fatal(err)
	}
	got, err := signing.Trust{Keys: []*signing.Verifier{s.Verifier()}}.Verify(bundle)
	if err != nil {
		t.Fatal(err)
	}
	link, err := intoto.ReadLink(got.Payload)
	want := intoto.Artifacts{"image": image.Digest, "image/linux/amd64": sum("manifest"), "image/linux/arm/v7": sum("manifest")}
	if diff := cmp.Diff(want, link.Materials); err != nil || diff != "" {
		t.Errorf("materials (-want +got): %v\n%s", err, diff)
	}
	want["scan.json"] = sum("report")
	if diff := cmp.Diff(want, link.Products); diff != "" {
		t.Errorf("products (-want +got):\n%s", diff)
	}
	if _, err := AttachLink(t.Context(), l, image, intoto.Link{Step: "scan", Products: intoto.Artifacts{"image": sum("another")}}, s); err == nil {
		t.Error("a link of another image was attached to this one")
	}
	for name, bad := range map[string][]*ocispec.Platform{"the same platform twice": {amd, amd}, "no platform": {amd, nil}} {
		l, image := imageWith(t, bad...)
		if _, err := AttachLink(t.Context(), l, image, intoto.Link{Step: "scan"}, s); err == nil {
			t.Errorf("%s: a link all the same", name)
		}
	}
}
