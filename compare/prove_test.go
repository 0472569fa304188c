package compare_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/compare"
	"github.com/selfsame-build/selfsame/compare/layouttest"
	"github.com/selfsame-build/selfsame/internal/diag"
)

func TestTheZeroProofProvesNothing(t *testing.T) {
	var p compare.Proof
	if p.Valid() || p.Dir() != "" || p.Platforms() != nil {
		t.Error("the zero proof says something")
	}
	if _, ok := p.Manifest("linux/amd64"); ok {
		t.Error("the zero proof has a manifest")
	}
	if _, ok := p.Image("linux/amd64"); ok {
		t.Error("the zero proof has an image")
	}
}

func TestProve(t *testing.T) {
	img := layouttest.Of(t, entries{file("x", "1")})
	a, b := open(t, img), open(t, img)
	p, reports, err := compare.Prove(context.Background(), []compare.Pair{{Platform: "linux/amd64", A: a, B: b}}, compare.Options{})
	if err != nil || !p.Valid() || len(reports) != 1 || !reports[0].Equal() {
		t.Fatalf("valid %v, reports %v, error %v", p.Valid(), reports, err)
	}
	if d, ok := p.Manifest("linux/amd64"); !ok || d != a.Manifest() {
		t.Errorf("manifest %s", d)
	}
	if _, ok := p.Manifest("linux/arm64"); ok {
		t.Error("a platform is proven that nobody built")
	}
	if diff := cmp.Diff([]string{"linux/amd64"}, p.Platforms()); diff != "" || p.Dir() != a.Dir() {
		t.Error(diff, p.Dir())
	}
	if proven, ok := p.Image("linux/amd64"); !ok || !slices.Equal(proven.DiffIDs(), []digest.Digest{digest.FromBytes(img.Layers[0].Tar)}) {
		t.Errorf("the image proven is another: %v", ok)
	}
}

func TestNoProofWithoutEquality(t *testing.T) {
	gz := layouttest.Of(t, entries{file("x", "1")})
	gz.Layers[0].MediaType = ocispec.MediaTypeImageLayerGzip
	plain := layouttest.Of(t, entries{file("x", "1")})
	for name, b := range map[string]layouttest.Image{"encoding": gz, "content": layouttest.Of(t, entries{file("x", "2")})} {
		p, reports, err := compare.Prove(context.Background(), []compare.Pair{{Platform: "linux/amd64", A: open(t, plain), B: open(t, b)}}, compare.Options{})
		if err != nil || p.Valid() || len(reports) != 1 || reports[0].Equal() {
			t.Errorf("%s: valid %v, reports %v, error %v", name, p.Valid(), reports, err)
		}
	}
}

func TestOneDifferentPlatformSpoilsTheProof(t *testing.T) {
	arm := func(body string) layouttest.Image {
		img := layouttest.Of(t, entries{file("x", body)})
		img.Config = func(c *ocispec.Image) { c.Architecture, c.Variant = "arm64", "v8" }
		return img
	}
	// Both of A's images have to be in one layout.
	amd := layouttest.Of(t, entries{file("x", "1")})
	dirA, amdA := amd.Write(t)
	dirArm, armA := arm("1").Write(t)
	if err := os.CopyFS(filepath.Join(dirA, "blobs"), os.DirFS(filepath.Join(dirArm, "blobs"))); err != nil && !errors.Is(err, os.ErrExist) {
		t.Fatal(err)
	}
	for _, d := range blobs(t, dirArm) {
		raw, _ := os.ReadFile(layouttest.BlobPath(dirArm, d))
		os.WriteFile(layouttest.BlobPath(dirA, d), raw, 0o644)
	}
	a1, err := compare.Open(dirA, amdA)
	if err != nil {
		t.Fatal(err)
	}
	a2, err := compare.Open(dirA, armA)
	if err != nil {
		t.Fatal(err)
	}
	pairs := []compare.Pair{{Platform: "linux/amd64", A: a1, B: open(t, amd)}, {Platform: "linux/arm64/v8", A: a2, B: open(t, arm("2"))}}
	p, reports, err := compare.Prove(context.Background(), pairs, compare.Options{})
	if err != nil || p.Valid() || !reports[0].Equal() || reports[1].Equal() {
		t.Errorf("valid %v, error %v", p.Valid(), err)
	}
	elsewhere := []compare.Pair{pairs[0], {Platform: "linux/arm64/v8", A: open(t, arm("1")), B: open(t, arm("1"))}}
	if p, _, err = compare.Prove(context.Background(), elsewhere, compare.Options{}); diag.ExitCode(err) != diag.ExitUndecided || p.Valid() {
		t.Errorf("A's in two layouts: valid %v, error %v", p.Valid(), err)
	}
	pairs[1].B = open(t, arm("1"))
	if p, _, err = compare.Prove(context.Background(), pairs, compare.Options{}); err != nil || !p.Valid() || len(p.Platforms()) != 2 {
		t.Errorf("valid %v, error %v", p.Valid(), err)
	}
}

func TestProveRefusesWhatProvesNothing(t *testing.T) {
	img := layouttest.Of(t, entries{file("x", "1")})
	a, b := open(t, img), open(t, img)
	linked := t.TempDir()
	if err := os.Symlink(filepath.Join(a.Dir(), "blobs"), filepath.Join(linked, "blobs")); err != nil {
		t.Fatal(err)
	}
	alias := filepath.Join(t.TempDir(), "alias")
	if err := os.Symlink(a.Dir(), alias); err != nil {
		t.Fatal(err)
	}
	viaAlias, err := compare.Open(alias, a.Manifest())
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string][]compare.Pair{
		"nothing":          nil,
		"a missing image":  {{Platform: "linux/amd64", A: a}},
		"itself":           {{Platform: "linux/amd64", A: a, B: a}},
		"itself by a link": {{Platform: "linux/amd64", A: a, B: viaAlias}},
		"another platform": {{Platform: "linux/arm64", A: a, B: b}},
		"a platform twice": {{Platform: "linux/amd64", A: a, B: b}, {Platform: "linux/amd64", A: a, B: b}},
	}
	for name, pairs := range cases {
		p, _, err := compare.Prove(context.Background(), pairs, compare.Options{})
		var d *diag.Diagnostic
		if !errors.As(err, &d) || d.Code != diag.CodeComparisonRefused || p.Valid() {
			t.Errorf("%s: valid %v, error %v", name, p.Valid(), err)
		}
	}
}

func blobs(t *testing.T, dir string) []digest.Digest {
	t.Helper()
	list, err := os.ReadDir(filepath.Join(dir, "blobs", "sha256"))
	if err != nil {
		t.Fatal(err)
	}
	var out []digest.Digest
	for _, e := range list {
		out = append(out, digest.NewDigestFromEncoded(digest.SHA256, e.Name()))
	}
	return out
}

func TestManifestsOfALayout(t *testing.T) {
	dir, m := layouttest.Of(t, entries{file("x", "1")}).Write(t)
	got, err := compare.List(dir, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]compare.PlatformManifest{{Platform: "linux/amd64", Manifest: m}}, got.Images); diff != "" {
		t.Error(diff)
	}
}
