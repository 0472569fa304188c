package bring

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/selfsame-build/selfsame/compare"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/registry/layout"
)

// Bounds of one image.
const (
	maxNodes  = 256 // manifests and indexes
	maxDepth  = 3   // of indexes in indexes
	maxConfig = 8 << 20
	maxLayers = 1024
	maxBlob   = 64 << 30  // bytes of one layer
	maxImage  = 256 << 30 // bytes of all that is fetched
	jobs      = 4         // blobs at one time
)

// gather brings manifests and configs into a layout.
func gather(ctx context.Context, i *Image, o Options) (*Image, error) {
	i.Brought, i.layers = true, map[digest.Digest]artifact.Descriptor{}
	i.Layout = filepath.Join(o.Dir, "layout")
	err := func() (err error) {
		if i.to, err = layout.Create(i.Layout); err != nil {
			return err
		}
		g := gatherer{i: i, platforms: o.Platforms, seen: map[digest.Digest]bool{}}
		list := i.from.roots()
		if at := slices.IndexFunc(list, func(d artifact.Descriptor) bool { return d.Digest == i.Root }); at >= 0 {
			list = list[at : at+1]
		}
		for _, d := range list {
			raw, err := g.node(ctx, d, 0)
			if err != nil {
				return err
			}
			if err := i.to.Add(ctx, d, raw); err != nil {
				return err
			}
		}
		return nil
	}()
	if err != nil {
		return nil, errors.Join(named(ctx, i.Name, err), i.from.Close())
	}
	return i, nil
}

type gatherer struct {
	i         *Image
	platforms []string
	seen      map[digest.Digest]bool
}

// node stores a manifest or index and what is below it, but for layers.
func (g *gatherer) node(ctx context.Context, d artifact.Descriptor, depth int) ([]byte, error) {
	raw, err := g.i.from.manifest(ctx, d)
	if err != nil || g.seen[d.Digest] {
		return raw, err
	}
	if g.seen[d.Digest] = true; len(g.seen) > maxNodes || depth > maxDepth {
		return nil, fmt.Errorf("more than %d manifests, or indexes nested deeper than %d", maxNodes, maxDepth)
	}
	parsed, err := artifact.Parse(d.MediaType, raw)
	if err != nil {
		return nil, fmt.Errorf("manifest %s: %w", d.Digest, err)
	}
	if err := g.i.put(ctx, d, raw); err != nil {
		return nil, err
	}
	if parsed.Manifest != nil {
		return raw, g.manifest(ctx, *parsed.Manifest)
	}
	for _, c := range parsed.Index.Manifests {
		if !g.wanted(c) {
			continue
		}
		if _, err := g.node(ctx, c, depth+1); err != nil {
			return nil, err
		}
	}
	return raw, nil
}

// wanted says whether an entry of an index is an image, and one that was asked for; compare.List judges alike.
func (g *gatherer) wanted(d artifact.Descriptor) bool {
	if compare.IsAttestation(d) || d.ArtifactType != "" {
		return false
	}
	return len(g.platforms) == 0 || d.Platform == nil || compare.MatchPlatform(g.platforms, compare.DescriptorPlatform(d))
}

func (g *gatherer) manifest(ctx context.Context, m v1.Manifest) error {
	raw, err := g.i.from.config(ctx, m.Config)
	if err != nil {
		return fmt.Errorf("reading the config: %w", err)
	}
	if len(m.Layers) > maxLayers {
		return fmt.Errorf("%d layers, more than %d", len(m.Layers), maxLayers)
	}
	for _, l := range m.Layers {
		if l.Size > maxBlob {
			return fmt.Errorf("layer %s has %d bytes, more than %d", l.Digest, l.Size, int64(maxBlob))
		}
		g.i.layers[l.Digest] = l
	}
	return g.i.put(ctx, m.Config, raw)
}

// Fetch brings the layers that are needed. The image's other layers are verified where that takes no more than reading a file.
func (i *Image) Fetch(ctx context.Context, needed []compare.Layer) error {
	if i.from == nil {
		return nil
	}
	keep, total := map[digest.Digest]bool{}, int64(0)
	for _, l := range needed {
		if !keep[l.Digest] {
			keep[l.Digest] = true
			total += l.Size
		}
	}
	if total > maxImage {
		return named(ctx, i.Name, fmt.Errorf("%d bytes of layers, more than %d", total, int64(maxImage)))
	}
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(jobs)
	for d, l := range i.layers {
		group.Go(func() error {
			if keep[d] {
				return i.from.layer(inner, l, sink{i.to, i.onRead})
			}
			return i.from.check(inner, l, i.onRead)
		})
	}
	return named(ctx, i.Name, group.Wait())
}

// named says which image an error is about. A diagnostic and the end of the context stay what they are.
func named(ctx context.Context, name string, err error) error {
	var ready *diag.Diagnostic
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &ready):
		return err
	}
	return diag.Errorf(diag.CodeImageUnreadable, "reading `%s`: %w", name, err).WithHelp("fetch or write the image again, and compare once more")
}

func (i *Image) put(ctx context.Context, d artifact.Descriptor, raw []byte) error {
	return i.to.PutBlob(ctx, artifact.Descriptor{Digest: d.Digest, Size: int64(len(raw))}, newReader(raw))
}

// sink counts what passes, and keeps it in a layout, if there is one.
type sink struct {
	to     *layout.Layout
	onRead func(int)
}

// Has implements registry.Sink.
func (s sink) Has(d digest.Digest) bool { return s.to != nil && s.to.Has(d) }

// Put implements registry.Sink.
func (s sink) Put(ctx context.Context, r io.Reader, limit int64) (digest.Digest, error) {
	r = counted{ctx, r, s.onRead}
	if s.to != nil {
		return s.to.PutAny(ctx, r, limit)
	}
	hash := digest.SHA256.Digester()
	n, err := io.Copy(hash.Hash(), io.LimitReader(r, limit+1))
	if err == nil && n > limit {
		err = fmt.Errorf("more than %d bytes", limit)
	}
	return hash.Digest(), err
}

type counted struct {
	ctx    context.Context
	r      io.Reader
	onRead func(int)
}

// Read implements io.Reader.
func (c counted) Read(p []byte) (int, error) {
	if c.ctx.Err() != nil {
		return 0, context.Cause(c.ctx)
	}
	n, err := c.r.Read(p)
	if c.onRead != nil && n > 0 {
		c.onRead(n)
	}
	return n, err
}
