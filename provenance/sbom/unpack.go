package sbom

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/zstd"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/registry/artifact"
)

// maxWindow bounds what one zstd layer may ask for in memory, in bytes; the largest window of the levels in use is 8 MiB.
const maxWindow = 128 << 20

// unpack reads all layers, bottom first, into one view of what was found.
func unpack(ctx context.Context, image Reader, o Options) (*tree, error) {
	desc, raw, err := image.Manifest(ctx, o.Manifest)
	if err != nil {
		return nil, err
	}
	parsed, err := artifact.Parse(desc.MediaType, raw)
	if err != nil {
		return nil, err
	}
	if parsed.Manifest == nil {
		return nil, errors.New("it is an index; each of its platforms has a list of its own")
	}
	if n := len(parsed.Manifest.Layers); n > o.Limits.Layers {
		return nil, fmt.Errorf("%d layers, the limit is %d", n, o.Limits.Layers)
	}
	layers := parsed.Manifest.Layers
	t, known := o.Memory.recall(layers, o)
	for i := known; i < len(layers); i++ {
		if err := readLayer(ctx, image, t, i, layers[i]); err != nil {
			return nil, fmt.Errorf("reading layer %d: %w", i+1, err)
		}
		if err := o.Memory.remember(layers[:i+1], t); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func readLayer(ctx context.Context, image Reader, t *tree, number int, l ocispec.Descriptor) error {
	blob, _, err := image.OpenBlob(l.Digest)
	if err != nil {
		return err
	}
	defer blob.Close()
	// The limit counts what comes out, so that a small layer cannot unpack without end.
	packed := &cancellable{ctx: ctx, r: blob}
	plain, done, err := decompress(packed, l.MediaType)
	if err != nil {
		return err
	}
	defer done()
	archive := tar.NewReader(&counter{r: plain, left: &t.bytesLeft})
	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if err := t.add(number, h, archive); err != nil {
			return err
		}
	}
	// The digest is checked at the very end of the blob, which lies behind the end of the archive.
	_, err = io.Copy(io.Discard, packed)
	return err
}

// decompress goes by the media type alone: what the runtime would do.
func decompress(r io.Reader, mediaType string) (io.Reader, func(), error) {
	switch {
	case strings.HasSuffix(mediaType, "+zstd"):
		d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderMaxMemory(maxWindow))
		if err != nil {
			return nil, nil, err
		}
		return d, d.Close, nil
	case strings.HasSuffix(mediaType, "gzip"): // also Docker's ".tar.gzip"
		d, err := gzip.NewReader(r)
		if err != nil {
			return nil, nil, err
		}
		return d, func() { _ = d.Close() }, nil
	case strings.HasSuffix(mediaType, ".tar"):
		return r, func() {}, nil
	default:
		return nil, nil, fmt.Errorf("media type %q is no layer that can be read", mediaType)
	}
}

// counter fails when more than *left bytes are read.
type counter struct {
	r    io.Reader
	left *int64
}

// Read implements io.Reader.
func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if *c.left -= int64(n); *c.left < 0 {
		return 0, errors.New("the layers unpack to more than the limit")
	}
	return n, err
}

// cancellable ends reading when its context does.
type cancellable struct {
	ctx context.Context //nolint:containedctx // lives as long as one call
	r   io.Reader
}

// Read implements io.Reader.
func (c *cancellable) Read(p []byte) (int, error) {
	if c.ctx.Err() != nil {
		return 0, context.Cause(c.ctx)
	}
	return c.r.Read(p)
}
