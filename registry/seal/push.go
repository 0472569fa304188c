package seal

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/registry/artifact"
)

// Opener opens a sealed input by digest and gives its size in bytes (inputs.Store does).
type Opener interface {
	Open(d digest.Digest) (io.ReadCloser, int64, error)
}

// Push stores the blobs as a seal of image in a repository, which may be another one than the image's, and returns the
// manifests of its parts. What is there already is not sent again. Nothing at all to seal is an error.
func Push(ctx context.Context, to *registry.Repository, image artifact.Descriptor, blobs []Blob, from Opener) ([]artifact.Descriptor, error) {
	doing := fmt.Sprintf("sealing %s in %s", image.Digest, to.Name())
	if len(blobs) == 0 {
		return nil, fmt.Errorf("%s: there are no inputs", doing)
	}
	parts, whole, err := plan(blobs)
	if err != nil {
		return nil, err
	}
	var made []registry.Composite
	for i, layers := range parts {
		c, err := compose(image, index(layers, i+1, len(parts), whole), layers, from)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", doing, err)
		}
		made = append(made, c)
	}
	return to.AttachComposite(ctx, image, made...)
}

// compose makes the manifest of one part. Packs are hashed here, so the blobs of packs are read twice.
func compose(image artifact.Descriptor, c contents, layers []layer, from Opener) (registry.Composite, error) {
	config, err := json.Marshal(c)
	if err != nil {
		return registry.Composite{}, err
	}
	m := v1.Manifest{
		Versioned:    specs.Versioned{SchemaVersion: 2},
		MediaType:    v1.MediaTypeImageManifest,
		ArtifactType: ArtifactType,
		Config:       artifact.Descriptor{MediaType: ConfigMediaType, Digest: digest.FromBytes(config), Size: int64(len(config))},
		Subject:      &artifact.Descriptor{MediaType: image.MediaType, Digest: image.Digest, Size: image.Size},
		Annotations:  map[string]string{AnnotationPart: partName(c)},
	}
	made := registry.Composite{Blobs: []registry.Content{{Descriptor: m.Config, Open: opener(config)}}}
	for _, l := range layers {
		desc, err := describe(l, from)
		if err != nil {
			return made, err
		}
		m.Layers = append(m.Layers, desc)
		made.Blobs = append(made.Blobs, registry.Content{Descriptor: desc, Open: func() (io.ReadCloser, error) { return newPack(l, from), nil }})
	}
	made.Manifest = m
	return made, nil
}

// describe gives a layer's descriptor: a single blob's own, or a pack's.
func describe(l layer, from Opener) (artifact.Descriptor, error) {
	if len(l) == 1 {
		d := artifact.Descriptor{MediaType: l[0].MediaType, Digest: l[0].Digest, Size: l[0].Size}
		if l[0].Title != "" {
			d.Annotations = map[string]string{AnnotationTitle: l[0].Title[:min(len(l[0].Title), maxTitle)]}
		}
		return d, nil
	}
	hash := digest.SHA256.Digester()
	p := newPack(l, from)
	defer p.Close()
	if _, err := io.Copy(hash.Hash(), p); err != nil {
		return artifact.Descriptor{}, err
	}
	return artifact.Descriptor{MediaType: PackMediaType, Digest: hash.Digest(), Size: l.size()}, nil
}
