package compare_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/selfsame-build/selfsame/compare"
	"github.com/selfsame-build/selfsame/compare/layouttest"
)

// Whatever the layers are: no panic, a difference whenever the bytes differ and none when they do not, and both directions
// count the same.
func FuzzLayers(f *testing.F) {
	one := layouttest.Tar(f, dir("d/"), file("d/x", "hello"), file("d/y", "you"))
	two := layouttest.Tar(f, dir("d/"), file("d/y", "you"), file("d/x", "hellO"))
	f.Add(one, two)
	f.Add(one, one)
	f.Add(one[:700], two)
	f.Add([]byte{}, bytes.Repeat([]byte{0}, 1024))
	f.Fuzz(func(t *testing.T, x, y []byte) {
		a := open(t, layouttest.Image{Layers: []layouttest.Layer{{Tar: x}}})
		b := open(t, layouttest.Image{Layers: []layouttest.Layer{{Tar: y}}})
		opt := compare.Options{Limits: compare.Limits{LayerBytes: 1 << 22, Entries: 1000}}
		there, err := compare.Images(context.Background(), a, b, opt)
		back, errBack := compare.Images(context.Background(), b, a, opt)
		if (err == nil) != (errBack == nil) {
			t.Fatalf("one way %v, the other %v", err, errBack)
		}
		if err != nil {
			return
		}
		if same := bytes.Equal(x, y); there.Equal() != same || (len(there.Differences) == 0) != same {
			t.Fatalf("same %v, level %s, %d differences", same, there.Level, len(there.Differences))
		}
		if len(there.Layers) != len(back.Layers) {
			t.Fatal("directions disagree")
		}
		for i := range there.Layers {
			want := there.Layers[i].Entries
			want.Added, want.Removed = want.Removed, want.Added
			if diff := cmp.Diff(want, back.Layers[i].Entries); diff != "" {
				t.Error(diff)
			}
		}
	})
}

// Configs of any shape: the JSON paths are found without a panic, and bytes that differ always give a difference.
func FuzzConfig(f *testing.F) {
	f.Add([]byte(`{"config":{"Env":["A=1"]}}`), []byte(`{"config":{"Env":["A=2","B"]}}`))
	f.Add([]byte(`{"a":1}`), []byte(`{"a":1.0}`))
	f.Add([]byte(`{"a":[[1]]}`), []byte(` {"a":[[{}]]}`))
	f.Fuzz(func(t *testing.T, x, y []byte) {
		var imgs []*compare.Image
		for _, raw := range [][]byte{x, y} {
			dir, m := layouttest.Image{RawConfig: func([]byte) []byte { return raw }}.Write(t)
			img, err := compare.Open(dir, m)
			if err != nil {
				return
			}
			imgs = append(imgs, img)
		}
		rep, err := compare.Images(context.Background(), imgs[0], imgs[1], compare.Options{})
		if err != nil {
			return
		}
		if same := bytes.Equal(x, y); rep.Equal() != same || (len(rep.Differences) == 0) != same {
			t.Errorf("same %v, level %s, %v", same, rep.Level, lines(rep))
		}
	})
}
