package registry

import (
	"context"
	"errors"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/registry/artifact"
)

// legacySuffixes are what cosign put behind the fallback tag before OCI had referrers (cosign specs/SIGNATURE_SPEC.md): attestations,
// signatures and lists of contents. Nothing is ever written there.
var legacySuffixes = []string{".att", ".sig", ".sbom"}

// readLegacy reads the manifests under an image's legacy tags. They bear no subject, and a tag can be moved to anything, so what cannot be
// read as a manifest is left out: it could never prove anything.
func (r *Repository) readLegacy(ctx context.Context, d digest.Digest) ([]artifact.Legacy, error) {
	var found []artifact.Legacy
	for _, suffix := range legacySuffixes {
		tag := fallbackTag(d) + suffix
		desc, raw, err := r.getManifest(ctx, tag)
		if errors.Is(err, errNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if p, err := artifact.Parse(desc.MediaType, raw); err == nil && p.Manifest != nil {
			found = append(found, artifact.Legacy{Tag: tag, Descriptor: desc, Layers: p.Manifest.Layers})
		}
	}
	return found, nil
}
