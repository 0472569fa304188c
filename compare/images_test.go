package compare_test

import (
	"archive/tar"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/compare"
	"github.com/selfsame-build/selfsame/compare/layouttest"
)

var (
	file = layouttest.File
	dir  = layouttest.Dir
)

type entries = []layouttest.Entry

func with(e layouttest.Entry, change func(*layouttest.Entry)) layouttest.Entry {
	change(&e)
	return e
}

func open(t testing.TB, img layouttest.Image) *compare.Image {
	t.Helper()
	d, m := img.Write(t)
	i, err := compare.Open(d, m)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func images(t testing.TB, a, b layouttest.Image, opt compare.Options) compare.Report {
	t.Helper()
	rep, err := compare.Images(context.Background(), open(t, a), open(t, b), opt)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

// lines is a report's differences in short: one line each.
func lines(r compare.Report) []string {
	var out []string
	val := func(v *string) string {
		if v == nil {
			return "-"
		}
		return *v
	}
	for _, d := range r.Differences {
		s := fmt.Sprintf("%d %s %s", d.Layer, d.Kind, d.Path)
		if d.Whiteout != "" {
			s += " whiteout=" + d.Whiteout
		}
		if d.Kind != compare.KindAdded && d.Kind != compare.KindRemoved {
			for _, f := range d.Fields {
				s += fmt.Sprintf(" %s:%s|%s", f.Name, val(f.A), val(f.B))
			}
		}
		if d.Content != nil {
			s += fmt.Sprintf(" @%d bytes=%d ranges=%d sizes=%d|%d", d.Content.Offset, d.Content.Bytes, d.Content.Ranges, d.Content.SizeA, d.Content.SizeB)
		}
		out = append(out, s)
	}
	return out
}

func TestEqualImages(t *testing.T) {
	for _, mt := range []string{ocispec.MediaTypeImageLayer, ocispec.MediaTypeImageLayerGzip, ocispec.MediaTypeImageLayerZstd} {
		img := layouttest.Of(t, entries{dir("etc/"), file("etc/a", "one")}, entries{file("b", "two")})
		for i := range img.Layers {
			img.Layers[i].MediaType = mt
		}
		rep := images(t, img, img, compare.Options{})
		if !rep.Equal() || rep.Level != compare.LevelManifest || len(rep.Differences) != 0 || rep.FirstLayer() != -1 {
			t.Errorf("%s: got %+v", mt, rep)
		}
		if rep.Platform != "linux/amd64" || rep.A.Layers != 2 {
			t.Errorf("%s: platform %q, layers %d", mt, rep.Platform, rep.A.Layers)
		}
	}
}

func TestEachKindOfDifference(t *testing.T) {
	base := entries{dir("d/"), file("d/x", "hello"), file("d/y", "world")}
	later := layouttest.Epoch.Add(time.Second)
	cases := []struct {
		name string
		a, b entries
		want []string
	}{
		{"added", base, append(slices.Clone(base), file("d/z", "new")), []string{"0 added d/z"}},
		{"removed", append(slices.Clone(base), file("d/z", "old")), base, []string{"0 removed d/z"}},
		{"content", base, entries{base[0], file("d/x", "hellO"), base[2]}, []string{"0 modified d/x @4 bytes=1 ranges=1 sizes=5|5"}},
		{"length", base, entries{base[0], file("d/x", "hello, you"), base[2]}, []string{"0 modified d/x @5 bytes=5 ranges=1 sizes=5|10"}},
		{"emptied", base, entries{base[0], file("d/x", ""), base[2]}, []string{"0 modified d/x @0 bytes=5 ranges=1 sizes=5|0"}},
		{"content and mode", entries{file("x", "1")}, entries{with(file("x", "2"), func(e *layouttest.Entry) { e.Mode = 0o600 })},
			[]string{"0 modified x mode:0644|0600 @0 bytes=1 ranges=1 sizes=1|1"}},
		{"mode", entries{file("x", "1")}, entries{with(file("x", "1"), func(e *layouttest.Entry) { e.Mode = 0o4755 })},
			[]string{"0 metadata x mode:0644|4755"}},
		{"owner", entries{file("x", "1")}, entries{with(file("x", "1"), func(e *layouttest.Entry) { e.Uid, e.Gname = 1000, "users" })},
			[]string{"0 metadata x gname:-|users uid:0|1000"}},
		{"mtime", entries{file("x", "1")}, entries{with(file("x", "1"), func(e *layouttest.Entry) { e.ModTime = later })},
			[]string{"0 metadata x mtime:2023-11-14T22:13:20Z|2023-11-14T22:13:21Z"}},
		{"mtime below a second", entries{with(file("x", "1"), func(e *layouttest.Entry) { e.Format = tar.FormatPAX })},
			entries{with(file("x", "1"), func(e *layouttest.Entry) { e.Format, e.ModTime = tar.FormatPAX, e.ModTime.Add(time.Millisecond) })},
			[]string{"0 metadata x format:USTAR|PAX mtime:2023-11-14T22:13:20Z|2023-11-14T22:13:20.001Z pax:-|mtime"}},
		{"xattr", entries{with(file("x", "1"), func(e *layouttest.Entry) { e.PAXRecords = map[string]string{"SCHILY.xattr.user.a": "1"} })},
			entries{with(file("x", "1"), func(e *layouttest.Entry) { e.PAXRecords = map[string]string{"SCHILY.xattr.user.a": "2"} })},
			[]string{"0 metadata x xattr.user.a:1|2"}},
		{"pax", entries{with(file("x", "1"), func(e *layouttest.Entry) { e.PAXRecords = map[string]string{"SELF.k": "1"} })},
			entries{with(file("x", "1"), func(e *layouttest.Entry) { e.PAXRecords = map[string]string{"SELF.j": "1"} })},
			[]string{"0 metadata x pax.SELF.j:-|1 pax.SELF.k:1|-"}},
		{"link", entries{with(dir("l"), symlink("a"))}, entries{with(dir("l"), symlink("b"))}, []string{"0 metadata l link:a|b"}},
		{"type", entries{file("x", "1")}, entries{with(with(file("x", ""), symlink("y")), func(e *layouttest.Entry) { e.Mode = 0o644 })},
			[]string{"0 metadata x link:-|y type:file|symlink"}},
		{"hard link", entries{file("x", "1"), file("y", "1")}, entries{file("x", "1"), with(file("y", ""), func(e *layouttest.Entry) { e.Typeflag, e.Linkname = tar.TypeLink, "x" })},
			[]string{"0 metadata y link:-|x type:file|hard link"}},
		{"device", entries{with(dir("n"), device(1))}, entries{with(dir("n"), device(2))}, []string{"0 metadata n device:1:3|2:3"}},
		{"order", base, entries{base[0], base[2], base[1]}, []string{"0 order d/x next entry:d/x|d/y"}},
		{"order and content", entries{file("a", "1"), file("b", "1"), file("c", "1")}, entries{file("c", "2"), file("b", "2"), file("a", "2")}, []string{
			"0 modified a @0 bytes=1 ranges=1 sizes=1|1", "0 modified b @0 bytes=1 ranges=1 sizes=1|1", "0 modified c @0 bytes=1 ranges=1 sizes=1|1",
			"0 order a next entry:a|c"}},
		{"whiteout", base, append(slices.Clone(base), file("d/.wh.q", ""), file("d/.wh..wh..opq", "")),
			[]string{"0 added d/.wh.q whiteout=file", "0 added d/.wh..wh..opq whiteout=opaque"}},
		{"one name twice", entries{file("x", "1"), file("x", "2")}, entries{file("x", "1"), file("x", "3")}, []string{"0 modified x @0 bytes=1 ranges=1 sizes=1|1"}},
		{"empty layer", nil, base, []string{"0 added d/", "0 added d/x", "0 added d/y"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			step := compare.Step{Name: "RUN make", File: "Dockerfile", Line: 7}
			rep := images(t, layouttest.Of(t, c.a), layouttest.Of(t, c.b), compare.Options{Steps: map[int]compare.Step{0: step}})
			if rep.Level != compare.LevelDifferent || rep.FirstLayer() != 0 {
				t.Errorf("level %s, first layer %d", rep.Level, rep.FirstLayer())
			}
			if diff := cmp.Diff(c.want, lines(rep)); diff != "" {
				t.Error(diff)
			}
			for _, d := range rep.Differences {
				if d.Step != step {
					t.Errorf("%s is attributed to %v", d.Path, d.Step)
				}
			}
		})
	}
}

func symlink(to string) func(*layouttest.Entry) {
	return func(e *layouttest.Entry) { e.Typeflag, e.Linkname = tar.TypeSymlink, to }
}

func device(major int64) func(*layouttest.Entry) {
	return func(e *layouttest.Entry) { e.Typeflag, e.Devmajor, e.Devminor = tar.TypeChar, major, 3 }
}

func TestPaddingOfTheTar(t *testing.T) {
	a := layouttest.Of(t, entries{file("x", "1")})
	b := layouttest.Of(t, entries{file("x", "1")})
	b.Layers[0].Tar = append(slices.Clone(b.Layers[0].Tar), make([]byte, 512)...)
	b.Layers[0].Tar[512+300] = 'z' // after the file's end
	want := []string{"0 tar  @812 bytes=513 ranges=2 sizes=2048|2560"}
	if diff := cmp.Diff(want, lines(images(t, a, b, compare.Options{}))); diff != "" {
		t.Error(diff)
	}
}

func TestEncodingOnly(t *testing.T) {
	body := strings.Repeat("all work and no play ", 500)
	pack := func(mt string, level int) layouttest.Image {
		img := layouttest.Of(t, entries{file("a", "1")}, entries{file("x", body)})
		img.Layers[1].MediaType, img.Layers[1].Level = mt, level
		return img
	}
	gz1, gz9, zst := pack(ocispec.MediaTypeImageLayerGzip, 1), pack(ocispec.MediaTypeImageLayerGzip, 9), pack(ocispec.MediaTypeImageLayerZstd, 0)
	for _, c := range [][2]layouttest.Image{{gz1, gz9}, {gz1, zst}} {
		rep := images(t, c[0], c[1], compare.Options{})
		if rep.Level != compare.LevelContent || rep.Equal() || rep.FirstLayer() != 1 {
			t.Errorf("level %s, first layer %d: %v", rep.Level, rep.FirstLayer(), lines(rep))
		}
		if last := rep.Differences[len(rep.Differences)-1]; last.Kind != compare.KindEncoding || last.Layer != 1 {
			t.Errorf("got %v", lines(rep))
		}
	}
	rep := images(t, gz1, zst, compare.Options{})
	if got := lines(rep)[0]; got != `-1 manifest $.layers[1].mediaType value:"application/vnd.oci.image.layer.v1.tar+gzip"|"application/vnd.oci.image.layer.v1.tar+zstd"` {
		t.Error(got)
	}
}

func TestManifestAndConfigFields(t *testing.T) {
	plain := layouttest.Of(t, entries{file("x", "1")})
	cases := []struct {
		name  string
		level compare.Level
		b     func(*layouttest.Image)
		want  []string
	}{
		{"annotation", compare.LevelDifferent, func(i *layouttest.Image) {
			i.Manifest = func(m *ocispec.Manifest) { m.Annotations = map[string]string{"org.x": "now"} }
		}, []string{`-1 manifest $.annotations value:-|{"org.x":"now"}`}},
		{"environment", compare.LevelDifferent, func(i *layouttest.Image) {
			i.Config = func(c *ocispec.Image) {
				c.Config.Env = []string{"A=1"}
				c.Config.Labels = map[string]string{"a.b": "c"}
			}
		}, []string{`-1 config $.config.Env value:-|["A=1"]`, `-1 config $.config.Labels value:-|{"a.b":"c"}`}},
		{"created", compare.LevelDifferent, func(i *layouttest.Image) {
			i.Config = func(c *ocispec.Image) { c.Created = &layouttest.Epoch; c.History = []ocispec.History{{CreatedBy: "x"}} }
		}, []string{`-1 config $.created value:-|"` + layouttest.Epoch.Format(time.RFC3339Nano) + `"`, `-1 config $.history value:-|[{"created_by":"x"}]`}},
		{"spaces in the config", compare.LevelDifferent, func(i *layouttest.Image) {
			i.RawConfig = func(b []byte) []byte { return append(b, '\n') }
		}, []string{"-1 config $ @163 bytes=1 ranges=1 sizes=163|164"}},
		{"spaces in the manifest", compare.LevelContent, func(i *layouttest.Image) {
			i.RawManifest = func(b []byte) []byte { return append([]byte{' '}, b...) }
		}, nil},
		{"layers", compare.LevelDifferent, func(i *layouttest.Image) {
			i.Layers = append(i.Layers, layouttest.Of(t, entries{file("y", "")}).Layers...)
		}, []string{"-1 layers  layers:1|2", "1 layers  diffID:-|" + digest.FromBytes(layouttest.Tar(t, file("y", ""))).String()}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := plain
			c.b(&b)
			rep := images(t, plain, b, compare.Options{})
			if rep.Level != c.level {
				t.Errorf("level %s", rep.Level)
			}
			if diff := cmp.Diff(c.want, lines(rep)); diff != "" && c.want != nil {
				t.Error(diff)
			}
			if len(rep.Differences) == 0 {
				t.Error("nothing is said to differ")
			}
		})
	}
}

func TestCountsAreExactBeyondTheCap(t *testing.T) {
	var a, b entries
	for i := range 50 {
		a = append(a, file(fmt.Sprintf("f%02d", i), "a"))
		b = append(b, with(file(fmt.Sprintf("f%02d", i), "a"), func(e *layouttest.Entry) { e.Mode = 0o600 }))
	}
	b[49] = file("f49", "b")
	rep := images(t, layouttest.Of(t, a), layouttest.Of(t, b), compare.Options{MaxDifferences: 3})
	if diff := cmp.Diff(compare.Counts{Modified: 1, Metadata: 49}, rep.Layers[0].Entries); diff != "" {
		t.Error(diff)
	}
	want := []string{"0 modified f49 @0 bytes=1 ranges=1 sizes=1|1", "0 metadata f00 mode:0644|0600", "0 metadata f01 mode:0644|0600"}
	if diff := cmp.Diff(want, lines(rep)); diff != "" || rep.Layers[0].Truncated != 47 {
		t.Error(diff, rep.Layers[0].Truncated)
	}
}

func TestReportIsDeterministic(t *testing.T) {
	var a, b entries
	for i := range 300 {
		a = append(a, file(fmt.Sprint("f", i), fmt.Sprint(i)))
		b = append(b, file(fmt.Sprint("f", 299-i), fmt.Sprint(i)))
	}
	x, y := open(t, layouttest.Of(t, a)), open(t, layouttest.Of(t, b))
	first, err := compare.Images(context.Background(), x, y, compare.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		again, err := compare.Images(context.Background(), x, y, compare.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(first, again); diff != "" {
			t.Fatal(diff)
		}
	}
	if first.Layers[0].Entries.Moved != 299 {
		t.Errorf("moved %d", first.Layers[0].Entries.Moved)
	}
}
