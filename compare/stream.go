package compare

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
)

// stream is a layer's decompressed bytes. It hashes the blob and the content as they pass; verify tells whether both are
// what manifest and config claim.
type stream struct {
	ctx     context.Context
	layer   Layer
	file    *os.File
	blob    *counter // the compressed side
	content *counter // the decompressed side
	decoder io.Closer
	limit   int64
}

// counter hashes and counts what is read through it; it fails once more than limit bytes came.
type counter struct {
	r     io.Reader
	sum   hash.Hash // nil: only counts
	n     int64
	limit int64
	what  string
	seen  func(bytes int) // may be nil
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if c.sum != nil {
		c.sum.Write(p[:n])
	}
	if c.seen != nil && n > 0 {
		c.seen(n)
	}
	if c.n += int64(n); c.n > c.limit {
		return n, fmt.Errorf("%s is larger than %d bytes", c.what, c.limit)
	}
	return n, err
}

func (c *counter) digest() digest.Digest { return digest.NewDigest(digest.SHA256, c.sum) }

// openStream starts reading layer index of img.
func (i *Image) openStream(ctx context.Context, index int, lim Limits) (*stream, error) {
	if index < 0 || index >= len(i.layers) {
		return nil, fmt.Errorf("no layer %d in an image of %d layers", index, len(i.layers))
	}
	l := i.layers[index]
	f, size, err := openBlob(i.dir, l.Digest)
	if err != nil {
		return nil, err
	}
	if size != l.Size {
		f.Close()
		return nil, fmt.Errorf("blob %s has %d bytes, its descriptor says %d", l.Digest, size, l.Size)
	}
	s := &stream{ctx: ctx, layer: l, file: f}
	s.limit = lim.filled().bytes(size)
	s.blob = &counter{r: f, sum: sha256.New(), limit: size, what: "the blob", seen: i.onRead}
	if err := s.decode(); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *stream) decode() error {
	r := io.Reader(bufio.NewReaderSize(s.blob, 128<<10))
	switch codec(s.layer.MediaType) {
	case codecZstd:
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxZstdWindow))
		if err != nil {
			return fmt.Errorf("starting zstd: %w", err)
		}
		s.decoder, r = z.IOReadCloser(), z
	case codecGzip:
		z, err := gzip.NewReader(r)
		if err != nil {
			return fmt.Errorf("starting gzip: %w", err)
		}
		s.decoder, r = z, z
	case codecTar:
	default:
		return fmt.Errorf("layer has the media type %q, which is no tar, gzip or zstd", s.layer.MediaType)
	}
	s.content = &counter{r: r, sum: sha256.New(), limit: s.limit, what: "the decompressed layer"}
	if s.decoder == nil { // the blob's own hash says it
		s.content.sum = nil
	}
	return nil
}

// How a layer's blob is decoded.
const (
	codecTar  = "tar"
	codecGzip = "gzip"
	codecZstd = "zstd"
)

// codec tells by its media type how a layer is decoded; "" where that is not known. OCI and Docker name the same three differently.
func codec(mediaType string) string {
	switch {
	case strings.HasSuffix(mediaType, "+zstd"), strings.HasSuffix(mediaType, ".tar.zstd"):
		return codecZstd
	case strings.HasSuffix(mediaType, "+gzip"), strings.HasSuffix(mediaType, ".tar.gzip"):
		return codecGzip
	case strings.HasSuffix(mediaType, ".tar"):
		return codecTar
	}
	return ""
}

// Read gives decompressed bytes.
func (s *stream) Read(p []byte) (int, error) {
	return ctxReader{s.ctx, s.content}.Read(p)
}

// ctxReader stops reading when its context is done.
type ctxReader struct {
	ctx context.Context
	r   io.Reader
}

func (c ctxReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// verify reads to the end and checks both digests and the blob's size.
func (s *stream) verify() error {
	if _, err := io.Copy(io.Discard, onlyReader{s}); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, s.blob); err != nil {
		return err
	}
	if got := s.blob.digest(); s.blob.n != s.layer.Size || got != s.layer.Digest {
		return fmt.Errorf("blob %s has the digest %s", s.layer.Digest, got)
	}
	got := s.blob.digest()
	if s.decoder != nil {
		got = s.content.digest()
	}
	if got != s.layer.DiffID {
		return fmt.Errorf("the layer decompresses to %s, the config says %s", got, s.layer.DiffID)
	}
	return nil
}

// onlyReader hides everything but Read, so that io.Copy uses its own buffer.
type onlyReader struct{ io.Reader }

// Close frees what the stream holds; it does not verify.
func (s *stream) Close() error {
	var err error
	if s.decoder != nil {
		err = s.decoder.Close()
	}
	return errors.Join(err, s.file.Close())
}

// checkBlob hashes a layer's blob without decompressing it.
func (i *Image) checkBlob(ctx context.Context, index int) error {
	l := i.layers[index]
	f, size, err := openBlob(i.dir, l.Digest)
	if err != nil {
		return err
	}
	defer f.Close()
	if size != l.Size {
		return fmt.Errorf("blob %s has %d bytes, its descriptor says %d", l.Digest, size, l.Size)
	}
	c := &counter{r: f, sum: sha256.New(), limit: l.Size, what: "the blob", seen: i.onRead}
	if _, err := io.Copy(io.Discard, ctxReader{ctx, c}); err != nil {
		return err
	}
	if got := c.digest(); got != l.Digest {
		return fmt.Errorf("blob %s has the digest %s", l.Digest, got)
	}
	return nil
}

// checkLayer hashes a layer's blob and its content.
func (i *Image) checkLayer(ctx context.Context, index int, lim Limits) error {
	s, err := i.openStream(ctx, index, lim)
	if err != nil {
		return err
	}
	defer s.Close()
	return s.verify()
}

// inLayer names the place of an error; a done context stays a plain error.
func (i *Image) inLayer(index int, err error) error {
	if err == nil {
		return nil
	}
	if index < len(i.layers) {
		index = i.layers[index].Index // its own place, where layers are laid out beside another image's
	}
	err = fmt.Errorf("reading layer %d of `%s`: %w", index+1, i.dir, err)
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return unreadable(err)
}
