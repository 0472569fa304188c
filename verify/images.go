package verify

import (
	"context"
	"fmt"
	"slices"

	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/policy"
	"github.com/selfsame-build/selfsame/registry/artifact"
)

// image is one manifest whose evidence is judged: the index or one of its platform manifests.
type image struct {
	desc     ocispec.Descriptor
	label    string // "index", the platform, or "image" for a manifest that was asked for directly
	platform string // of a child of an index
	index    bool
	children []image // of an index
}

// readImages reads the image that was asked for: an index comes first and is followed by its platform manifests, in its
// order; a manifest stands alone. artifact.Parse refuses what could be read as either.
func readImages(ctx context.Context, o Options) ([]image, error) {
	desc, raw, err := o.Source.Manifest(ctx, o.Digest)
	if err != nil {
		return nil, fmt.Errorf("reading image %s: %w", o.Digest, absent(err))
	}
	// Hashed again here: what was verified and what will be used must be the same bytes, whatever the source says.
	if got := digest.FromBytes(raw); got != o.Digest || desc.Digest != o.Digest {
		return nil, fmt.Errorf("reading image %s: the answer has the digest %s", o.Digest, got)
	}
	parsed, err := artifact.Parse(desc.MediaType, raw)
	if err != nil {
		return nil, fmt.Errorf("reading image %s: %w", o.Digest, err)
	}
	if parsed.Index == nil {
		return []image{{desc: desc, label: "image"}}, nil
	}
	if n := len(parsed.Index.Manifests); n > o.Budget.Platforms {
		return nil, fmt.Errorf("reading index %s: %d platforms, the limit is %d", o.Digest, n, o.Budget.Platforms)
	}
	index := image{desc: desc, label: "index", index: true}
	for _, m := range parsed.Index.Manifests {
		platform := platformOf(m)
		index.children = append(index.children, image{desc: m, label: platform, platform: platform})
	}
	return append([]image{index}, index.children...), nil
}

// codeNotFound is the diagnostic for what a registry says it does not have (package registry).
const codeNotFound diag.Code = "A0513"

// absent marks the error of a registry that has no such image: policy.ErrGone.
func absent(err error) error {
	if slices.ContainsFunc(diag.All(err), func(d *diag.Diagnostic) bool { return d.Code == codeNotFound }) {
		return goneError{err}
	}
	return err
}

// goneError is an error that is policy.ErrGone, too, in the registry's own words.
type goneError struct{ error }

func (e goneError) Unwrap() error        { return e.error }
func (e goneError) Is(target error) bool { return target == policy.ErrGone }

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
	return clip(s)
}
