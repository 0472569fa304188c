package compare_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/compare"
	"github.com/selfsame-build/selfsame/compare/layouttest"
)

func listing(t *testing.T, change func(*ocispec.Index), platforms ...string) compare.Listing {
	t.Helper()
	var members []layouttest.Member
	for _, p := range platforms {
		members = append(members, layouttest.Member{Platform: p, Image: layouttest.Of(t, entries{file("x", p)})})
	}
	dir, root := layouttest.WriteIndex(t, change, members...)
	l, err := compare.List(dir, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if l.Digest != root {
		t.Errorf("the index is %s, want %s", l.Digest, root)
	}
	return l
}

func TestIndexes(t *testing.T) {
	const amd, arm = "linux/amd64", "linux/arm64"
	plain := listing(t, nil, amd, arm)
	attested := func(i *ocispec.Index) {
		d := i.Manifests[0]
		d.Digest, d.Platform = digest.FromString("made up"), &ocispec.Platform{OS: "unknown", Architecture: "unknown"}
		i.Manifests = append(i.Manifests, d)
	}
	for name, c := range map[string]struct {
		b    compare.Listing
		want []string
	}{
		"equal": {listing(t, nil, amd, arm), nil},
		"annotation": {listing(t, func(i *ocispec.Index) { i.Annotations = map[string]string{"a": "1"} }, amd, arm),
			[]string{`-1 index $.annotations value:-|{"a":"1"}`}},
		"annotation of a platform": {listing(t, func(i *ocispec.Index) { i.Manifests[1].Annotations = map[string]string{"a": "1"} }, amd, arm),
			[]string{`-1 index $.manifests["linux/arm64"].annotations value:-|{"a":"1"}`}},
		"order":                      {listing(t, nil, arm, amd), []string{"-1 order $.manifests next entry:linux/amd64|linux/arm64"}},
		"one platform less":          {listing(t, nil, amd), nil},
		"attestation":                {listing(t, attested, amd, arm), nil},
		"attestation and annotation": {listing(t, func(i *ocispec.Index) { attested(i); i.ArtifactType = "x" }, amd, arm), []string{`-1 index $.artifactType value:-|"x"`}},
	} {
		rep, err := compare.Indexes(plain, c.b)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(c.want, lines(rep)); diff != "" || rep.Equal() != (c.want == nil) {
			t.Errorf("%s: %s %s", name, rep.Level, diff)
		}
	}
	if l := listing(t, attested, amd); len(l.Attestations) != 1 || len(l.Images) != 1 {
		t.Errorf("got %+v", l)
	}
}

func TestListByPlatform(t *testing.T) {
	dir, root := layouttest.WriteIndex(t, func(i *ocispec.Index) { i.Manifests[1].Digest = digest.FromString("not here") },
		layouttest.Member{Platform: "linux/amd64", Image: layouttest.Of(t)}, layouttest.Member{Platform: "linux/arm64/v8", Image: layouttest.Of(t)})
	if _, err := compare.List(dir, "", nil); err == nil {
		t.Error("a manifest that is not there was passed over")
	}
	for _, from := range []digest.Digest{"", root} {
		l, err := compare.List(dir, from, []string{"linux/amd64"})
		if err != nil || len(l.Images) != 1 || l.Digest != root {
			t.Errorf("got %+v, %v", l, err)
		}
	}
	_, err := compare.List(dir, root, []string{"linux/arm64"})
	refused(t, err, "no such file")
	one, err := compare.List(dir, root, []string{"linux/amd64"})
	if err != nil {
		t.Fatal(err)
	}
	alone, err := compare.List(dir, one.Images[0].Manifest, nil)
	if err != nil || len(alone.Images) != 1 || alone.Index != nil {
		t.Errorf("got %+v, %v", alone, err)
	}
}
