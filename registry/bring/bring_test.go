package bring_test

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/selfsame-build/selfsame/compare"
	"github.com/selfsame-build/selfsame/compare/layouttest"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/registry/bring"
)

type entries = []layouttest.Entry

func example(t *testing.T) layouttest.Image {
	t.Helper()
	return layouttest.Of(t, entries{layouttest.File("a", "one")}, entries{layouttest.File("b", "two")}, entries{layouttest.File("a", "one")})
}

// item is one entry of an archive.
type item struct {
	name, link string
	data       []byte
}

func pack(t *testing.T, items ...item) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "image.tar")
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, i := range items {
		h := tar.Header{Name: i.name, Mode: 0o644, Size: int64(len(i.data)), Typeflag: tar.TypeReg, Linkname: i.link}
		if i.link != "" {
			h.Typeflag = tar.TypeSymlink
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(i.data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, buf.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// ociItems is a layout as an archive.
func ociItems(t *testing.T, dir string) []item {
	t.Helper()
	var items []item
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		items = append(items, item{name: name, data: raw})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return items
}

// dockerItems is an image as `docker save` wrote it until version 24: the third layer is the first again, as a link.
func dockerItems(t *testing.T, img layouttest.Image, compress bool) []item {
	t.Helper()
	dir, m := img.Write(t)
	opened, err := compare.Open(dir, m)
	if err != nil {
		t.Fatal(err)
	}
	one, two := img.Layers[0].Tar, img.Layers[1].Tar
	if compress {
		var buf bytes.Buffer
		w := gzip.NewWriter(&buf)
		w.Write(two)
		w.Close()
		two = buf.Bytes()
	}
	list, err := json.Marshal([]map[string]any{{"Config": "config.json", "RepoTags": []string{"x:1"}, "Layers": []string{"l1/layer.tar", "l2/layer.tar", "l3/layer.tar"}}})
	if err != nil {
		t.Fatal(err)
	}
	return []item{{name: "l1/layer.tar", data: one}, {name: "l2/layer.tar", data: two}, {name: "l3/layer.tar", link: "../l1/layer.tar"},
		{name: "config.json", data: opened.ConfigBytes()}, {name: "manifest.json", data: list}}
}

// bringAll opens what name means with all its layers, and gives the image.
func bringAll(t *testing.T, name string, o bring.Options) *compare.Image {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	i, err := bring.Open(t.Context(), name, o)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	defer i.Close()
	list, err := compare.List(i.Layout, i.Root, o.Platforms)
	if err != nil || len(list.Images) != 1 {
		t.Fatalf("%s: %+v, %v", name, list, err)
	}
	img, err := compare.Open(i.Layout, list.Images[0].Manifest)
	if err != nil {
		t.Fatal(err)
	}
	if err := i.Fetch(t.Context(), img.Layers()); err != nil {
		t.Fatal(err)
	}
	return img
}

func compressed(t *testing.T, path, how string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	if how == "gzip" {
		w := gzip.NewWriter(&buf)
		w.Write(raw)
		w.Close()
	} else {
		w, err := zstd.NewWriter(&buf)
		if err != nil {
			t.Fatal(err)
		}
		w.Write(raw)
		w.Close()
	}
	if err := os.WriteFile(path+how, buf.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path + how
}

// Every form of one image is that image: layer by layer the same content, and all of it checked by a full comparison.
func TestForms(t *testing.T) {
	img := example(t)
	dir, m := img.Write(t)
	want := bringAll(t, dir, bring.Options{})
	oci := pack(t, ociItems(t, dir)...)
	for name, form := range map[string]string{
		"layout": dir, "layout by digest": dir + "@" + m.String(),
		"oci archive": oci, "oci archive, gzip": compressed(t, oci, "gzip"), "oci archive, zstd": compressed(t, oci, "zstd"),
		"oci archive by digest":           oci + "@" + m.String(),
		"docker save":                     pack(t, dockerItems(t, img, false)...),
		"docker save, a layer compressed": pack(t, dockerItems(t, img, true)...),
		"docker save of version 25":       pack(t, append(ociItems(t, dir), dockerItems(t, img, false)...)...),
	} {
		rep, err := compare.Images(t.Context(), want, bringAll(t, form, bring.Options{}), compare.Options{})
		level := map[bool]compare.Level{true: compare.LevelContent, false: compare.LevelManifest}[strings.HasSuffix(name, "compressed")]
		if err != nil || rep.Level != level {
			t.Errorf("%s: %s, %v\n%+v", name, rep.Level, err, rep.Differences)
		}
	}
}

func TestOnlyWhatIsNeeded(t *testing.T) {
	img := example(t)
	dir, _ := img.Write(t)
	i, err := bring.Open(t.Context(), pack(t, ociItems(t, dir)...), bring.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	list, err := compare.List(i.Layout, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	opened, err := compare.OpenBrought(i.Layout, list.Images[0].Manifest)
	if err != nil {
		t.Fatal(err)
	}
	layers := opened.Layers()
	if err := i.Fetch(t.Context(), layers[1:2]); err != nil {
		t.Fatal(err)
	}
	for n, want := range []bool{false, true, false} {
		if _, err := os.Stat(layouttest.BlobPath(i.Layout, layers[n].Digest)); (err == nil) != want {
			t.Errorf("layer %d: %v", n+1, err)
		}
	}
}

func TestRefusals(t *testing.T) {
	img := example(t)
	dir, m := img.Write(t)
	items := ociItems(t, dir)
	without := func(part string) string {
		var left []item
		for _, i := range items {
			if !strings.Contains(i.name, part) {
				left = append(left, i)
			}
		}
		return pack(t, left...)
	}
	damaged := func(part string) string {
		var out []item
		for _, i := range items {
			if strings.Contains(i.name, part) {
				i.data = append(bytes.Clone(i.data[:len(i.data)-1]), '!')
			}
			out = append(out, i)
		}
		return pack(t, out...)
	}
	text := filepath.Join(t.TempDir(), "text.txt")
	if err := os.WriteFile(text, []byte("no image"), 0o600); err != nil {
		t.Fatal(err)
	}
	cut := pack(t, items...)
	if err := os.Truncate(cut, 3000); err != nil {
		t.Fatal(err)
	}
	docker := dockerItems(t, img, false)
	other := dockerItems(t, layouttest.Of(t, entries{layouttest.File("a", "ONE")}, entries{layouttest.File("b", "two")}, entries{}), false)
	opened := bringAll(t, dir, bring.Options{})
	for name, c := range map[string]struct{ what, code, says string }{
		"nothing":                 {"./not-there", "A0407", "nothing at"},
		"no folder of an image":   {t.TempDir(), "A0518", ""},
		"a text":                  {text, "A0407", "no tar"},
		"another tar":             {pack(t, item{name: "x", data: []byte("x")}), "A0407", "neither"},
		"cut off":                 {cut, "A0403", ""},
		"no manifest":             {without(m.Encoded()), "A0403", "not in it"},
		"no layer":                {without(opened.Layers()[0].Digest.Encoded()), "A0403", "not in it"},
		"damaged manifest":        {damaged(m.Encoded()), "A0403", m.String()},
		"damaged layer":           {damaged(opened.Layers()[1].Digest.Encoded()), "A0403", opened.Layers()[1].Digest.String()},
		"index.json twice":        {pack(t, append(items, items...)...), "A0403", "twice"},
		"docker: no layer":        {pack(t, docker[1:]...), "A0403", "layer 1"},
		"docker: another layer":   {pack(t, append(other[:1:1], docker[1:]...)...), "A0403", "hash to something else"},
		"docker: empty list":      {pack(t, item{name: "manifest.json", data: []byte("[]")}), "A0403", "0 images"},
		"docker: links in a ring": {pack(t, item{name: "manifest.json", link: "x"}, item{name: "x", link: "manifest.json"}), "A0407", ""},
	} {
		i, err := bring.Open(t.Context(), c.what, bring.Options{Dir: t.TempDir()})
		if err == nil {
			err = i.Fetch(t.Context(), nil)
			i.Close()
		}
		var d *diag.Diagnostic
		if !errors.As(err, &d) || string(d.Code) != c.code || !strings.Contains(err.Error(), c.says) || d.Help == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}
