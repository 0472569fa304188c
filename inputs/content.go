package inputs

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/pkg/filters"
	"github.com/containerd/errdefs"
	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Content is the store as containerd's content store, for BuildKit's OCI stores. It only reads: a build has no business
// to write or delete here. Each blob is hashed once per process before its first byte is handed out, so a flipped bit is
// ErrCorrupt and not a strange failure inside a build. (containerd's own local store would do for the reading, but it
// checks nothing and logs to stderr when it is opened.)
func (s *Store) Content() content.Store { return readStore{s} }

type readStore struct{ s *Store }

// notFound adds containerd's class to ErrMissing, since its callers look for that.
func notFound(err error) error {
	if errors.Is(err, ErrMissing) || errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%w: %w", err, errdefs.ErrNotFound)
	}
	return err
}

// Info describes a blob.
func (c readStore) Info(_ context.Context, d digest.Digest) (content.Info, error) {
	path, err := c.s.path(d)
	if err != nil {
		return content.Info{}, fmt.Errorf("%w: %w", err, errdefs.ErrInvalidArgument)
	}
	fi, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		err = &BlobError{d, ErrMissing}
	}
	if err != nil {
		return content.Info{}, notFound(err)
	}
	return content.Info{Digest: d, Size: fi.Size(), CreatedAt: fi.ModTime(), UpdatedAt: fi.ModTime()}, nil
}

// ReaderAt verifies the blob, then opens it. The error wraps ErrMissing or ErrCorrupt.
func (c readStore) ReaderAt(_ context.Context, desc ocispec.Descriptor) (content.ReaderAt, error) {
	if err := c.s.verifyOnce(desc.Digest); err != nil {
		return nil, notFound(err)
	}
	r, size, err := c.s.Open(desc.Digest)
	if err != nil {
		return nil, notFound(err)
	}
	return &blobAt{File: r.(*blobReader).f, size: size}, nil
}

// blobAt is an open blob.
type blobAt struct {
	*os.File
	size int64
}

// Size is in bytes.
func (b *blobAt) Size() int64 { return b.size }

// Walk visits the blobs that match any of the filters, the longest unused first.
func (c readStore) Walk(ctx context.Context, fn content.WalkFunc, fs ...string) error {
	filter, err := filters.ParseAll(fs...)
	if err != nil {
		return err
	}
	blobs, err := c.s.list()
	if err != nil {
		return err
	}
	for _, b := range blobs {
		info, err := c.Info(ctx, b.digest)
		if err != nil || !filter.Match(content.AdaptInfo(info)) {
			continue
		}
		if err := fn(info); err != nil {
			return err
		}
	}
	return nil
}

// Status: nothing is ever being written through this view.
func (c readStore) Status(_ context.Context, ref string) (content.Status, error) {
	return content.Status{}, fmt.Errorf("ref %q: %w", ref, errdefs.ErrNotFound)
}

// ListStatuses is empty.
func (c readStore) ListStatuses(context.Context, ...string) ([]content.Status, error) {
	return nil, nil
}

var errReadOnly = fmt.Errorf("the store of sealed inputs is read-only here: %w", errdefs.ErrPermissionDenied)

// Writer refuses.
func (c readStore) Writer(context.Context, ...content.WriterOpt) (content.Writer, error) {
	return nil, errReadOnly
}

// Abort refuses.
func (c readStore) Abort(context.Context, string) error { return errReadOnly }

// Delete refuses.
func (c readStore) Delete(context.Context, digest.Digest) error { return errReadOnly }

// Update refuses: labels would be state that no digest covers.
func (c readStore) Update(context.Context, content.Info, ...string) (content.Info, error) {
	return content.Info{}, errReadOnly
}
