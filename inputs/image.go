package inputs

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// PutImage writes an OCI image made of layers that the store already holds: config as JSON, then a manifest that lists
// the layers in order. The same arguments give the same digest. annotations go on the manifest and may be nil. The
// descriptor returned is the manifest's, without a platform. A layer that is not in the store is ErrMissing.
func (s *Store) PutImage(ctx context.Context, config ocispec.Image, layers []ocispec.Descriptor, annotations map[string]string) (ocispec.Descriptor, error) {
	for _, l := range layers {
		if !s.Has(l.Digest) {
			return ocispec.Descriptor{}, fmt.Errorf("writing image: layer %w", &BlobError{l.Digest, ErrMissing})
		}
	}
	cfg, err := s.putJSON(ctx, ocispec.MediaTypeImageConfig, config)
	if err != nil {
		return ocispec.Descriptor{}, fmt.Errorf("writing image config: %w", err)
	}
	if layers == nil {
		layers = []ocispec.Descriptor{} // the spec wants an array, also an empty one
	}
	desc, err := s.putJSON(ctx, ocispec.MediaTypeImageManifest, ocispec.Manifest{
		Versioned:   specs.Versioned{SchemaVersion: 2},
		MediaType:   ocispec.MediaTypeImageManifest,
		Config:      cfg,
		Layers:      layers,
		Annotations: annotations,
	})
	if err != nil {
		return ocispec.Descriptor{}, fmt.Errorf("writing image manifest: %w", err)
	}
	return desc, nil
}

// putJSON stores v's JSON (encoding/json: struct order, sorted map keys, so deterministic) and describes it.
func (s *Store) putJSON(ctx context.Context, mediaType string, v any) (ocispec.Descriptor, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	b, err := s.PutBytes(ctx, data)
	return ocispec.Descriptor{MediaType: mediaType, Digest: b.Digest, Size: b.Size}, err
}
