package compare_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/compare"
	"github.com/selfsame-build/selfsame/compare/layouttest"
)

// A layer too many, on either side and at any place, is one difference: later layers and lines of the history keep their partners.
func TestALayerTooMany(t *testing.T) {
	layer := func(name string) entries { return entries{file(name, name)} }
	history := func(names ...string) func(*ocispec.Image) {
		return func(c *ocispec.Image) {
			for _, n := range names {
				c.History = append(c.History, ocispec.History{CreatedBy: "RUN " + n})
			}
		}
	}
	of := func(names ...string) layouttest.Image {
		var layers []entries
		for _, n := range names {
			layers = append(layers, layer(n))
		}
		img := layouttest.Of(t, layers...)
		img.Config = history(names...)
		for i := range img.Layers {
			img.Layers[i].MediaType = ocispec.MediaTypeImageLayerGzip
		}
		img.Layers[0].MediaType = ocispec.MediaTypeImageLayerZstd // so that entries at the wrong place would differ
		return img
	}
	short, long := of("base", "app"), of("base", "extra", "app")
	id := open(t, long).Layers()[1].DiffID.String()
	want := []string{"-1 layers  layers:2|3", `-1 config $.history[1] value:-|{"created_by":"RUN extra"}`, "1 layers  diffID:-|" + id}
	if diff := cmp.Diff(want, lines(images(t, short, long, compare.Options{}))); diff != "" {
		t.Error(diff)
	}
	rep := images(t, long, short, compare.Options{})
	if l := rep.Layers[0]; len(rep.Layers) != 1 || l.Index != 1 || l.IndexA != 1 || l.IndexB != -1 || rep.Level != compare.LevelDifferent {
		t.Errorf("got %+v", rep.Layers)
	}
}

// Layers between equal ones are compared by place, and keep their own numbers on both sides.
func TestLayersBetweenEqualOnes(t *testing.T) {
	a := layouttest.Of(t, entries{file("base", "")}, entries{file("x", "1")}, entries{file("end", "")})
	b := layouttest.Of(t, entries{file("new", "")}, entries{file("base", "")}, entries{file("x", "2")}, entries{file("end", "")})
	steps := map[int]compare.Step{1: {Name: "RUN x"}}
	rep := images(t, a, b, compare.Options{Steps: steps, StepsB: map[int]compare.Step{0: {Name: "RUN new"}}})
	if len(rep.Layers) != 2 || rep.Layers[1].IndexA != 1 || rep.Layers[1].IndexB != 2 {
		t.Fatalf("got %+v", rep.Layers)
	}
	if d := rep.Differences[len(rep.Differences)-1]; d.Kind != compare.KindModified || d.Layer != 1 || d.Step.Name != "RUN x" {
		t.Errorf("got %+v", d)
	}
	if rep.Layers[0].Index != 0 || rep.Layers[0].IndexA != -1 || rep.Layers[0].Step.Name != "RUN new" {
		t.Errorf("got %+v", rep.Layers[0])
	}
}

func TestNeeded(t *testing.T) {
	a := layouttest.Of(t, entries{file("same", "")}, entries{file("x", "1")}, entries{file("packed", "")}, entries{file("gone", "")})
	b := layouttest.Of(t, entries{file("same", "")}, entries{file("x", "2")}, entries{file("packed", "")})
	b.Layers[2].MediaType = ocispec.MediaTypeImageLayerGzip
	ofA, ofB := compare.Needed(open(t, a), open(t, b))
	var got [][2]int
	for i := range ofA {
		got = append(got, [2]int{ofA[i].Index, ofB[i].Index})
	}
	if diff := cmp.Diff([][2]int{{1, 1}, {2, 2}}, got); diff != "" {
		t.Error(diff)
	}
}
