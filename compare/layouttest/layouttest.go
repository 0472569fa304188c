// Package layouttest writes small OCI layouts for tests: real tars, real compression, real digests, and on request wrong
// ones.
package layouttest

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Epoch is the time that File and Dir bear.
var Epoch = time.Unix(1700000000, 0)

// Entry is one tar entry.
type Entry struct {
	tar.Header
	Body string
}

// File is a regular file with mode 0644 that belongs to root.
func File(name, body string) Entry {
	return Entry{tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, ModTime: Epoch, Size: int64(len(body))}, body}
}

// Dir is a directory with mode 0755.
func Dir(name string) Entry {
	return Entry{Header: tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: 0o755, ModTime: Epoch}}
}

// Tar is the entries as a tar.
func Tar(t testing.TB, entries ...Entry) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, e := range entries {
		h := e.Header
		if err := w.WriteHeader(&h); err != nil {
			t.Fatalf("writing %q: %v", h.Name, err)
		}
		if _, err := w.Write([]byte(e.Body)); err != nil {
			t.Fatalf("writing %q: %v", h.Name, err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// Layer is one layer: its tar, and how it is packed.
type Layer struct {
	Tar       []byte
	MediaType string // default: plain tar
	Level     int    // of gzip
	// Blob, when set, is written in place of the packed tar.
	Blob []byte
}

// Image says what to write.
type Image struct {
	Layers   []Layer
	Config   func(*ocispec.Image)
	Manifest func(*ocispec.Manifest)
	// RawConfig and RawManifest change the bytes after everything else.
	RawConfig, RawManifest func([]byte) []byte
}

// Of is an image with one plain layer for each argument.
func Of(t testing.TB, layers ...[]Entry) Image {
	t.Helper()
	var img Image
	for _, entries := range layers {
		img.Layers = append(img.Layers, Layer{Tar: Tar(t, entries...)})
	}
	return img
}

// Write makes the layout in a new folder and gives it and the manifest's digest.
func (img Image) Write(t testing.TB) (string, digest.Digest) {
	t.Helper()
	dir := t.TempDir()
	config := ocispec.Image{Platform: ocispec.Platform{OS: "linux", Architecture: "amd64"}, RootFS: ocispec.RootFS{Type: "layers"}}
	manifest := ocispec.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest}
	for _, l := range img.Layers {
		blob := l.Blob
		if blob == nil {
			blob = Pack(t, l)
		}
		mt := l.MediaType
		if mt == "" {
			mt = ocispec.MediaTypeImageLayer
		}
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, digest.FromBytes(l.Tar))
		manifest.Layers = append(manifest.Layers, ocispec.Descriptor{MediaType: mt, Digest: put(t, dir, blob), Size: int64(len(blob))})
	}
	if img.Config != nil {
		img.Config(&config)
	}
	raw := encode(t, config, img.RawConfig)
	manifest.Config = ocispec.Descriptor{MediaType: ocispec.MediaTypeImageConfig, Digest: put(t, dir, raw), Size: int64(len(raw))}
	if img.Manifest != nil {
		img.Manifest(&manifest)
	}
	raw = encode(t, manifest, img.RawManifest)
	d := put(t, dir, raw)
	index := ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex,
		Manifests: []ocispec.Descriptor{{MediaType: ocispec.MediaTypeImageManifest, Digest: d, Size: int64(len(raw))}}}
	write(t, filepath.Join(dir, "index.json"), encode(t, index, nil))
	write(t, filepath.Join(dir, "oci-layout"), []byte(`{"imageLayoutVersion":"1.0.0"}`))
	return dir, d
}

// Pack is the layer's blob.
func Pack(t testing.TB, l Layer) []byte {
	t.Helper()
	var buf bytes.Buffer
	switch l.MediaType {
	case ocispec.MediaTypeImageLayerGzip:
		w, err := gzip.NewWriterLevel(&buf, max(l.Level, 1))
		if err != nil {
			t.Fatal(err)
		}
		w.Write(l.Tar)
		w.Close()
	case ocispec.MediaTypeImageLayerZstd:
		w, err := zstd.NewWriter(&buf)
		if err != nil {
			t.Fatal(err)
		}
		w.Write(l.Tar)
		w.Close()
	default:
		return l.Tar
	}
	return buf.Bytes()
}

// BlobPath is where a blob stands.
func BlobPath(dir string, d digest.Digest) string {
	return filepath.Join(dir, "blobs", "sha256", d.Encoded())
}

func put(t testing.TB, dir string, raw []byte) digest.Digest {
	t.Helper()
	d := digest.FromBytes(raw)
	write(t, BlobPath(dir, d), raw)
	return d
}

func write(t testing.TB, path string, raw []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, raw, 0o644); err != nil {
		t.Fatal(err)
	}
}

func encode(t testing.TB, v any, change func([]byte) []byte) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		raw = change(raw)
	}
	return raw
}
