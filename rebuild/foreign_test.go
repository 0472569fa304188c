package rebuild

import (
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/internal/diag"
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
		f := &Foreign{Images: c.images}
		if err := f.conclude(2); err != nil || f.ExitCode != c.exit {
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
