package builder

import (
	"context"
	"fmt"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/provenance/intoto"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/signing"
)

// AttachLink signs an in-toto link for a step that another tool did with an image (a scan, a promotion), and attaches it. The image and
// the manifests that it lists are among the link's materials and products: a link that names no image is good for every image. The
// result is the link's own referrer.
func AttachLink(ctx context.Context, to artifact.Store, image artifact.Descriptor, l intoto.Link, s *signing.Signer) (artifact.Descriptor, error) {
	named, err := imageArtifacts(ctx, to, image)
	if err != nil {
		return artifact.Descriptor{}, err
	}
	for _, side := range []*intoto.Artifacts{&l.Materials, &l.Products} {
		all := intoto.Artifacts{}
		for name, d := range *side {
			all[name] = d
		}
		for name, d := range named {
			if other, ok := all[name]; ok && other != d {
				return artifact.Descriptor{}, fmt.Errorf("signing a link: `%s` is %s, not %s", name, d, other)
			}
			all[name] = d
		}
		*side = all
	}
	bundle, err := signLink(ctx, s, l)
	if err != nil {
		return artifact.Descriptor{}, err
	}
	got, err := to.Attach(ctx, image, artifact.Bundle(signing.BundleMediaType, bundle, provenance.PredicateLink))
	if err != nil || len(got) != 1 {
		return artifact.Descriptor{}, err
	}
	return got[0], nil
}

// imageArtifacts names an image and what it lists, from its own bytes.
func imageArtifacts(ctx context.Context, from artifact.Source, image artifact.Descriptor) (intoto.Artifacts, error) {
	desc, raw, err := from.Manifest(ctx, image.Digest)
	if err != nil {
		return nil, fmt.Errorf("reading image %s: %w", image.Digest, err)
	}
	if got := digest.FromBytes(raw); got != image.Digest {
		return nil, fmt.Errorf("reading image %s: the answer has the digest %s", image.Digest, got)
	}
	parsed, err := artifact.Parse(desc.MediaType, raw)
	if err != nil {
		return nil, fmt.Errorf("reading image %s: %w", image.Digest, err)
	}
	out := intoto.Artifacts{intoto.ArtifactImage: image.Digest}
	if parsed.Index == nil {
		return out, nil
	}
	for _, m := range parsed.Index.Manifests {
		if m.Platform == nil || m.Platform.OS == "" || m.Platform.Architecture == "" {
			return nil, fmt.Errorf("image %s lists %s without a platform", image.Digest, m.Digest)
		}
		name := intoto.ArtifactImage + "/" + m.Platform.OS + "/" + m.Platform.Architecture
		if m.Platform.Variant != "" {
			name += "/" + m.Platform.Variant
		}
		if _, twice := out[name]; twice {
			return nil, fmt.Errorf("image %s lists %s twice", image.Digest, name)
		}
		out[name] = m.Digest
	}
	return out, nil
}
