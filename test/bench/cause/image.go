package main

import (
	"archive/tar"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/gzip"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// side is one image in the forms that the tools take.
type side struct {
	layout string        // an OCI layout, layers compressed with gzip as `docker push` does
	tar    string        // as `docker save` writes it, layers uncompressed
	root   digest.Digest // the layout's manifest
	tag    string        // in the tar
	made   []made
}

// made is one layer, uncompressed and as a blob.
type made struct {
	path   string
	diffID digest.Digest
	blob   v1.Descriptor
}

// makeSide writes one image. B has A's layers where they are equal.
func makeSide(ctx context.Context, dir string, mb int, a *side) (side, error) {
	sideB := a != nil
	s := side{layout: filepath.Join(dir, "layout"), tar: filepath.Join(dir, "image.tar"), tag: "docker.io/library/bench:" + map[bool]string{false: "a", true: "b"}[sideB]}
	blobs := filepath.Join(s.layout, "blobs", "sha256")
	if err := os.MkdirAll(blobs, 0o755); err != nil {
		return s, err
	}
	config := v1.Image{Platform: v1.Platform{OS: "linux", Architecture: "amd64"}, Created: &epoch, RootFS: v1.RootFS{Type: "layers"}}
	m := v1.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest}
	var plain []string
	for n := range layers {
		if ctx.Err() != nil {
			return s, ctx.Err()
		}
		path := filepath.Join(dir, fmt.Sprintf("layer%d.tar", n))
		if sideB && n != changed {
			l := a.made[n]
			if err := os.Link(filepath.Join(a.layout, "blobs", "sha256", l.blob.Digest.Encoded()), filepath.Join(blobs, l.blob.Digest.Encoded())); err != nil {
				return s, err
			}
			s.made = append(s.made, l)
			continue
		}
		diffID, blob, err := makeLayer(path, blobs, n, mb/layers, sideB)
		if err != nil {
			return s, err
		}
		s.made = append(s.made, made{path, diffID, blob})
	}
	for _, l := range s.made {
		plain = append(plain, l.path)
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, l.diffID)
		m.Layers = append(m.Layers, l.blob)
	}
	raw, err := json.Marshal(config)
	if err != nil {
		return s, err
	}
	if m.Config, err = putJSON(blobs, v1.MediaTypeImageConfig, config); err != nil {
		return s, err
	}
	d, err := putJSON(blobs, v1.MediaTypeImageManifest, m)
	if err != nil {
		return s, err
	}
	s.root = d.Digest
	index, err := json.Marshal(v1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, Manifests: []v1.Descriptor{d}})
	if err != nil {
		return s, err
	}
	for name, data := range map[string][]byte{"index.json": index, "oci-layout": []byte(`{"imageLayoutVersion":"1.0.0"}`)} {
		if err := os.WriteFile(filepath.Join(s.layout, name), data, 0o644); err != nil {
			return s, err
		}
	}
	return s, saveTar(s, raw, plain)
}

// makeLayer writes a layer uncompressed to path, and compressed as a blob.
func makeLayer(path, blobs string, n, mb int, sideB bool) (diffID digest.Digest, blob v1.Descriptor, err error) {
	out, err := os.Create(path)
	if err != nil {
		return "", blob, err
	}
	defer out.Close()
	packed, err := os.CreateTemp(blobs, "new-")
	if err != nil {
		return "", blob, err
	}
	defer packed.Close()
	content, encoded := digest.SHA256.Digester(), digest.SHA256.Digester()
	z, err := gzip.NewWriterLevel(io.MultiWriter(packed, encoded.Hash()), gzip.BestSpeed) // decoding costs the same
	if err != nil {
		return "", blob, err
	}
	if err := layerTar(io.MultiWriter(out, content.Hash(), z), n, mb, sideB); err != nil {
		return "", blob, err
	}
	if err := z.Close(); err != nil {
		return "", blob, err
	}
	st, err := packed.Stat()
	if err != nil {
		return "", blob, err
	}
	blob = v1.Descriptor{MediaType: v1.MediaTypeImageLayerGzip, Digest: encoded.Digest(), Size: st.Size()}
	return content.Digest(), blob, os.Rename(packed.Name(), filepath.Join(blobs, blob.Digest.Encoded()))
}

func putJSON(blobs, mediaType string, v any) (v1.Descriptor, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return v1.Descriptor{}, err
	}
	d := v1.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(raw), Size: int64(len(raw))}
	return d, os.WriteFile(filepath.Join(blobs, d.Digest.Encoded()), raw, 0o644)
}

// saveTar packs an image as `docker save` does. Layers have one name on both sides, which docker would not give them: so the peer need not
// find out which belong together.
func saveTar(s side, config []byte, layers []string) error {
	out, err := os.Create(s.tar)
	if err != nil {
		return err
	}
	defer out.Close()
	t := tar.NewWriter(out)
	var names []string
	for n, l := range layers {
		name := fmt.Sprintf("%d/layer.tar", n)
		names = append(names, name)
		if err := addFile(t, name, l); err != nil {
			return err
		}
	}
	list, err := json.Marshal([]map[string]any{{"Config": "config.json", "RepoTags": []string{s.tag}, "Layers": names}})
	if err != nil {
		return err
	}
	for _, f := range []struct {
		name string
		data []byte
	}{{"config.json", config}, {"manifest.json", list}} {
		if err := t.WriteHeader(&tar.Header{Name: f.name, Mode: 0o644, Size: int64(len(f.data)), ModTime: epoch}); err != nil {
			return err
		}
		if _, err := t.Write(f.data); err != nil {
			return err
		}
	}
	return t.Close()
}

func addFile(t *tar.Writer, name, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	if err := t.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: st.Size(), ModTime: epoch}); err != nil {
		return err
	}
	_, err = io.Copy(t, f)
	return err
}
