package layout

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/registry/artifact"
)

// PutBlob stores a blob whose bytes must be what d names; a *artifact.MismatchError otherwise, with nothing stored.
func (l *Layout) PutBlob(ctx context.Context, d artifact.Descriptor, r io.Reader) error {
	if err := artifact.CheckDigest(d.Digest); err != nil {
		return fmt.Errorf("storing a blob: %w", err)
	}
	if l.Has(d.Digest) {
		return nil
	}
	_, err := l.PutAny(ctx, artifact.Verified(r, d), d.Size)
	return err
}

// PutAny stores what r gives, at most limit bytes, under the digest of its bytes.
func (l *Layout) PutAny(ctx context.Context, r io.Reader, limit int64) (digest.Digest, error) {
	f, err := os.CreateTemp(filepath.Join(l.dir, v1.ImageBlobsDir), "put-")
	if err != nil {
		return "", fmt.Errorf("storing a blob: %w", err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	hash := digest.SHA256.Digester()
	n, err := io.Copy(io.MultiWriter(f, hash.Hash()), io.LimitReader(&cancelled{ctx, r}, limit+1))
	if err == nil && n > limit {
		err = fmt.Errorf("more than %d bytes", limit)
	}
	if err == nil {
		err = f.Chmod(0o644)
	}
	if err == nil {
		err = f.Close()
	}
	if err == nil {
		err = os.MkdirAll(filepath.Dir(l.path(hash.Digest())), 0o755)
	}
	if err == nil {
		err = os.Rename(f.Name(), l.path(hash.Digest()))
	}
	if err != nil {
		return "", fmt.Errorf("storing a blob: %w", err)
	}
	return hash.Digest(), nil
}

// Add stores a manifest or index and lists it in index.json, in the place of an entry with the same digest if there is one.
// desc gives the media type, and what else the entry is to say (platform, annotations).
func (l *Layout) Add(ctx context.Context, desc artifact.Descriptor, raw []byte) error {
	desc.Digest, desc.Size = digest.FromBytes(raw), int64(len(raw))
	if err := l.putBytes(ctx, desc, raw); err != nil {
		return err
	}
	return l.list(desc)
}

func (l *Layout) putBytes(ctx context.Context, d artifact.Descriptor, raw []byte) error {
	return l.PutBlob(ctx, d, bytes.NewReader(raw))
}

// list puts entries into index.json, under a lock that other processes honour too.
func (l *Layout) list(entries ...artifact.Descriptor) error {
	unlock, err := l.lock()
	if err != nil {
		return fmt.Errorf("locking the image layout: %w", err)
	}
	defer unlock()
	index, err := l.Index()
	if err != nil {
		return err
	}
	for _, d := range entries {
		index.Manifests = upsert(index.Manifests, d)
	}
	return l.writeIndex(index)
}

func upsert(list []artifact.Descriptor, d artifact.Descriptor) []artifact.Descriptor {
	for i := range list {
		if list[i].Digest == d.Digest {
			list[i] = d
			return list
		}
	}
	return append(list, d)
}

func (l *Layout) writeIndex(index v1.Index) error {
	raw, err := json.Marshal(emptyIndex(index))
	if err != nil {
		return fmt.Errorf("writing the index of `%s`: %w", l.dir, err)
	}
	if err := l.replace(v1.ImageIndexFile, raw); err != nil {
		return fmt.Errorf("writing the index of `%s`: %w", l.dir, err)
	}
	return nil
}

// replace writes a file by rename, so that a reader sees the old or the new one.
func (l *Layout) replace(name string, raw []byte) error {
	f, err := os.CreateTemp(l.dir, name+"-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if _, err := f.Write(raw); err != nil {
		return err
	}
	if err := f.Chmod(0o644); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), filepath.Join(l.dir, name))
}

// lock takes the layout's one lock: flock on the oci-layout file, which is never replaced.
func (l *Layout) lock() (unlock func(), err error) {
	f, err := os.Open(filepath.Join(l.dir, v1.ImageLayoutFile))
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		f.Close()
		return nil, err
	}
	return func() { f.Close() }, nil
}

// cancelled stops a copy when the context ends.
type cancelled struct {
	ctx context.Context
	r   io.Reader
}

// Read implements io.Reader.
func (c *cancelled) Read(p []byte) (int, error) {
	if c.ctx.Err() != nil {
		return 0, context.Cause(c.ctx)
	}
	return c.r.Read(p)
}
