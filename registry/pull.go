package registry

import (
	"context"
	"fmt"
	"io"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sync/errgroup"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/registry/layout"
)

// Bounds of one pulled image.
const (
	maxBlob  = 64 << 30  // bytes of one layer
	maxImage = 256 << 30 // bytes of all
)

// Sink takes content by digest. It is called from several goroutines.
type Sink interface {
	// Has says whether the content is there already.
	Has(d digest.Digest) bool
	// Put stores what r gives, at most limit bytes, and returns its digest. r fails at the end when the bytes are not those
	// that were asked for; nothing may be kept then.
	Put(ctx context.Context, r io.Reader, limit int64) (digest.Digest, error)
}

// Pulled is an image in a layout.
type Pulled struct {
	Resolved
	// Rejected are referrers that were listed and are not what the listing says, or of a kind that is not copied (an index
	// with a subject). Anyone who may push can make such, so they do not stop a pull.
	Rejected []artifact.Rejected
}

// Pull copies the image that ref leads to, all platforms, into an OCI layout (made when it is not there), verified on arrival,
// with the evidence about it, and lists it in the layout's index.
func (c *Client) Pull(ctx context.Context, ref, layoutDir string) (Pulled, error) {
	found, err := c.Resolve(ctx, ref)
	if err != nil {
		return Pulled{}, err
	}
	to, err := layout.Create(layoutDir)
	if err != nil {
		return Pulled{}, err
	}
	nodes, err := found.Repository.copyImage(ctx, found, nil, layoutSink{to})
	if err != nil {
		return Pulled{}, found.Repository.explain(ctx, fmt.Sprintf("pulling `%s`", ref), err)
	}
	if err := to.Add(ctx, found.Descriptor, found.Raw); err != nil {
		return Pulled{}, err
	}
	pulled := Pulled{Resolved: found}
	for _, n := range nodes {
		rejected, err := found.Repository.pullReferrers(ctx, n.desc.Digest, to)
		if err != nil {
			return Pulled{}, err
		}
		pulled.Rejected = append(pulled.Rejected, rejected...)
	}
	return pulled, nil
}

// pullReferrers copies the evidence about one manifest into a layout.
func (r *Repository) pullReferrers(ctx context.Context, subject digest.Digest, to *layout.Layout) ([]artifact.Rejected, error) {
	listing, err := r.Referrers(ctx, subject, artifact.Budget{})
	if err != nil {
		return nil, err
	}
	doing := fmt.Sprintf("pulling the referrers of %s", subject)
	for _, f := range listing.Referrers {
		desc, raw, err := r.Manifest(ctx, f.Descriptor.Digest)
		if err != nil {
			return nil, err
		}
		parsed, err := artifact.Parse(desc.MediaType, raw)
		if err != nil || parsed.Manifest == nil {
			listing.Rejected = append(listing.Rejected, artifact.Rejected{Descriptor: f.Descriptor, Reason: "no artifact manifest"})
			continue
		}
		if err := r.copyBlobs(ctx, parsed.Children(), layoutSink{to}); err != nil {
			return nil, r.explain(ctx, doing, err)
		}
		if err := to.Add(ctx, f.Descriptor, raw); err != nil {
			return nil, err
		}
	}
	return listing.Rejected, nil
}

// CopyTo copies the image that ref leads to into sink: manifests, configs and layers, of all platforms or, with platform (as in
// "linux/arm64"), of that one and the index above it. The result says what the reference meant.
func (c *Client) CopyTo(ctx context.Context, ref, platform string, sink Sink) (Resolved, error) {
	found, err := c.Resolve(ctx, ref)
	if err != nil {
		return Resolved{}, err
	}
	var only *artifact.Descriptor
	if platform != "" {
		desc, err := found.platform(platform)
		if err != nil {
			return Resolved{}, err
		}
		only = &desc
	}
	_, err = found.Repository.copyImage(ctx, found, only, sink)
	return found, found.Repository.explain(ctx, fmt.Sprintf("copying `%s`", ref), err)
}

// copyImage copies found and everything below it, or below it only the manifest only.
func (r *Repository) copyImage(ctx context.Context, found Resolved, only *artifact.Descriptor, sink Sink) ([]node, error) {
	nodes := []node{{found.Descriptor, found.Raw, found.Parsed}}
	var blobs []artifact.Descriptor
	var total int64
	for i := 0; i < len(nodes); i++ {
		if nodes[i].parsed.Manifest != nil {
			blobs = append(blobs, nodes[i].parsed.Children()...)
			continue
		}
		for _, child := range nodes[i].parsed.Children() {
			if only != nil && child.Digest != only.Digest {
				continue
			}
			if len(nodes) >= maxNodes {
				return nil, diag.Errorf(codeMalformed, "more than %d manifests in one image", maxNodes)
			}
			n, err := r.node(ctx, child)
			if err != nil {
				return nil, err
			}
			nodes = append(nodes, n)
		}
	}
	for _, b := range blobs {
		if total += b.Size; b.Size > maxBlob || total > maxImage {
			return nil, diag.Errorf(codeMalformed, "an image of more than %d bytes, or a layer of more than %d", int64(maxImage), int64(maxBlob))
		}
	}
	if err := r.copyBlobs(ctx, blobs, sink); err != nil {
		return nil, err
	}
	for _, n := range nodes {
		if err := put(ctx, sink, n.desc, bytesOpener(n.raw)); err != nil {
			return nil, err
		}
	}
	return nodes, nil
}

func (r *Repository) node(ctx context.Context, d artifact.Descriptor) (node, error) {
	desc, raw, err := r.Manifest(ctx, d.Digest)
	if err != nil {
		return node{}, err
	}
	if desc.Size != d.Size {
		return node{}, &artifact.MismatchError{Want: d, Reason: fmt.Sprintf("%d bytes, the index says %d", desc.Size, d.Size)}
	}
	parsed, err := artifact.Parse(d.MediaType, raw)
	if err != nil {
		return node{}, diag.Errorf(codeMalformed, "reading manifest %s: %w", d.Digest, err)
	}
	return node{d, raw, parsed}, nil
}

// copyBlobs downloads blobs in parallel, each digest once.
func (r *Repository) copyBlobs(ctx context.Context, blobs []artifact.Descriptor, sink Sink) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(r.client.opts.Jobs)
	seen := map[digest.Digest]bool{}
	for _, b := range blobs {
		if !seen[b.Digest] {
			seen[b.Digest] = true
			group.Go(func() error { return r.copyBlob(ctx, b, sink) })
		}
	}
	return group.Wait()
}

// copyBlob downloads one blob; a transfer that breaks off is started over, three times in all.
func (r *Repository) copyBlob(ctx context.Context, b artifact.Descriptor, sink Sink) error {
	ctx, cancel := context.WithTimeoutCause(ctx, blobTimeout(b.Size), fmt.Errorf("%w: slower than %d bytes a second", errStalled, minRate))
	defer cancel()
	progress := Progress{Digest: b.Digest.String(), Total: b.Size}
	if sink.Has(b.Digest) {
		progress.Done, progress.State = b.Size, "exists"
		r.client.report(progress)
		return nil
	}
	progress.State = "start"
	r.client.report(progress)
	var err error
	for range 3 {
		err = put(ctx, sink, b, func() (io.ReadCloser, error) {
			body, err := r.openBlob(ctx, b)
			if err != nil {
				return nil, err
			}
			progress.State = "moving"
			return struct {
				io.Reader
				io.Closer
			}{&counted{r: body, client: r.client, progress: progress}, body}, nil
		})
		if err == nil || !lostConnection(err) || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		return because(ctx, err)
	}
	progress.Done, progress.State = b.Size, "done"
	r.client.report(progress)
	return nil
}

// CopyBlob downloads one blob into sink, verified. What is there already is not asked for.
func (r *Repository) CopyBlob(ctx context.Context, b artifact.Descriptor, sink Sink) error {
	doing := fmt.Sprintf("copying blob %s of %s", b.Digest, r.Name())
	if err := artifact.CheckDescriptor(b); err != nil {
		return diag.Errorf(codeMalformed, "%s: %w", doing, err)
	}
	return r.explain(ctx, doing, r.copyBlob(ctx, b, sink))
}

// CopyBlobs downloads blobs into sink, verified, as many at one time as the client may. It ends at the first that fails; sink has those that were
// whole by then.
func (r *Repository) CopyBlobs(ctx context.Context, blobs []artifact.Descriptor, sink Sink) error {
	doing := fmt.Sprintf("copying %d blobs of %s", len(blobs), r.Name())
	for _, b := range blobs {
		if err := artifact.CheckDescriptor(b); err != nil {
			return diag.Errorf(codeMalformed, "%s: %w", doing, err)
		}
	}
	return r.explain(ctx, doing, r.copyBlobs(ctx, blobs, sink))
}

// PutVerified stores in sink what open gives, which must be what d names: otherwise a *artifact.MismatchError.
func PutVerified(ctx context.Context, sink Sink, d artifact.Descriptor, open func() (io.ReadCloser, error)) error {
	return put(ctx, sink, d, open)
}

// put stores content in sink, verified.
func put(ctx context.Context, sink Sink, d artifact.Descriptor, open opener) error {
	if sink.Has(d.Digest) {
		return nil
	}
	r, err := open()
	if err != nil {
		return err
	}
	defer r.Close()
	got, err := sink.Put(ctx, artifact.Verified(r, d), d.Size)
	if err != nil {
		return err
	}
	if got != d.Digest {
		return &artifact.MismatchError{Want: d, Reason: fmt.Sprintf("stored as %s", got)}
	}
	return nil
}

// layoutSink stores into a layout.
type layoutSink struct{ *layout.Layout }

// Put implements Sink.
func (s layoutSink) Put(ctx context.Context, r io.Reader, limit int64) (digest.Digest, error) {
	return s.PutAny(ctx, r, limit)
}
