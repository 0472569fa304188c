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

// Pushed is an image in a registry, read back.
type Pushed struct {
	Repository *Repository
	Descriptor artifact.Descriptor   // of the index (or single manifest)
	Manifests  []artifact.Descriptor // the platform manifests in it
	Tag        string                // written; empty for a reference by digest
}

// Pinned is repository@sha256:...
func (p Pushed) Pinned() string { return p.Repository.Name() + "@" + p.Descriptor.Digest.String() }

// BeforeTag is called when the image is in the registry under its digest, and no tag leads to it yet: the place to attach
// evidence. Its error ends the push without a tag.
type BeforeTag func(ctx context.Context, p Pushed) error

// Push sends the image with the given digest from an OCI layout to ref, byte for byte, with the evidence that the layout holds
// about it: blobs in parallel (those that the registry has are skipped), then manifests, which are read back and compared,
// then the referrers, then before (may be nil), and the tag last. A reference without tag and digest means the tag "latest";
// one with a digest must name the image's own and writes no tag. When the context ends, no tag was written.
func (c *Client) Push(ctx context.Context, layoutDir string, image digest.Digest, ref string, before BeforeTag) (Pushed, error) {
	t, err := c.parse(ref)
	if err != nil {
		return Pushed{}, err
	}
	doing := fmt.Sprintf("pushing %s to `%s`", image, ref)
	if t.digest != "" && t.digest != image.String() {
		return Pushed{}, diag.Errorf(codeReference, "%s: the reference names another digest", doing)
	}
	from, err := layout.Open(layoutDir)
	if err != nil {
		return Pushed{}, err
	}
	tree, err := readTree(ctx, from, image)
	if err != nil {
		return Pushed{}, fmt.Errorf("%s: %w", doing, err)
	}
	p := Pushed{Repository: t.repo, Descriptor: tree.nodes[len(tree.nodes)-1].desc, Tag: t.tag, Manifests: tree.platforms()}
	if err := t.repo.pushTree(ctx, tree); err != nil {
		return Pushed{}, t.repo.explain(ctx, doing, err)
	}
	if err := t.repo.carryReferrers(ctx, from, tree); err != nil {
		return Pushed{}, t.repo.explain(ctx, doing, err)
	}
	if before != nil {
		if err := before(ctx, p); err != nil {
			return Pushed{}, err
		}
	}
	if t.tag != "" {
		if err := t.repo.tag(ctx, t.tag, tree.nodes[len(tree.nodes)-1]); err != nil {
			return Pushed{}, t.repo.explain(ctx, doing, err)
		}
	}
	return p, nil
}

// node is one manifest or index with its bytes.
type node struct {
	desc   artifact.Descriptor
	raw    []byte
	parsed artifact.Parsed
}

// tree is an image: its manifests, children before parents, and all their blobs.
type tree struct {
	nodes []node
	blobs []content
}

func (t tree) platforms() []artifact.Descriptor {
	var ds []artifact.Descriptor
	for _, n := range t.nodes {
		if n.parsed.Manifest != nil {
			ds = append(ds, n.desc)
		}
	}
	return ds
}

const (
	maxNodes = 256 // manifests of one image
	maxNest  = 3   // indexes in indexes
)

// readTree reads all manifests of an image and checks that every blob is there, before anything is sent.
func readTree(ctx context.Context, from *layout.Layout, image digest.Digest) (tree, error) {
	var t tree
	seen := map[digest.Digest]bool{}
	var walk func(d artifact.Descriptor, depth int) error
	walk = func(d artifact.Descriptor, depth int) error {
		if seen[d.Digest] {
			return nil
		}
		seen[d.Digest] = true
		if depth > maxNest || len(t.nodes) >= maxNodes {
			return diag.Errorf(codeMalformed, "%s has more than %d manifests, or indexes nested deeper than %d", image, maxNodes, maxNest)
		}
		desc, raw, err := from.Manifest(ctx, d.Digest)
		if err != nil {
			return err
		}
		if d.MediaType != "" {
			desc.MediaType, desc.Platform = d.MediaType, d.Platform
		}
		parsed, err := artifact.Parse(desc.MediaType, raw)
		if err != nil {
			return diag.Errorf(codeMalformed, "reading manifest %s: %w", d.Digest, err)
		}
		for _, child := range parsed.Children() {
			if parsed.Index != nil {
				if err := walk(child, depth+1); err != nil {
					return err
				}
			} else if !seen[child.Digest] {
				seen[child.Digest] = true
				if err := t.addBlob(from, child); err != nil {
					return err
				}
			}
		}
		t.nodes = append(t.nodes, node{desc, raw, parsed})
		return nil
	}
	err := walk(artifact.Descriptor{Digest: image}, 0)
	return t, err
}

func (t *tree) addBlob(from *layout.Layout, d artifact.Descriptor) error {
	f, size, err := from.OpenBlob(d.Digest)
	if err != nil {
		return err
	}
	f.Close()
	if size != d.Size {
		return diag.Errorf(codeMismatch, "blob %s has %d bytes, its manifest says %d", d.Digest, size, d.Size)
	}
	t.blobs = append(t.blobs, content{desc: d, open: func() (io.ReadCloser, error) {
		f, _, err := from.OpenBlob(d.Digest)
		return f, err
	}})
	return nil
}

// pushTree sends blobs, then manifests, and reads the manifests back.
func (r *Repository) pushTree(ctx context.Context, t tree) error {
	if err := r.pushAll(ctx, t.blobs); err != nil {
		return err
	}
	for _, n := range t.nodes {
		if _, err := r.putManifest(ctx, n.desc.Digest.String(), n.desc.MediaType, n.raw); err != nil {
			return err
		}
	}
	for _, n := range t.nodes {
		if err := r.readBack(ctx, n.desc.Digest.String(), n); err != nil {
			return err
		}
	}
	return nil
}

// pushAll pushes blobs in parallel; the first failure ends the others.
func (r *Repository) pushAll(ctx context.Context, blobs []content) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(r.client.opts.Jobs)
	for _, b := range blobs {
		group.Go(func() error { return r.pushBlob(ctx, b.desc, b.open) })
	}
	return group.Wait()
}

// readBack demands that item leads to the very bytes of n.
func (r *Repository) readBack(ctx context.Context, item string, n node) error {
	got, _, err := r.getManifest(ctx, item)
	if err != nil {
		return err
	}
	if got.Digest != n.desc.Digest {
		return &artifact.MismatchError{Want: n.desc, Reason: fmt.Sprintf("read back, %s gives %s", item, got.Digest)}
	}
	return nil
}

func (r *Repository) tag(ctx context.Context, tag string, n node) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	if _, err := r.putManifest(ctx, tag, n.desc.MediaType, n.raw); err != nil {
		return err
	}
	return r.readBack(ctx, tag, n)
}

// carryReferrers attaches what the layout holds about the image and its platform manifests.
func (r *Repository) carryReferrers(ctx context.Context, from *layout.Layout, t tree) error {
	for _, n := range t.nodes {
		found, err := from.Referrers(ctx, n.desc.Digest, artifact.Budget{})
		if err != nil {
			return err
		}
		if len(found.Rejected) != 0 {
			return diag.Errorf(codeMalformed, "the layout lists %s: %s", found.Rejected[0].Descriptor.Digest, found.Rejected[0].Reason)
		}
		var carried []referrer
		for _, f := range found.Referrers {
			evidence, err := readTree(ctx, from, f.Descriptor.Digest)
			if err != nil {
				return err
			}
			last := evidence.nodes[len(evidence.nodes)-1]
			carried = append(carried, referrer{desc: f.Descriptor, raw: last.raw, blobs: evidence.blobs})
		}
		if err := r.attach(ctx, n.desc.Digest, carried); err != nil {
			return err
		}
	}
	return nil
}
