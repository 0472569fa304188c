package builder

import (
	"context"
	"io"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/inputs"
	"github.com/selfsame-build/selfsame/registry"
)

// push publishes the layout: blobs, manifests, evidence, and the tag last.
func (b *build) push(ctx context.Context, dir string, index digest.Digest) (string, error) {
	to := b.opt.Push
	if to == "-" {
		to = b.project.recipe.Output.Image
	}
	// The seal is there before the tag is: whoever finds the image finds what it was made from.
	before := func(ctx context.Context, p registry.Pushed) error { return b.pushSeal(ctx, p.Descriptor) }
	pushed, err := b.host.Registry.Push(ctx, dir, index, to, before)
	if err != nil {
		return "", err
	}
	return pushed.Repository.Name() + "@" + pushed.Descriptor.Digest.String(), nil
}

// sink lets the registry put content into the store.
type sink struct{ *inputs.Store }

// Put stores content and names it.
func (s sink) Put(ctx context.Context, r io.Reader, limit int64) (digest.Digest, error) {
	b, err := s.Store.Put(ctx, r, limit)
	return b.Digest, err
}
