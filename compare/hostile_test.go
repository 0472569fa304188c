package compare_test

import (
	"archive/tar"
	"bytes"
	"context"
	_ "crypto/sha512"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/compare"
	"github.com/selfsame-build/selfsame/compare/heaptest"
	"github.com/selfsame-build/selfsame/compare/layouttest"
	"github.com/selfsame-build/selfsame/internal/diag"
)

// refused checks that err is the diagnostic for unreadable images and says what.
func refused(t *testing.T, err error, what string) {
	t.Helper()
	var d *diag.Diagnostic
	if !errors.As(err, &d) || d.Code != diag.CodeImageUnreadable || !strings.Contains(err.Error(), what) {
		t.Errorf("got %v, want an A0403 that says %q", err, what)
	}
}

func TestOpenRefuses(t *testing.T) {
	good := layouttest.Of(t, entries{file("x", "1")})
	cases := []struct {
		name, want string
		img        func(*layouttest.Image)
		dir        func(dir string, m digest.Digest)
	}{
		{name: "a missing blob", want: "no such file", dir: func(d string, m digest.Digest) { os.Remove(layouttest.BlobPath(d, m)) }},
		{name: "other bytes", want: "has the digest", dir: func(d string, m digest.Digest) { os.WriteFile(layouttest.BlobPath(d, m), []byte("{}"), 0o644) }},
		{name: "a link out of the layout", want: "escapes", dir: func(d string, m digest.Digest) {
			os.Remove(layouttest.BlobPath(d, m))
			os.Symlink("/etc/hostname", layouttest.BlobPath(d, m))
		}},
		{name: "a pipe", want: "not a regular file", dir: func(d string, m digest.Digest) {
			os.Remove(layouttest.BlobPath(d, m))
			syscall.Mkfifo(layouttest.BlobPath(d, m), 0o644)
		}},
		{name: "a huge manifest", want: "more than", dir: func(d string, m digest.Digest) { os.Truncate(layouttest.BlobPath(d, m), 1<<40) }},
		{name: "no JSON", want: "decoding the manifest", img: func(i *layouttest.Image) { i.RawManifest = func([]byte) []byte { return []byte("{") } }},
		{name: "an index", want: "no config", img: func(i *layouttest.Image) {
			i.RawManifest = func([]byte) []byte { return []byte(`{"manifests":[]}`) }
		}},
		{name: "a path as digest", want: "invalid checksum digest", img: func(i *layouttest.Image) {
			i.Manifest = func(m *ocispec.Manifest) { m.Config.Digest = "sha256:../../../../etc/passwd" }
		}},
		{name: "another algorithm", want: "only sha256", img: func(i *layouttest.Image) {
			i.Manifest = func(m *ocispec.Manifest) { m.Layers[0].Digest = digest.SHA512.FromString("x") }
		}},
		{name: "a lie about the config's size", want: "its descriptor says", img: func(i *layouttest.Image) { i.Manifest = func(m *ocispec.Manifest) { m.Config.Size = 7 } }},
		{name: "a negative size", want: "size -1", img: func(i *layouttest.Image) { i.Manifest = func(m *ocispec.Manifest) { m.Layers[0].Size = -1 } }},
		{name: "a diffID too few", want: "0 diffIDs", img: func(i *layouttest.Image) { i.Config = func(c *ocispec.Image) { c.RootFS.DiffIDs = nil } }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			img := good
			if c.img != nil {
				c.img(&img)
			}
			dir, m := img.Write(t)
			if c.dir != nil {
				c.dir(dir, m)
			}
			_, err := compare.Open(dir, m)
			refused(t, err, c.want)
		})
	}
}

// Each broken layer is refused whether it is compared with itself (where only digests are checked) or with another.
func TestBrokenLayersAreRefused(t *testing.T) {
	content := layouttest.Tar(t, file("x", strings.Repeat("abc", 50000)))
	gz := layouttest.Pack(t, layouttest.Layer{Tar: content, MediaType: ocispec.MediaTypeImageLayerGzip})
	zst := layouttest.Pack(t, layouttest.Layer{Tar: content, MediaType: ocispec.MediaTypeImageLayerZstd})
	cases := []struct {
		name, want string
		layer      layouttest.Layer
		manifest   func(*ocispec.Manifest)
	}{
		{"truncated gzip", "unexpected EOF", layouttest.Layer{Tar: content, MediaType: ocispec.MediaTypeImageLayerGzip, Blob: gz[:len(gz)/2]}, nil},
		{"truncated zstd", "unexpected EOF", layouttest.Layer{Tar: content, MediaType: ocispec.MediaTypeImageLayerZstd, Blob: zst[:len(zst)/2]}, nil},
		{"truncated tar", "", layouttest.Layer{Tar: content[:70000]}, nil},
		{"no gzip at all", "invalid header", layouttest.Layer{Tar: content, MediaType: ocispec.MediaTypeImageLayerGzip, Blob: content}, nil},
		{"rubbish after the gzip", "invalid header", layouttest.Layer{Tar: content, MediaType: ocispec.MediaTypeImageLayerGzip, Blob: append(bytes.Clone(gz), "rubbish and more"...)}, nil},
		{"a lie about the content", "the config says", layouttest.Layer{Tar: content, Blob: layouttest.Tar(t, file("y", ""))}, nil},
		{"a lie about the size", "its descriptor says", layouttest.Layer{Tar: content}, func(m *ocispec.Manifest) { m.Layers[0].Size++ }},
		{"a lie about the digest", "no such file", layouttest.Layer{Tar: content}, func(m *ocispec.Manifest) { m.Layers[0].Digest = digest.FromString("?") }},
		{"an unknown media type", "no tar, gzip or zstd", layouttest.Layer{Tar: content, MediaType: "application/x-7z"}, nil},
	}
	other := layouttest.Of(t, entries{file("z", "")})
	for _, c := range cases {
		img := layouttest.Image{Layers: []layouttest.Layer{c.layer}, Manifest: c.manifest}
		for against, b := range map[string]layouttest.Image{"itself": img, "another": other} {
			if c.name == "truncated tar" && against == "itself" {
				continue // its digests fit; only who looks inside can tell
			}
			t.Run(c.name+" against "+against, func(t *testing.T) {
				_, err := compare.Images(context.Background(), open(t, img), open(t, b), compare.Options{})
				refused(t, err, c.want)
			})
		}
	}
}

func TestBlobsChangedAfterwardsAreRefused(t *testing.T) {
	img := layouttest.Of(t, entries{file("x", "1")})
	for _, side := range []string{"A", "B"} {
		a, b := open(t, img), open(t, img)
		victim := map[string]*compare.Image{"A": a, "B": b}[side]
		path := layouttest.BlobPath(victim.Dir(), victim.Layers()[0].Digest)
		raw, _ := os.ReadFile(path)
		raw[600] ^= 1
		os.WriteFile(path, raw, 0o644)
		_, err := compare.Images(context.Background(), a, b, compare.Options{})
		refused(t, err, "has the digest")
	}
}

// bomb packs size zeros without ever holding them.
func bomb(t *testing.T, mt string, size int64) layouttest.Layer {
	t.Helper()
	var buf bytes.Buffer
	var w io.WriteCloser = gzip.NewWriter(&buf)
	if mt == ocispec.MediaTypeImageLayerZstd {
		w, _ = zstd.NewWriter(&buf)
	}
	tw := tar.NewWriter(w)
	tw.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "zeros", Size: size})
	io.CopyN(tw, zeros{}, size)
	tw.Close()
	w.Close()
	return layouttest.Layer{MediaType: mt, Blob: buf.Bytes()}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestN26DecompressionBombs: a layer that unpacks to more than its bound, or out of proportion, is not unpacked further (CVE-2023-30551).
func TestN26DecompressionBombs(t *testing.T) {
	for _, mt := range []string{ocispec.MediaTypeImageLayerGzip, ocispec.MediaTypeImageLayerZstd} {
		img := layouttest.Image{Layers: []layouttest.Layer{bomb(t, mt, 64<<20)}}
		for name, lim := range map[string]compare.Limits{"size": {LayerBytes: 1 << 20}, "ratio": {Ratio: 3, RatioFloor: 1 << 20}} {
			i := open(t, img)
			_, err := compare.Images(context.Background(), i, open(t, img), compare.Options{Limits: lim})
			refused(t, err, "larger than")
			if err == nil {
				t.Errorf("%s %s: accepted", mt, name)
			}
		}
	}
}

func TestSparseBomb(t *testing.T) {
	// A GNU sparse header: 8 TiB of hole in one block.
	h := make([]byte, 512)
	copy(h, "hole")
	copy(h[100:], "0000644\x000000000\x000000000\x00")
	copy(h[124:], "00000000000\x0000000000000\x00")
	h[156] = 'S'
	copy(h[257:], "ustar  \x00")
	copy(h[386:], "00000000000\x0000000000000\x00") // no data
	h[483] = 0x80                                   // real size, base 256
	h[488] = 0x08                                   // 8 << 40
	sum := 0
	copy(h[148:], "        ")
	for _, b := range h {
		sum += int(b)
	}
	copy(h[148:], fmt.Sprintf("%06o\x00 ", sum))
	raw := append(h, make([]byte, 1024)...)
	if head, err := tar.NewReader(bytes.NewReader(raw)).Next(); err != nil || head.Size < 8<<40 {
		t.Fatalf("the test's own tar is wrong: %v %v", head, err)
	}
	img := layouttest.Image{Layers: []layouttest.Layer{{Tar: raw}}}
	_, err := compare.Images(context.Background(), open(t, img), open(t, layouttest.Of(t, entries{file("z", "")})), compare.Options{Limits: compare.Limits{LayerBytes: 1 << 24}})
	refused(t, err, "files are larger than")
}

func TestHostileNamesAreKeptApartAndShort(t *testing.T) {
	long := strings.Repeat("x", 200<<10)
	names := []string{"../../../../etc/passwd", "/etc/passwd", "a\x1b[31mb", "a\nb", "\xff\xfe", "\u202egnp.exe", long + "1", long + "2"}
	var list entries
	for _, n := range names {
		list = append(list, with(file(n, ""), func(e *layouttest.Entry) { e.Format = tar.FormatGNU }))
	}
	rep := images(t, layouttest.Of(t, nil), layouttest.Of(t, list), compare.Options{})
	if len(rep.Differences) != len(names) {
		t.Fatalf("%d differences", len(rep.Differences))
	}
	for i, d := range rep.Differences {
		if i < 6 && d.Path != names[i] {
			t.Errorf("path %q", d.Path)
		}
		if len(d.Path) > 5<<10 {
			t.Errorf("%d bytes of path kept", len(d.Path))
		}
	}
	if rep.Differences[6].Path == rep.Differences[7].Path {
		t.Error("two long names look the same")
	}
}

func TestTooManyEntries(t *testing.T) {
	var list entries
	for i := range 100 {
		list = append(list, file(fmt.Sprint(i), ""))
	}
	img := layouttest.Of(t, list)
	_, err := compare.Images(context.Background(), open(t, img), open(t, layouttest.Of(t, nil)), compare.Options{Limits: compare.Limits{Entries: 99}})
	refused(t, err, "more than 99 entries")
}

// A million entries that all differ, on both sides, stay under 200 MB.
func TestAMillionEntriesInBoundedMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("a million entries take seconds")
	}
	many := func(mode int64) layouttest.Image {
		var buf bytes.Buffer
		z, _ := zstd.NewWriter(&buf, zstd.WithEncoderLevel(zstd.SpeedFastest))
		sum := digest.SHA256.Digester()
		w := tar.NewWriter(io.MultiWriter(z, sum.Hash()))
		for i := range 1 << 20 {
			w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: fmt.Sprintf("usr/lib/node_modules/a/b/%07d", i), Mode: mode})
		}
		w.Close()
		z.Close()
		img := layouttest.Image{Layers: []layouttest.Layer{{Blob: buf.Bytes(), MediaType: ocispec.MediaTypeImageLayerZstd}}}
		img.Config = func(c *ocispec.Image) { c.RootFS.DiffIDs[0] = sum.Digest() }
		return img
	}
	a, b := open(t, many(0o644)), open(t, many(0o600))
	var rep compare.Report
	var err error
	heaptest.Within(t, 200<<20, func() { rep, err = compare.Images(context.Background(), a, b, compare.Options{}) })
	if err != nil {
		t.Fatal(err)
	}
	if rep.Layers[0].Entries.Metadata != 1<<20 || rep.Layers[0].Truncated != 1<<20-200 {
		t.Errorf("got %+v", rep.Layers[0])
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	img := layouttest.Of(t, entries{file("x", "1")})
	_, err := compare.Images(ctx, open(t, img), open(t, img), compare.Options{})
	if !errors.Is(err, context.Canceled) || diag.ExitCode(err) != diag.ExitInterrupted {
		t.Errorf("got %v, exit %d", err, diag.ExitCode(err))
	}
}

func TestIndexRefuses(t *testing.T) {
	dir, m := layouttest.Of(t, entries{file("x", "1")}).Write(t)
	entry := fmt.Sprintf(`{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"%s"}`, m)
	cases := map[string]string{
		"{": "unexpected end",
		`{"manifests":[` + strings.TrimSuffix(strings.Repeat(entry+",", 300), ",") + `]}`:      "more than 256",
		`{"manifests":[{"mediaType":"text/plain","digest":"` + string(m) + `"}]}`:              "media type",
		`{"manifests":[{"mediaType":"application/vnd.oci.image.index.v1+json","digest":"x"}]}`: "invalid",
	}
	for raw, want := range cases {
		os.WriteFile(filepath.Join(dir, "index.json"), []byte(raw), 0o644)
		_, err := compare.List(dir, "", nil)
		refused(t, err, want)
	}
}
