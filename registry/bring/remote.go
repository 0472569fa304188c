package bring

import (
	"bytes"
	"context"
	"io"

	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/registry/artifact"
)

func newReader(raw []byte) io.Reader { return bytes.NewReader(raw) }

// remote is an image in a registry.
type remote struct{ found registry.Resolved }

func openRemote(ctx context.Context, ref string, c *registry.Client) (content, error) {
	found, err := c.Resolve(ctx, ref)
	if err != nil {
		return nil, err
	}
	return remote{found}, nil
}

func (r remote) roots() []artifact.Descriptor { return []artifact.Descriptor{r.found.Descriptor} }

func (r remote) manifest(ctx context.Context, d artifact.Descriptor) ([]byte, error) {
	if d.Digest == r.found.Descriptor.Digest {
		return r.found.Raw, nil
	}
	_, raw, err := r.found.Repository.Manifest(ctx, d.Digest)
	return raw, err
}

func (r remote) config(ctx context.Context, d artifact.Descriptor) ([]byte, error) {
	return r.found.Repository.Blob(ctx, d, maxConfig)
}

func (r remote) layer(ctx context.Context, d artifact.Descriptor, to registry.Sink) error {
	return r.found.Repository.CopyBlob(ctx, d, to)
}

// check asks for nothing: the registry can give bytes of this digest, or none.
func (remote) check(context.Context, artifact.Descriptor, func(int)) error { return nil }

// Close implements content.
func (remote) Close() error { return nil }
