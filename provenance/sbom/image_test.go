package sbom

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	digest "github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx"

	"github.com/selfsame-build/selfsame/registry/layout"
)

// entry is one tar entry: a regular file unless kind says otherwise.
type entry struct {
	name, body string
	kind       byte
	link       string
}

func archive(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Typeflag: e.kind, Linkname: e.link, Mode: 0o644, Size: int64(len(e.body))}
		if e.kind == 0 {
			h.Typeflag = tar.TypeReg
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(e.body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// image is a real OCI layout on disk with one manifest. The layers are packed with zstd, gzip and not at all, in turn.
func image(t testing.TB, layers ...[]byte) (*layout.Layout, digest.Digest) {
	t.Helper()
	store, err := layout.Create(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	m := v1.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest, Layers: []v1.Descriptor{}}
	m.Config = v1.Descriptor{MediaType: v1.MediaTypeImageConfig, Digest: digest.FromString("{}"), Size: 2}
	for i, l := range layers {
		packed, mediaType := pack(t, i, l)
		d := v1.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(packed), Size: int64(len(packed))}
		if err := store.PutBlob(t.Context(), d, bytes.NewReader(packed)); err != nil {
			t.Fatal(err)
		}
		m.Layers = append(m.Layers, d)
	}
	raw, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	d := v1.Descriptor{MediaType: m.MediaType, Digest: digest.FromBytes(raw), Size: int64(len(raw))}
	if err := store.Add(t.Context(), d, raw); err != nil {
		t.Fatal(err)
	}
	return store, d.Digest
}

func pack(t testing.TB, i int, data []byte) ([]byte, string) {
	t.Helper()
	var b bytes.Buffer
	switch i % 3 {
	case 0:
		w, err := zstd.NewWriter(&b)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = w.Write(data)
		_ = w.Close()
		return b.Bytes(), v1.MediaTypeImageLayerZstd
	case 1:
		w := gzip.NewWriter(&b)
		_, _ = w.Write(data)
		_ = w.Close()
		return b.Bytes(), v1.MediaTypeImageLayerGzip
	default:
		return data, v1.MediaTypeImageLayer
	}
}

func options(t testing.TB, manifest digest.Digest) Options {
	return Options{
		Manifest: manifest, Name: "registry.example.com/team/shop", Platform: "linux/amd64", Epoch: 1767225600,
		Tool: "selfsame-v0.1.0", Scratch: t.TempDir(),
	}
}

// listed makes the document and reads it with SPDX's own library, which refuses what is no valid SPDX.
func listed(t testing.TB, o func(*Options), layers ...[]byte) *spdx.Document {
	t.Helper()
	store, manifest := image(t, layers...)
	opts := options(t, manifest)
	if o != nil {
		o(&opts)
	}
	raw, err := FromImage(t.Context(), store, opts)
	if err != nil {
		t.Fatal(err)
	}
	d, err := spdxjson.Read(bytes.NewReader(raw))
	if err != nil {
		t.Fatalf("SPDX's own reader: %v\n%s", err, raw)
	}
	return d
}

// purls lists the package URLs that the image contains, without the image itself.
func purls(d *spdx.Document) []string {
	out := []string{}
	for _, p := range d.Packages[1:] {
		if strings.HasPrefix(string(p.PackageSPDXIdentifier), "Package-") {
			out = append(out, p.PackageExternalReferences[0].Locator)
		}
	}
	return out
}
