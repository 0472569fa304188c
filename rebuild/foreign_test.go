package rebuild

import (
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance/foreign"
	"github.com/selfsame-build/selfsame/recipes"
	"github.com/selfsame-build/selfsame/registry"
)

// TestForeignCountsImages: several attestations of one image do not stand for another one's.
func TestForeignCountsImages(t *testing.T) {
	one, two := digest.FromString("one"), digest.FromString("two")
	whole := func(d digest.Digest) ForeignImage { return ForeignImage{Manifest: d, Complete: true} }
	for name, c := range map[string]struct {
		images []ForeignImage
		exit   int
	}{
		"both":                    {[]ForeignImage{whole(one), whole(two)}, diag.ExitUndecided},
		"one, twice":              {[]ForeignImage{whole(one), whole(one)}, diag.ExitMissing},
		"both, one of them twice": {[]ForeignImage{whole(one), whole(two), whole(one)}, diag.ExitUndecided},
		"one of two":              {[]ForeignImage{whole(one), {Manifest: two}}, diag.ExitMissing},
	} {
		f := &Foreign{Images: c.images, platforms: 2}
		if err := f.conclude(); err != nil || f.ExitCode != c.exit {
			t.Errorf("%s: exit %d, want %d: %v", name, f.ExitCode, c.exit, err)
		}
	}
}

// TestForeignSaysWhatItPassesOver: attestations beyond the limit are counted.
func TestForeignSaysWhatItPassesOver(t *testing.T) {
	w, f := newWorld(t), newFolder(t)
	note := f.image("amd64", "/note")
	note.Platform = &v1.Platform{OS: "unknown", Architecture: "unknown"}
	list := []v1.Descriptor{f.image("amd64", "/x")}
	for range maxAttested + 3 {
		list = append(list, note)
	}
	root, _ := f.index("", list...)
	must[registry.Pushed](t)(w.client.Push(t.Context(), f.dir, root.Digest, w.host+"/team/foreign:v1", nil))
	got, err := w.auditor().Foreign(t.Context(), w.host+"/team/foreign:v1", nil)
	if got == nil || got.Ignored != 3 || diag.ExitCode(err) != diag.ExitMissing {
		t.Fatalf("%+v, %v", got, err)
	}
	var out strings.Builder
	if err := got.Text(&out); err != nil || !strings.Contains(out.String(), "ignored    3 attestations") {
		t.Errorf("%v\n%s", err, out.String())
	}
}

// TestForeignRecipe: a recipe is for all platforms of an index or for none.
func TestForeignRecipe(t *testing.T) {
	build := func(target string) foreign.Build {
		return foreign.Build{Frontend: "dockerfile.v0", Steps: 1, Args: map[string]string{"target": target},
			Source: foreign.Source{URI: "https://git.example.com/x.git#main", Digest: map[string]string{"sha1": strings.Repeat("ab", 20)}}}
	}
	amd, arm := digest.FromString("amd64"), digest.FromString("arm64")
	image := func(platform string, d digest.Digest, target, packed string) ForeignImage {
		return ForeignImage{Platform: platform, Manifest: d, Build: build(target), Compression: packed}
	}
	for name, c := range map[string]struct {
		images    []ForeignImage
		platforms int
		fails     string
	}{
		"both":                {[]ForeignImage{image("linux/amd64", amd, "app", "zstd"), image("linux/arm64", arm, "app", "gzip")}, 2, ""},
		"of another target":   {[]ForeignImage{image("linux/amd64", amd, "app", "zstd"), image("linux/arm64", arm, "other", "zstd")}, 2, "linux/arm64: it was built in another way"},
		"one of two":          {[]ForeignImage{image("linux/amd64", amd, "app", "zstd")}, 2, "of 1 more of its platforms"},
		"one, said twice":     {[]ForeignImage{image("linux/amd64", amd, "app", "zstd"), image("linux/amd64", amd, "app", "zstd")}, 1, "two attestations"},
		"no platform of ours": {[]ForeignImage{image("windows/amd64", amd, "app", "zstd")}, 1, "windows/amd64"},
	} {
		text, err := (&Foreign{Reference: "registry.example.com/team/my.app:v1", Digest: amd, Images: c.images, platforms: c.platforms}).Recipe([]string{"127.0.0.1:5000"})
		if c.fails != "" {
			if list := diag.All(err); len(list) == 0 || list[0].Code != "A0812" || !strings.Contains(list[0].Why, c.fails) {
				t.Errorf("%s: %v, want %s", name, list, c.fails)
			}
			continue
		}
		r, err := recipes.Parse("recipe.yaml", text)
		if err != nil || r.Name != "my-app" || len(r.Platforms) != 2 || r.Output.Compression != "zstd" || r.Record.Private[0] != "127.0.0.1:5000" {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
	}
}

// TestPlatformsAreNormal: an index may spell out a variant that a package URL of BuildKit's leaves out.
func TestPlatformsAreNormal(t *testing.T) {
	for a, b := range map[string]string{"linux/arm64/v8": "linux/arm64", "linux/amd64": "linux/amd64", "unknown": "unknown"} {
		if normal(a) != normal(b) {
			t.Errorf("%s is not %s", a, b)
		}
	}
	if normal("linux/arm/v6") == normal("linux/arm/v7") {
		t.Error("two variants are one")
	}
}
