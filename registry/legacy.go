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
func (r *Repository) readLegacy(ctx context.Context, d digest.Digest, slots artifact.Slots) ([]artifact.Legacy, error) {
	read := make([]*artifact.Legacy, len(legacySuffixes))
	err := inOrder(len(read), len(read), func(i int) error {
		return slots.Do(ctx, func() error {
			tag := fallbackTag(d) + legacySuffixes[i]
			desc, raw, err := r.getManifest(ctx, tag)
			if errors.Is(err, errNotFound) {
				return nil
			}
			if err != nil {
				return err
			}
			if p, err := artifact.Parse(desc.MediaType, raw); err == nil && p.Manifest != nil {
				read[i] = &artifact.Legacy{Tag: tag, Descriptor: desc, Layers: p.Manifest.Layers}
			}
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	var found []artifact.Legacy
	for _, l := range read {
		if l != nil {
			found = append(found, *l)
		}
	}
	return found, nil
}
