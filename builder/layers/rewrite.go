package layers

import (
	"archive/tar"
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/moby/buildkit/util/compression"
	"github.com/moby/buildkit/util/converter/tarconverter"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Shared is what the builders of one build have made so far, by content. The content is each builder's own; only its encoding is
// shared.
type Shared struct {
	mu    sync.Mutex
	made  map[digest.Digest]madeLayer // by content
	blobs map[digest.Digest]string    // layers of the base: where they are
}

type madeLayer struct {
	Layer
	path string
}

// NewShared is for one build.
func NewShared() *Shared {
	return &Shared{made: map[digest.Digest]madeLayer{}, blobs: map[digest.Digest]string{}}
}

func (s *Shared) find(diffID digest.Digest) (madeLayer, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, ok := s.made[diffID]
	return l, ok
}

func (s *Shared) add(l Layer, path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.made[l.DiffID]; !ok {
		s.made[l.DiffID] = madeLayer{l, path}
	}
}

func (s *Shared) findBlob(d digest.Digest) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	path, ok := s.blobs[d]
	return path, ok
}

func (s *Shared) addBlob(d digest.Digest, path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.blobs[d] = path
}

func (s *Shared) any() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.made) > 0
}

// layer rewrites one exported layer, unless that was done before.
func (e *Export) layer(ctx context.Context, d ocispec.Descriptor) (Layer, error) {
	if l, ok := e.known[d.Digest]; ok {
		e.old = append(e.old, l.DiffID)
		e.shared.add(l, e.path(l.Digest))
		return l, nil
	}
	if l, ok := e.done[d.Digest]; ok { // two steps may make one layer, such as an empty one
		return l, nil
	}
	l, err := e.rewrite(ctx, d)
	if err != nil {
		return Layer{}, err
	}
	if l.Digest != d.Digest {
		_ = os.Remove(e.path(d.Digest))
	}
	e.done[d.Digest] = l
	e.shared.add(l, e.path(l.Digest))
	return l, e.cache.keep(d.Digest, e.settings, l, e.path(l.Digest))
}

// rewrite finds out what the layer is when rewritten. If the other builder has made the same content, its blob serves.
func (e *Export) rewrite(ctx context.Context, d ocispec.Descriptor) (Layer, error) {
	if e.shared.any() {
		diffID, err := e.content(ctx, d, io.Discard)
		if err != nil {
			return Layer{}, err
		}
		if have, ok := e.shared.find(diffID); ok {
			// Where that blob's folder is no more (a builder was repeated, a result was taken away), it is encoded again.
			if err := link(have.path, e.path(have.Digest)); !errors.Is(err, fs.ErrNotExist) {
				return have.Layer, err
			}
		}
	}
	f, err := os.CreateTemp(blobs(e.dir), ".layer-")
	if err != nil {
		return Layer{}, fmt.Errorf("writing a layer: %w", err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	l := Layer{MediaType: e.kind.MediaType()}
	blob := &sink{w: bufio.NewWriterSize(f, 256<<10), digest: digest.Canonical.Digester()}
	if l.DiffID, err = e.encode(ctx, d, blob); err != nil {
		return Layer{}, err
	}
	l.Digest, l.Size = blob.digest.Digest(), blob.size
	if err := errors.Join(blob.w.Flush(), f.Chmod(0o644), f.Close()); err != nil {
		return Layer{}, fmt.Errorf("writing a layer: %w", err)
	}
	return l, os.Rename(f.Name(), e.path(l.Digest))
}

// encode writes the rewritten layer, compressed.
func (e *Export) encode(ctx context.Context, d ocispec.Descriptor, w io.Writer) (digest.Digest, error) {
	compress, _ := e.kind.Compress(ctx, compression.New(e.kind))
	zw, err := compress(nopCloser{w}, e.kind.MediaType())
	if err != nil {
		return "", fmt.Errorf("starting the encoder: %w", err)
	}
	diffID, err := e.content(ctx, d, zw)
	return diffID, errors.Join(err, zw.Close())
}

// content writes the rewritten layer, uncompressed, and names it.
func (e *Export) content(ctx context.Context, d ocispec.Descriptor, w io.Writer) (digest.Digest, error) {
	raw, err := e.open(d)
	if err != nil {
		return "", fmt.Errorf("reading the exported layer: %w", err)
	}
	defer raw.Close()
	rewritten := tarconverter.NewReader(&cancellable{ctx, raw}, clamp(e.settings.Epoch))
	defer rewritten.Close()
	sum := digest.Canonical.Digester()
	if _, err := io.CopyBuffer(io.MultiWriter(sum.Hash(), w), struct{ io.Reader }{rewritten}, make([]byte, 256<<10)); err != nil {
		return "", err
	}
	return sum.Digest(), nil
}

// open reads an exported layer. Nearly every one is uncompressed; one that was merged in from an image may not be.
func (e *Export) open(d ocispec.Descriptor) (io.ReadCloser, error) {
	kind, err := compression.FromMediaType(d.MediaType)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(e.path(d.Digest))
	if err != nil {
		return nil, err
	}
	switch kind {
	case compression.Uncompressed:
		return f, nil
	case compression.Zstd:
		z, err := zstd.NewReader(f, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		return decoder{z.IOReadCloser(), f}, nil
	case compression.Gzip:
		z, err := gzip.NewReader(f)
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		return decoder{z, f}, nil
	default:
		return nil, errors.Join(fmt.Errorf("a layer of type %s cannot be rewritten", d.MediaType), f.Close())
	}
}

// maxWindow bounds what a zstd layer may ask for in memory, in bytes.
const maxWindow = 128 << 20

// decoder closes the file below it too.
type decoder struct {
	io.ReadCloser
	f *os.File
}

// Close closes both.
func (d decoder) Close() error { return errors.Join(d.ReadCloser.Close(), d.f.Close()) }

// clamp lets no time be later than the epoch; earlier ones stay (BuildKit: util/converter rewriteTimestampInTarHeader).
func clamp(epoch time.Time) tarconverter.HeaderConverter {
	return func(h *tar.Header) {
		for _, t := range []*time.Time{&h.ModTime, &h.AccessTime, &h.ChangeTime} {
			if t.After(epoch) {
				*t = epoch
			}
		}
	}
}

// sink counts and names what is written.
type sink struct {
	w      *bufio.Writer
	digest digest.Digester
	size   int64
}

// Write implements io.Writer.
func (s *sink) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	s.size += int64(n)
	_, _ = s.digest.Hash().Write(p[:n]) // a hash does not fail
	return n, err
}

type nopCloser struct{ io.Writer }

// Close does nothing.
func (nopCloser) Close() error { return nil }

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

// link makes the blob at from appear at to as well, without copying where the filesystem allows it.
func link(from, to string) error {
	err := os.Link(from, to)
	if err == nil || errors.Is(err, os.ErrExist) {
		return nil
	}
	src, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("reading a layer: %w", err)
	}
	defer src.Close()
	dst, err := os.CreateTemp(filepath.Dir(to), ".layer-")
	if err != nil {
		return fmt.Errorf("writing a layer: %w", err)
	}
	defer os.Remove(dst.Name())
	_, err = io.Copy(dst, src)
	if err := errors.Join(err, dst.Chmod(0o644), dst.Close()); err != nil {
		return fmt.Errorf("writing a layer: %w", err)
	}
	return os.Rename(dst.Name(), to)
}
