package builder

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/inputs"
	"github.com/selfsame-build/selfsame/inputs/source"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/recipes"
	"github.com/selfsame-build/selfsame/recipes/lock"
	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/registry/seal"
	"github.com/selfsame-build/selfsame/signing"
)

// pushSeal sends everything that the build read, so that it can be repeated from the registry alone. The seal holds the source
// and whatever the build fetched, so it has a destination of its own and goes nowhere by default.
func (b *build) pushSeal(ctx context.Context, index artifact.Descriptor) error {
	to := b.opt.Seal
	if to == "" {
		return nil
	}
	repo, err := b.host.Registry.Repository(to)
	if err != nil {
		return err
	}
	blobs, err := b.sealed(ctx)
	if err != nil {
		return err
	}
	b.host.notice("sealing %d inputs in %s", len(blobs), to)
	_, err = seal.Push(ctx, repo, index, blobs, b.host.Store)
	return err
}

// sealed lists every blob that a repetition of the build needs.
func (b *build) sealed(ctx context.Context) ([]seal.Blob, error) {
	c := collect(b.host.Store)
	for _, data := range [][]byte{b.project.dockerfile, b.project.ignore} {
		if data != nil {
			if err := c.bytes(ctx, data); err != nil {
				return nil, err
			}
		}
	}
	if err := c.image(b.project.context.Descriptor.Digest, "context"); err != nil {
		return nil, err
	}
	for _, e := range b.lock.Entries {
		if e.Kind == lock.KindImage || e.Kind == lock.KindGit {
			if err := c.image(e.Digest, e.Key); err != nil {
				return nil, err
			}
			continue
		}
		c.add(e.Digest, e.Size, e.Key)
		if e.Headers != "" {
			if err := c.sized(e.Headers, "headers of "+e.Key); err != nil {
				return nil, err
			}
		}
	}
	return c.list, nil
}

// collector gathers blobs once each.
type collector struct {
	store *inputs.Store
	have  map[digest.Digest]bool
	list  []seal.Blob
}

func collect(from *inputs.Store) *collector {
	return &collector{store: from, have: map[digest.Digest]bool{}}
}

func (c *collector) add(d digest.Digest, size int64, title string) {
	if !c.have[d] {
		c.have[d] = true
		c.list = append(c.list, seal.Blob{Digest: d, Size: size, MediaType: "application/octet-stream", Title: title})
	}
}

func (c *collector) sized(d digest.Digest, title string) error {
	r, size, err := c.store.Open(d)
	if err != nil {
		return err
	}
	c.add(d, size, title)
	return r.Close()
}

func (c *collector) bytes(ctx context.Context, data []byte) error {
	blob, err := c.store.PutBytes(ctx, data)
	if err != nil {
		return err
	}
	c.add(blob.Digest, blob.Size, "build file")
	return nil
}

// image adds a manifest with its config and layers.
func (c *collector) image(manifest digest.Digest, title string) error {
	data, err := readBlob(c.store, manifest, 4<<20)
	if err != nil {
		return err
	}
	var m ocispec.Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return fmt.Errorf("reading manifest %s: %w", manifest, err)
	}
	c.add(manifest, int64(len(data)), title)
	c.add(m.Config.Digest, m.Config.Size, title+" (configuration)")
	for _, l := range m.Layers {
		c.add(l.Digest, l.Size, title+" (layer)")
	}
	return nil
}

// restored is a build to be repeated: what a published image's evidence and seal say of it.
type restored struct {
	project *project
	lock    *lock.Lock
	index   digest.Digest
	// platforms are those that were published: of the recipe's, whoever built it may have chosen some.
	platforms []string
}

// restore brings a published image's sealed inputs into the store, and its recipe and lock out of its provenance. Only the
// registry is reached. With keys the provenance must be signed by one of them; without, the digests in it are taken on the
// image's own word, and it is the rebuilt digest that tells.
func (h *Host) restore(ctx context.Context, ref string, keys []*signing.Verifier) (*restored, error) {
	if !strings.Contains(ref, "@sha256:") {
		return nil, diag.Errorf("A0316", "`--from %s` names no digest", ref).WithHelp("name the image by digest: REPOSITORY@sha256:...")
	}
	got, err := h.Registry.Resolve(ctx, ref)
	if err != nil {
		return nil, err
	}
	index := digest.Digest(got.Descriptor.Digest.String())
	p, err := provenanceOf(ctx, got.Repository, index, keys)
	if err != nil {
		return nil, err
	}
	return h.restoreAs(ctx, got.Repository, index, p, sink{h.Store}, func() {})
}

// restoreAs brings back the inputs of the build that p describes; ready is called before they are fetched.
func (h *Host) restoreAs(ctx context.Context, repo *registry.Repository, index digest.Digest, p provenance.Provenance, to registry.Sink, ready func()) (*restored, error) {
	r := &restored{index: index}
	var err error
	if r.project, r.lock, err = rebuildable(p); err != nil {
		return nil, err
	}
	if r.platforms, err = publishedPlatforms(p, r.project.recipe); err != nil {
		return nil, err
	}
	in, err := p.Internal()
	if err != nil {
		return nil, err
	}
	if in.Seal != "" {
		if repo, err = h.Registry.Repository(repositoryOf(in.Seal)); err != nil {
			return nil, err
		}
	}
	ready()
	return r, h.pullSeal(ctx, r, repo, to)
}

// provenanceOf finds an image's provenance among its referrers.
func provenanceOf(ctx context.Context, repo *registry.Repository, index digest.Digest, keys []*signing.Verifier) (provenance.Provenance, error) {
	listing, err := repo.Referrers(ctx, index, artifact.Budget{})
	if err != nil {
		return provenance.Provenance{}, err
	}
	for _, ref := range listing.Referrers {
		if len(ref.Layers) != 1 || ref.Annotations[artifact.AnnotationBundlePredicateType] != provenance.PredicateProvenance && len(keys) > 0 {
			continue
		}
		data, err := repo.Blob(ctx, ref.Layers[0], signing.MaxBundle)
		if err != nil {
			return provenance.Provenance{}, err
		}
		payload, err := payloadOf(data, ref.ArtifactType, keys)
		if err != nil {
			continue
		}
		st, err := provenance.Parse(payload)
		if err == nil && st.PredicateType == provenance.PredicateProvenance && st.Subject[0].SHA256() == index {
			return st.Provenance()
		}
	}
	return provenance.Provenance{}, diag.Errorf("A0339", "`%s` carries no provenance that a build could be repeated from", index).
		WithHelp("selfsame show " + repo.Name() + "@" + index.String())
}

func payloadOf(data []byte, artifactType string, keys []*signing.Verifier) ([]byte, error) {
	if len(keys) > 0 {
		got, err := signing.Trust{Keys: keys}.Verify(data)
		return got.Payload, err
	}
	if artifactType == provenance.PayloadType {
		return data, nil
	}
	var bundle struct {
		Envelope struct {
			Payload []byte `json:"payload"`
		} `json:"dsseEnvelope"`
	}
	err := json.Unmarshal(data, &bundle)
	return bundle.Envelope.Payload, err
}

// rebuildable reads recipe, lock and source out of a provenance.
func rebuildable(p provenance.Provenance) (*project, *lock.Lock, error) {
	recipe, ok1 := p.Dependency(provenance.DependencyRecipe)
	locked, ok2 := p.Dependency(provenance.DependencyLock)
	packed, ok3 := p.Dependency(provenance.DependencyContext)
	if !ok1 || !ok2 || !ok3 || len(recipe.Content) == 0 || len(locked.Content) == 0 {
		return nil, nil, diag.Errorf("A0339", "the provenance does not hold recipe, lock and source").WithHelp("build from the source instead")
	}
	r, err := recipes.Parse("recipe.yaml", recipe.Content)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the recipe in the provenance: %w", err)
	}
	l, err := lock.Parse(locked.Content)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the lock in the provenance: %w", err)
	}
	in, err := p.Internal()
	if err != nil {
		return nil, nil, err
	}
	for name, c := range r.Build.Contexts {
		if c.Path != "" {
			return nil, nil, diag.Errorf("A0339", "context `%s` is a folder, which the seal does not hold", name).WithHelp("build from the source instead")
		}
	}
	pr := &project{recipe: r, header: l.Header, epoch: time.Unix(in.Epoch, 0).UTC(), recipeBytes: recipe.Content}
	pr.context = source.Context{Descriptor: ocispec.Descriptor{Digest: digest.Digest("sha256:" + packed.Digest["sha256"])}}
	if e, ok := l.Find(lock.KindGit, "", sourceGit(r).Key()); ok && r.Source.Git != "" {
		pr.context.Commit = commitOf(e)
	}
	return pr, l, stale("the lock in the provenance", l.Header, lock.Header{
		Recipe: r.Digest(), Dockerfile: l.Header.Dockerfile, Dockerignore: l.Header.Dockerignore, Frontend: frontendVersion,
	})
}

// pullSeal fetches what the store lacks, then reads the build's own files out of it.
func (h *Host) pullSeal(ctx context.Context, r *restored, repo *registry.Repository, to registry.Sink) error {
	var want []digest.Digest
	for _, d := range []digest.Digest{r.lock.Header.Dockerfile, r.lock.Header.Dockerignore, r.project.context.Descriptor.Digest} {
		if d != "" {
			want = append(want, d)
		}
	}
	manifests := []digest.Digest{r.project.context.Descriptor.Digest}
	for _, e := range r.lock.Entries {
		want = append(want, e.Digest)
		if e.Headers != "" {
			want = append(want, e.Headers)
		}
		if e.Kind == lock.KindImage || e.Kind == lock.KindGit {
			manifests = append(manifests, e.Digest)
		}
	}
	h.notice("restoring %d sealed inputs from %s", len(want), repo.Name())
	if err := seal.Pull(ctx, repo, r.index, want, to); err != nil {
		return err
	}
	var parts []digest.Digest
	for _, m := range manifests {
		c := collect(h.Store)
		if err := c.image(m, ""); err != nil {
			return err
		}
		for _, b := range c.list {
			parts = append(parts, b.Digest)
		}
	}
	if err := seal.Pull(ctx, repo, r.index, parts, to); err != nil {
		return err
	}
	var err error
	if d := r.lock.Header.Dockerfile; d != "" {
		if r.project.dockerfile, err = h.blob(d, 16<<20); err != nil {
			return err
		}
	}
	if d := r.lock.Header.Dockerignore; d != "" {
		r.project.ignore, err = h.blob(d, 16<<20)
	}
	return err
}
