package builder

import (
	"context"
	"io"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/inputs"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/recipes"
	"github.com/selfsame-build/selfsame/registry"
)

// push publishes the layout: blobs, manifests, evidence, and the tag last.
func (b *build) push(ctx context.Context, dir string, index digest.Digest) (string, error) {
	// The seal is there before the tag is: whoever finds the image finds what it was made from.
	before := func(ctx context.Context, p registry.Pushed) error { return b.pushSeal(ctx, p.Descriptor) }
	pushed, err := b.host.Registry.Push(ctx, dir, index, b.opt.Push, before)
	if err != nil {
		return "", err
	}
	return pushed.Repository.Name() + "@" + pushed.Descriptor.Digest.String(), nil
}

// PushDefault as Options.Push means the recipe's output.image.
const PushDefault = "-"

// destinations settles where image and seal go, before anything is built.
func (o *Options) destinations(r *recipes.Recipe) error {
	if o.Push == PushDefault {
		if o.Push = r.Output.Image; o.Push == "" {
			return diag.Errorf("A0316", "`--push` needs a repository").WithAt(r.Where("output.image")).
				WithWhy("the recipe has no `output.image`").WithHelp("add `output: {image: REGISTRY/NAME}` to the recipe, or use --push=REGISTRY/NAME")
		}
	}
	switch o.Seal {
	case "", "none":
		o.Seal = ""
	case "same":
		if o.Seal = repositoryOf(o.Push); o.Seal == "" {
			return diag.Errorf("A0316", "`--seal same` needs `--push`").WithWhy("it means the repository that the image is pushed to").
				WithHelp("use --push, or name a repository: --seal=REGISTRY/NAME")
		}
	default:
		return registry.CheckReference(o.Seal)
	}
	return nil
}

// sink lets the registry put content into the store.
type sink struct{ *inputs.Store }

// Put stores content and names it.
func (s sink) Put(ctx context.Context, r io.Reader, limit int64) (digest.Digest, error) {
	b, err := s.Store.Put(ctx, r, limit)
	return b.Digest, err
}
