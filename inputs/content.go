package inputs

import (
	"context"
	"errors"
	"fmt"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/containerd/errdefs"
	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Content is the store as containerd's content store, for BuildKit's OCI stores. It only reads: a build has no business
// to write or delete here. Each blob is hashed once per process before its first byte is handed out, so a flipped bit is
// ErrCorrupt and not a strange failure inside a build.
func (s *Store) Content() (content.Store, error) {
	inner, err := local.NewStore(s.dir)
	if err != nil {
		return nil, fmt.Errorf("opening the store for BuildKit: %w", err)
	}
	return &readStore{Store: inner, s: s}, nil
}

// readStore embeds containerd's local store for Info, Walk and Status, checks what is read and refuses to write.
type readStore struct {
	content.Store
	s *Store
}

// ReaderAt verifies the blob, then opens it. The error wraps ErrMissing or ErrCorrupt, and containerd's not-found class
// with the former, since its callers look for that.
func (c *readStore) ReaderAt(ctx context.Context, desc ocispec.Descriptor) (content.ReaderAt, error) {
	if err := c.s.verifyOnce(desc.Digest); err != nil {
		if errors.Is(err, ErrMissing) {
			return nil, fmt.Errorf("%w: %w", err, errdefs.ErrNotFound)
		}
		return nil, err
	}
	if path, err := c.s.path(desc.Digest); err == nil {
		touch(path)
	}
	return c.Store.ReaderAt(ctx, desc)
}

var errReadOnly = fmt.Errorf("the store of sealed inputs is read-only here: %w", errdefs.ErrPermissionDenied)

// Writer refuses.
func (c *readStore) Writer(context.Context, ...content.WriterOpt) (content.Writer, error) {
	return nil, errReadOnly
}

// Abort refuses.
func (c *readStore) Abort(context.Context, string) error { return errReadOnly }

// Delete refuses.
func (c *readStore) Delete(context.Context, digest.Digest) error { return errReadOnly }

// Update refuses: labels would be state that no digest covers.
func (c *readStore) Update(context.Context, content.Info, ...string) (content.Info, error) {
	return content.Info{}, errReadOnly
}
