package seal

import (
	"context"
	"fmt"
	"io"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/strictjson"
	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/registry/artifact"
)

// Pull restores the wanted inputs from the seals of image into sink, verified, and fetches only the layers that hold what
// the sink lacks. Wanted digests are to come from something that is trusted: the lock, or signed provenance. A0520: no seal,
// or the seals lack a wanted digest (the error names it).
func Pull(ctx context.Context, from *registry.Repository, image digest.Digest, want []digest.Digest, sink registry.Sink) error {
	doing := fmt.Sprintf("restoring the inputs of %s from %s", image, from.Name())
	lacking := map[digest.Digest]bool{}
	for _, d := range want {
		if !sink.Has(d) {
			lacking[d] = true
		}
	}
	if len(lacking) == 0 {
		return nil
	}
	listing, err := from.Referrers(ctx, image, artifact.Budget{})
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	parts := 0
	var unusable error // anybody may attach what looks like a part: one that is none stops nobody who has the others
	for _, r := range listing.Referrers {
		if r.ArtifactType != ArtifactType || len(lacking) == 0 {
			continue
		}
		parts++
		switch err := pullPart(ctx, from, r, lacking, sink); {
		case ctx.Err() != nil:
			return fmt.Errorf("%s: %w", doing, context.Cause(ctx))
		case err != nil && unusable == nil:
			unusable = err
		}
	}
	if len(lacking) == 0 {
		return nil
	}
	if unusable != nil {
		return fmt.Errorf("%s: %w", doing, unusable)
	}
	missing := diag.Errorf(codeMissing, "%s: %d of %d inputs are not in any of %d parts of a seal, as %s", doing, len(lacking), len(want), parts, first(want, lacking)).
		WithWhy("without all of its inputs the image cannot be built again from the registry").
		WithHelp("selfsame build --push --seal same")
	return missing
}

// first gives the first wanted digest that is lacking.
func first(want []digest.Digest, lacking map[digest.Digest]bool) digest.Digest {
	for _, d := range want {
		if lacking[d] {
			return d
		}
	}
	return ""
}

// pullPart takes what is lacking out of one part, and out of lacking what was taken.
func pullPart(ctx context.Context, from *registry.Repository, r artifact.Referrer, lacking map[digest.Digest]bool, sink registry.Sink) error {
	c, layers, err := readPart(ctx, from, r)
	if err != nil {
		return err
	}
	defer func() {
		for _, e := range c.Blobs {
			if lacking[e.Digest] && sink.Has(e.Digest) {
				delete(lacking, e.Digest)
			}
		}
	}()
	var whole []artifact.Descriptor
	packed := make([][]entry, len(layers))
	for _, e := range c.Blobs {
		switch {
		case !lacking[e.Digest]:
		case layers[e.Layer].MediaType == PackMediaType:
			packed[e.Layer] = append(packed[e.Layer], e)
		default:
			whole = append(whole, layers[e.Layer])
		}
	}
	if err := from.CopyBlobs(ctx, whole, sink); err != nil {
		return err
	}
	for i, entries := range packed { // one after the other: each is held in memory
		if len(entries) == 0 {
			continue
		}
		if err := unpack(ctx, from, layers[i], entries, sink); err != nil {
			return err
		}
	}
	return nil
}

// readPart reads a part's contents list and checks that it fits the part's layers.
func readPart(ctx context.Context, from *registry.Repository, r artifact.Referrer) (contents, []artifact.Descriptor, error) {
	var c contents
	desc, raw, err := from.Manifest(ctx, r.Descriptor.Digest)
	if err != nil {
		return c, nil, err
	}
	bad := func(format string, args ...any) error {
		return diag.Errorf(codeMalformed, "part %s of a seal: %w", r.Descriptor.Digest, fmt.Errorf(format, args...))
	}
	p, err := artifact.Parse(desc.MediaType, raw)
	if err != nil || p.Manifest == nil || p.Manifest.Config.MediaType != ConfigMediaType {
		return c, nil, bad("no contents list")
	}
	list, err := from.Blob(ctx, p.Manifest.Config, maxConfig)
	if err != nil {
		return c, nil, err
	}
	if err := strictjson.Unmarshal(list, &c, strictjson.Limits{MaxBytes: maxConfig}); err != nil {
		return c, nil, bad("%w", err)
	}
	if c.Version != 1 {
		return c, nil, bad("version %d of the format, want 1", c.Version)
	}
	for _, e := range c.Blobs {
		if err := e.fits(p.Manifest.Layers); err != nil {
			return c, nil, bad("%w", err)
		}
	}
	return c, p.Manifest.Layers, nil
}

// fits says whether an entry lies in its layer: is all of it, or within a pack.
func (e entry) fits(layers []artifact.Descriptor) error {
	if err := artifact.CheckDigest(e.Digest); err != nil {
		return err
	}
	if e.Layer < 0 || e.Layer >= len(layers) {
		return fmt.Errorf("%s is in layer %d of %d", e.Digest, e.Layer, len(layers))
	}
	l := layers[e.Layer]
	switch {
	case l.MediaType != PackMediaType && (l.Digest != e.Digest || l.Size != e.Size || e.Offset != 0):
		return fmt.Errorf("layer %d is not %s", e.Layer, e.Digest)
	case l.MediaType == PackMediaType && (l.Size > maxPack || e.Size < 0 || e.Offset < 0 || e.Offset > l.Size-e.Size):
		return fmt.Errorf("%s does not lie in layer %d", e.Digest, e.Layer)
	}
	return nil
}

// unpack takes entries out of a pack. The pack is read as a whole and verified before anything is taken from it.
func unpack(ctx context.Context, from *registry.Repository, l artifact.Descriptor, entries []entry, sink registry.Sink) error {
	raw, err := from.Blob(ctx, l, maxPack)
	if err != nil {
		return err
	}
	for _, e := range entries {
		d := artifact.Descriptor{MediaType: e.MediaType, Digest: e.Digest, Size: e.Size}
		piece := raw[e.Offset : e.Offset+e.Size]
		if err := registry.PutVerified(ctx, sink, d, func() (io.ReadCloser, error) { return opener(piece)() }); err != nil {
			return diag.Errorf(codeMalformed, "taking %s out of pack %s: %w", e.Digest, l.Digest, err)
		}
	}
	return nil
}
