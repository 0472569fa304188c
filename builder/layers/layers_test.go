package layers

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/containerd/errdefs"
	"github.com/moby/buildkit/util/compression"
	"github.com/moby/buildkit/util/converter"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

var epoch = time.Unix(1760000000, 0).UTC()

// layerAt is a tar as a builder exports it: one file older than the epoch, one written at the given time.
func layerAt(t *testing.T, when time.Time, body string) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, f := range []struct {
		name string
		at   time.Time
	}{{"old", epoch.Add(-time.Hour)}, {"new", when}} {
		h := &tar.Header{Name: f.name, Mode: 0o644, Size: int64(len(body)), ModTime: f.at, Typeflag: tar.TypeReg, Format: tar.FormatPAX}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// exported is what a builder sends: layers, configuration, manifest.
func exported(t *testing.T, e *Export, layers ...[]byte) digest.Digest {
	t.Helper()
	m := ocispec.Manifest{MediaType: ocispec.MediaTypeImageManifest}
	m.SchemaVersion = 2
	fs := ocispec.RootFS{Type: "layers"}
	for _, l := range layers {
		d := descriptor(ocispec.MediaTypeImageLayer, l)
		m.Layers, fs.DiffIDs = append(m.Layers, d), append(fs.DiffIDs, d.Digest)
		send(t, e, d, l)
	}
	config, err := json.Marshal(map[string]any{"architecture": "amd64", "os": "linux", "rootfs": fs})
	if err != nil {
		t.Fatal(err)
	}
	m.Config = descriptor(ocispec.MediaTypeImageConfig, config)
	send(t, e, m.Config, config)
	raw, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	d := descriptor(m.MediaType, raw)
	send(t, e, d, raw)
	return d.Digest
}

func descriptor(mediaType string, data []byte) ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(data), Size: int64(len(data))}
}

// send writes a blob as the session's content service does, which takes "already exists" for an answer.
func send(t *testing.T, e *Export, d ocispec.Descriptor, data []byte) {
	t.Helper()
	err := content.WriteBlob(t.Context(), e, d.Digest.String(), bytes.NewReader(data), d)
	if err != nil && !errors.Is(err, errdefs.ErrAlreadyExists) {
		t.Fatal(err)
	}
}

func newExport(t *testing.T, base Base, c *Cache, s *Shared) *Export {
	t.Helper()
	e, err := NewExport(t.TempDir(), Settings{Epoch: epoch, Compression: "zstd"}, base, c, s)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func finish(t *testing.T, e *Export, d digest.Digest) (digest.Digest, ocispec.Manifest) {
	t.Helper()
	got, err := e.Finish(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	var m ocispec.Manifest
	if err := e.readJSON(got, &m); err != nil {
		t.Fatal(err)
	}
	return got, m
}

// TestTwins exports the same content written at two times: one image, one blob, and nothing else left behind.
func TestTwins(t *testing.T) {
	shared := NewShared()
	a, b := newExport(t, Base{}, nil, shared), newExport(t, Base{}, nil, shared)
	ma, manifest := finish(t, a, exported(t, a, layerAt(t, epoch.Add(time.Hour), "hello")))
	mb, _ := finish(t, b, exported(t, b, layerAt(t, epoch.Add(9999*time.Hour), "hello")))
	if ma != mb {
		t.Errorf("A gives %s, B %s", ma, mb)
	}
	if manifest.Layers[0].MediaType != ocispec.MediaTypeImageLayerZstd {
		t.Errorf("media type %s", manifest.Layers[0].MediaType)
	}
	for _, e := range []*Export{a, b} {
		if files, err := os.ReadDir(blobs(e.dir)); err != nil || len(files) != 3 {
			t.Errorf("%d blobs, want manifest, configuration and layer (%v)", len(files), err)
		}
	}
	c := newExport(t, Base{}, nil, shared)
	if mc, _ := finish(t, c, exported(t, c, layerAt(t, epoch.Add(time.Hour), "other"))); mc == ma {
		t.Error("other content gave the same image")
	}
}

// TestGolden holds the bytes: a library that moves them must be seen, and Version be raised.
func TestGolden(t *testing.T) {
	e := newExport(t, Base{}, nil, NewShared())
	_, m := finish(t, e, exported(t, e, layerAt(t, epoch.Add(time.Hour), "hello")))
	const want = "sha256:ba0c44c15bab1585fbb660de5553c89a1398a27ac354049f9365bd243e117461"
	if got := m.Layers[0].Digest; got != want {
		t.Errorf("layer %s, want %s", got, want)
	}
}

// TestAsBuildKit compares with BuildKit's own rewriting, which a rebuilder without selfsame would use.
func TestAsBuildKit(t *testing.T) {
	raw := layerAt(t, epoch.Add(time.Hour), string(bytes.Repeat([]byte("some text. "), 100_000)))
	for name, kind := range kinds {
		e, err := NewExport(t.TempDir(), Settings{Epoch: epoch, Compression: name}, Base{}, nil, NewShared())
		if err != nil {
			t.Fatal(err)
		}
		_, m := finish(t, e, exported(t, e, raw))
		store, err := local.NewLabeledStore(t.TempDir(), labels{})
		if err != nil {
			t.Fatal(err)
		}
		d := descriptor(ocispec.MediaTypeImageLayer, raw)
		if err := content.WriteBlob(t.Context(), store, "x", bytes.NewReader(raw), d); err != nil {
			t.Fatal(err)
		}
		convert, err := converter.NewWithRewriteTimestamp(t.Context(), store, d, compression.New(kind), &epoch, nil)
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := convert(t.Context(), store, d)
		if err != nil {
			t.Fatal(err)
		}
		if ours := m.Layers[0]; ours.Digest != theirs.Digest || ours.MediaType != theirs.MediaType {
			t.Errorf("%s: ours is %s, BuildKit's %s", name, ours.Digest, theirs.Digest)
		}
	}
}

type labels map[digest.Digest]map[string]string

func (l labels) Get(d digest.Digest) (map[string]string, error) { return l[d], nil }
func (l labels) Set(d digest.Digest, m map[string]string) error { l[d] = m; return nil }
func (l labels) Update(d digest.Digest, m map[string]string) (map[string]string, error) {
	if l[d] == nil {
		l[d] = map[string]string{}
	}
	for k, v := range m {
		l[d][k] = v
	}
	return l[d], nil
}

// TestBaseStays takes the base's layer from the store, byte for byte, though its times are later than the epoch.
func TestBaseStays(t *testing.T) {
	layer := layerAt(t, epoch.Add(time.Hour), "base")
	d := digest.FromBytes(layer)
	opened := 0
	base := Base{Layers: map[digest.Digest]bool{d: true}, Open: func(got digest.Digest) (io.ReadCloser, int64, error) {
		opened++
		if got != d {
			return nil, 0, os.ErrNotExist
		}
		return io.NopCloser(bytes.NewReader(layer)), int64(len(layer)), nil
	}}
	shared := NewShared()
	a, b := newExport(t, base, &Cache{Dir: t.TempDir()}, shared), newExport(t, base, &Cache{Dir: t.TempDir()}, shared)
	for _, e := range []*Export{a, b} {
		if _, m := finish(t, e, exported(t, e, layer)); m.Layers[0].Digest != d || m.Layers[0].MediaType != ocispec.MediaTypeImageLayer {
			t.Errorf("the base became %+v", m.Layers[0])
		}
	}
	if opened != 1 {
		t.Errorf("the store was read %d times, want once for both builders", opened)
	}
	base.Open = func(digest.Digest) (io.ReadCloser, int64, error) {
		return io.NopCloser(bytes.NewReader([]byte("damaged"))), 7, nil
	}
	e := newExport(t, base, nil, NewShared())
	if _, m := finish(t, e, exported(t, e, layer)); m.Layers[0].Digest != d {
		t.Errorf("with a damaged store the base became %+v", m.Layers[0])
	}
}

// TestCache sends no layer twice, and trusts no blob that changed meanwhile.
func TestCache(t *testing.T) {
	c := &Cache{Dir: t.TempDir(), Limit: 1 << 20}
	raw := layerAt(t, epoch.Add(time.Hour), "hello")
	first := newExport(t, Base{}, c, NewShared())
	want, m := finish(t, first, exported(t, first, raw))
	if len(first.Remembered()) != 0 || first.Checked()[m.Layers[0].Digest] == "" {
		t.Errorf("the first export remembers %v, has checked %v", first.Remembered(), first.Checked())
	}
	again := newExport(t, Base{}, c, NewShared())
	_, err := again.Writer(t.Context(), content.WithRef("x"), content.WithDescriptor(descriptor("", raw)))
	if !errors.Is(err, errdefs.ErrAlreadyExists) {
		t.Errorf("a known layer is sent again (%v)", err)
	}
	if got, _ := finish(t, again, exported(t, again, raw)); got != want || len(again.Remembered()) != 1 {
		t.Errorf("remembered: %s, want %s; %v", got, want, again.Remembered())
	}
	other, err := NewExport(t.TempDir(), Settings{Epoch: epoch.Add(time.Minute), Compression: "zstd"}, Base{}, c, NewShared())
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := finish(t, other, exported(t, other, raw)); got == want {
		t.Error("another epoch gave the same image")
	}
	if err := os.WriteFile(c.blob(m.Layers[0].Digest), []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	damaged := newExport(t, Base{}, c, NewShared())
	if got, _ := finish(t, damaged, exported(t, damaged, raw)); got != want || len(damaged.Remembered()) != 0 {
		t.Errorf("with a damaged blob: %s, want %s; %v", got, want, damaged.Remembered())
	}
}

// TestTrim removes the longest unused blobs only.
func TestTrim(t *testing.T) {
	c := &Cache{Dir: t.TempDir(), Limit: 10}
	if err := c.Trim(); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(c.Dir, "blobs")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"old", "new"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, make([]byte, 8), 0o600); err != nil {
			t.Fatal(err)
		}
		when := epoch.Add(time.Duration(i) * time.Hour)
		if err := os.Chtimes(path, when, when); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Trim(); err != nil {
		t.Fatal(err)
	}
	if files, _ := os.ReadDir(dir); len(files) != 1 || files[0].Name() != "new" {
		t.Errorf("left: %v", files)
	}
}

// TestSameLayerTwice has two steps that made one layer.
func TestSameLayerTwice(t *testing.T) {
	e := newExport(t, Base{}, nil, NewShared())
	raw := layerAt(t, epoch.Add(time.Hour), "hello")
	if _, m := finish(t, e, exported(t, e, raw, raw)); len(m.Layers) != 2 || m.Layers[0].Digest != m.Layers[1].Digest {
		t.Errorf("got %+v", m.Layers)
	}
}

// TestInventedHistory: what BuildKit says of a layer by its cache's records must not reach the image.
func TestInventedHistory(t *testing.T) {
	var got []string
	for _, by := range []string{"created by buildkit", "pulled from selfsame.invalid/base"} {
		raw, err := ownHistory(json.RawMessage(`[{"created":"2025-10-09T08:53:20Z","created_by":"RUN x","comment":"buildkit.dockerfile.v0"},` +
			`{"created":"2025-10-09T08:53:20Z","created_by":"` + by + `","comment":"buildkit.exporter.image.v0"}]`))
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(raw))
	}
	if got[0] != got[1] || !strings.Contains(got[0], `"created_by":"RUN x","comment":"buildkit.dockerfile.v0"`) {
		t.Errorf("%s\n%s", got[0], got[1])
	}
}

// TestCancelled stops in the middle of a layer.
func TestCancelled(t *testing.T) {
	e := newExport(t, Base{}, nil, NewShared())
	d := exported(t, e, layerAt(t, epoch, "hello"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := e.Finish(ctx, d); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
