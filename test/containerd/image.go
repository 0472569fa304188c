package containerd

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// Image is an index with one image for this machine, made from nothing but a static program of ours.
type Image struct {
	// Index is the digest that a tag leads to, Manifest the image's in it, Config its configuration's.
	Index, Manifest, Config digest.Digest

	blobs map[digest.Digest][]byte
	media map[digest.Digest]string // of the two manifests
	index v1.Descriptor
}

// Workload is a static program that prints its arguments and waits for SIGTERM: what NewImage's containers run.
func Workload() ([]byte, error) { return workload() }

var workload = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "workload-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	out := filepath.Join(dir, "workload")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, "github.com/selfsame-build/selfsame/test/containerd/workload")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return nil, err
	}
	return os.ReadFile(out)
})

// NewImage makes an image whose container prints says and waits for SIGTERM. Another text is another image.
func NewImage(tb testing.TB, says string) *Image {
	tb.Helper()
	program, err := workload()
	if err != nil {
		tb.Fatalf("building test/containerd/workload: %v", err)
	}
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	if err := w.WriteHeader(&tar.Header{Name: "workload", Mode: 0o755, Size: int64(len(program)), Typeflag: tar.TypeReg}); err != nil {
		tb.Fatal(err)
	}
	if _, err := w.Write(program); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	i := &Image{blobs: map[digest.Digest][]byte{}, media: map[digest.Digest]string{}}
	content := i.add(v1.MediaTypeImageLayer, layer.Bytes())
	platform := v1.Platform{OS: "linux", Architecture: runtime.GOARCH}
	config := i.json(v1.MediaTypeImageConfig, v1.Image{Platform: platform, RootFS: v1.RootFS{Type: "layers", DiffIDs: []digest.Digest{content.Digest}},
		Config: v1.ImageConfig{Entrypoint: []string{"/workload"}, Cmd: []string{says}}})
	manifest := i.json(v1.MediaTypeImageManifest, v1.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest,
		Config: config, Layers: []v1.Descriptor{content}})
	manifest.Platform = &platform
	i.index = i.json(v1.MediaTypeImageIndex, v1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageIndex,
		Manifests: []v1.Descriptor{manifest}})
	i.Index, i.Manifest, i.Config = i.index.Digest, manifest.Digest, config.Digest
	for _, d := range []v1.Descriptor{manifest, i.index} {
		i.media[d.Digest] = d.MediaType
	}
	return i
}

func (i *Image) add(mediaType string, content []byte) v1.Descriptor {
	d := digest.FromBytes(content)
	i.blobs[d] = content
	return v1.Descriptor{MediaType: mediaType, Digest: d, Size: int64(len(content))}
}

func (i *Image) json(mediaType string, v any) v1.Descriptor {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) // of our own types
	}
	return i.add(mediaType, raw)
}

// Single is the image without its index: what its name leads to is the manifest.
func (i *Image) Single() *Image {
	one := &Image{Index: i.Manifest, Manifest: i.Manifest, Config: i.Config, blobs: maps.Clone(i.blobs), media: map[digest.Digest]string{i.Manifest: i.media[i.Manifest]}}
	delete(one.blobs, i.Index)
	one.index = v1.Descriptor{MediaType: i.media[i.Manifest], Digest: i.Manifest, Size: int64(len(i.blobs[i.Manifest]))}
	return one
}

// Archive is the image as a tar of an OCI layout in which it has a full name (HOST/REPOSITORY:TAG), for `ctr images import`.
func (i *Image) Archive(name string) []byte {
	index := i.index
	index.Annotations = map[string]string{"io.containerd.image.name": name}
	top, err := json.Marshal(v1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, Manifests: []v1.Descriptor{index}})
	if err != nil {
		panic(err) // of our own types
	}
	files := map[string][]byte{"oci-layout": []byte(`{"imageLayoutVersion":"1.0.0"}`), "index.json": top}
	for d, content := range i.blobs {
		files["blobs/"+d.Algorithm().String()+"/"+d.Encoded()] = content
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b) // into memory: nothing fails
	for name, content := range files {
		_ = w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content)), Typeflag: tar.TypeReg})
		_, _ = w.Write(content)
	}
	_ = w.Close()
	return b.Bytes()
}
