package verify

import (
	"context"
	"fmt"

	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/internal/strictjson"
)

// document is what an index and a manifest have between them. One that is both at once is refused: readers that look at
// different fields would see different images (GHSA-5j5w-g665-5m35).
type document struct {
	SchemaVersion int                  `json:"schemaVersion"`
	MediaType     string               `json:"mediaType"`
	Manifests     []ocispec.Descriptor `json:"manifests"`
	Config        *ocispec.Descriptor  `json:"config"`
	Layers        []ocispec.Descriptor `json:"layers"`
}

// readImages reads the image that was asked for: an index comes first and is followed by its platform manifests, in its
// order; a manifest stands alone.
func readImages(ctx context.Context, o Options) ([]image, error) {
	desc, doc, err := readDocument(ctx, o, o.Digest)
	if err != nil {
		return nil, err
	}
	if doc.Config != nil {
		return []image{{desc: desc, label: "image"}}, nil
	}
	if n := len(doc.Manifests); n > o.Budget.Platforms {
		return nil, fmt.Errorf("reading index %s: %d platforms, the limit is %d", o.Digest, n, o.Budget.Platforms)
	}
	index := image{desc: desc, label: "index"}
	for _, m := range doc.Manifests {
		child := image{desc: m, platform: platformOf(m)}
		child.label = child.platform
		index.children = append(index.children, child)
	}
	return append([]image{index}, index.children...), nil
}

// readDocument reads a manifest or index and hashes it again: what was verified and what is used must be the same bytes.
func readDocument(ctx context.Context, o Options, d digest.Digest) (ocispec.Descriptor, document, error) {
	desc, raw, err := o.Source.Manifest(ctx, d)
	if err != nil {
		return desc, document{}, fmt.Errorf("reading image %s: %w", d, err)
	}
	if got := digest.FromBytes(raw); got != d || desc.Digest != d {
		return desc, document{}, fmt.Errorf("reading image %s: the answer has the digest %s", d, got)
	}
	var doc document
	if err := strictjson.Unmarshal(raw, &doc, strictjson.Limits{MaxBytes: 4 << 20, MaxDepth: 32, AllowUnknown: true}); err != nil {
		return desc, doc, fmt.Errorf("reading image %s: %w", d, err)
	}
	return desc, doc, doc.check(desc)
}

func (d document) check(desc ocispec.Descriptor) error {
	isIndex, isManifest := d.Manifests != nil, d.Config != nil || d.Layers != nil
	switch {
	case isIndex == isManifest:
		return fmt.Errorf("reading image %s: it is not one of index and manifest", desc.Digest)
	case isIndex && d.MediaType != "" && !indexTypes[d.MediaType], isManifest && d.MediaType != "" && indexTypes[d.MediaType]:
		return fmt.Errorf("reading image %s: its contents are not what its media type %q says", desc.Digest, d.MediaType)
	case d.MediaType != "" && desc.MediaType != "" && d.MediaType != desc.MediaType:
		return fmt.Errorf("reading image %s: served as %q, but it says %q", desc.Digest, desc.MediaType, d.MediaType)
	case isManifest && d.Config == nil:
		return fmt.Errorf("reading image %s: a manifest without config", desc.Digest)
	}
	return nil
}

var indexTypes = map[string]bool{
	ocispec.MediaTypeImageIndex:                                 true,
	"application/vnd.docker.distribution.manifest.list.v2+json": true,
}

// platformOf is os/arch[/variant], or "unknown" for an entry without one.
func platformOf(d ocispec.Descriptor) string {
	p := d.Platform
	if p == nil || p.OS == "" || p.Architecture == "" {
		return "unknown"
	}
	s := p.OS + "/" + p.Architecture
	if p.Variant != "" {
		s += "/" + p.Variant
	}
	return s
}
