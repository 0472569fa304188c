package builder

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/builder/layers"
	"github.com/selfsame-build/selfsame/builder/solver"
	"github.com/selfsame-build/selfsame/compare"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/recipes"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/registry/layout"
	"github.com/selfsame-build/selfsame/signing"
)

// publish turns a proof into an image with evidence. It is the only way out for an image, and only a successful comparison
// makes a proof.
func (b *build) publish(ctx context.Context, proof compare.Proof) (*Result, error) {
	out, err := layout.Create(proof.Dir())
	if err != nil {
		return nil, err
	}
	index, images, err := b.index(ctx, out, proof)
	if err != nil {
		return nil, err
	}
	statements, err := b.statements(index, images)
	if err != nil {
		return nil, err
	}
	var signer *signing.Signer
	if b.opt.Signer != nil {
		if signer, err = b.opt.Signer(); err != nil {
			return nil, err
		}
	}
	if err := attach(ctx, out, statements, signer); err != nil {
		return nil, err
	}
	if err := b.links(ctx, out, index, images, statements); err != nil {
		return nil, err
	}
	res := b.summary(index, images)
	for _, platform := range proof.Platforms() {
		res = res.WithWarnings(b.run.seen.leaks[platform])
	}
	final := filepath.Join(b.opt.Out, "image")
	if b.from != nil && b.from.index != index.Digest { // kept for a look, and not published
		return &Result{Report: res, Err: diag.Errorf("A0340", "the repetition gave %s, the original is %s", index.Digest, b.from.index).
			WithHelp("selfsame diff on both images")}, replace(proof.Dir(), final)
	}
	if b.opt.Push != "" {
		if res.Reference, err = b.push(ctx, proof.Dir(), index.Digest); err != nil {
			return nil, err
		}
	} else if b.opt.Seal != "" {
		desc, err := v1Descriptor(index)
		if err != nil {
			return nil, err
		}
		if err := b.pushSeal(ctx, desc); err != nil {
			return nil, err
		}
	}
	return &Result{Report: res}, replace(proof.Dir(), final)
}

// index makes the image index, of ours also for one platform: sorted, without times, without attestations inside.
func (b *build) index(ctx context.Context, out *layout.Layout, proof compare.Proof) (ocispec.Descriptor, []provenance.Image, error) {
	var images []provenance.Image
	for _, platform := range proof.Platforms() {
		img, _ := proof.Image(platform)
		made, err := describeImage(img, platform)
		if err != nil {
			return ocispec.Descriptor{}, nil, err
		}
		made.Twin = b.run.b.results[platform].Manifest
		images = append(images, made)
	}
	raw, d, err := indexOf(images, func(i provenance.Image) digest.Digest { return i.Manifest.Digest })
	if err != nil {
		return ocispec.Descriptor{}, nil, err
	}
	desc := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageIndex, Digest: d, Size: int64(len(raw))}
	added, err := v1Descriptor(desc)
	if err != nil {
		return desc, nil, err
	}
	return desc, images, out.Add(ctx, added, raw)
}

// describeImage is one platform's entry of the index.
func describeImage(img *compare.Image, platform string) (provenance.Image, error) {
	var cfg ocispec.Image
	if err := json.Unmarshal(img.ConfigBytes(), &cfg); err != nil {
		return provenance.Image{}, fmt.Errorf("reading the image configuration: %w", err)
	}
	desc := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: img.Manifest(), Size: int64(len(img.ManifestBytes())),
		Platform: &ocispec.Platform{OS: cfg.OS, Architecture: cfg.Architecture, Variant: cfg.Variant}}
	return provenance.Image{Platform: platform, Manifest: desc, DiffIDs: img.DiffIDs()}, nil
}

// indexOf is the index over one twin's manifests: its bytes and digest.
func indexOf(images []provenance.Image, manifest func(provenance.Image) digest.Digest) ([]byte, digest.Digest, error) {
	idx := ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex}
	for _, i := range images {
		desc := i.Manifest
		desc.Digest = manifest(i)
		idx.Manifests = append(idx.Manifests, desc)
	}
	raw, err := json.Marshal(idx)
	if err != nil {
		return nil, "", fmt.Errorf("encoding the index: %w", err)
	}
	return raw, digest.FromBytes(raw), nil
}

// statements says everything that there is to say about the image, and signs nothing.
func (b *build) statements(index ocispec.Descriptor, images []provenance.Image) ([]provenance.Subjected, error) {
	facts, err := b.facts(index, images)
	if err != nil {
		return nil, err
	}
	list, err := provenance.Statements(facts)
	if err != nil {
		return nil, err
	}
	for _, img := range images {
		st, err := provenance.SBOMStatement(facts.Name, img.Manifest, b.run.seen.packages[img.Platform])
		if err != nil {
			return nil, err
		}
		list = append(list, st)
	}
	return list, nil
}

// attach signs each statement and makes it a referrer of its subject in the layout. Without a signer the bare statement is
// attached, which no verifier takes for more than a claim.
func attach(ctx context.Context, out *layout.Layout, list []provenance.Subjected, s *signing.Signer) error {
	for _, st := range list {
		subject, err := v1Descriptor(st.Subject)
		if err != nil {
			return err
		}
		var a artifact.Artifact
		if s == nil {
			a = artifact.Artifact{ArtifactType: provenance.PayloadType, Blob: st.Payload}
		} else {
			bundle, err := signing.Sign(ctx, s, st.Payload)
			if err != nil {
				return err
			}
			a = artifact.Bundle(signing.BundleMediaType, bundle, st.PredicateType)
		}
		if _, err := out.Attach(ctx, subject, a); err != nil {
			return err
		}
	}
	return nil
}

// facts is what the evidence says, all of it looked up or measured.
func (b *build) facts(index ocispec.Descriptor, images []provenance.Image) (provenance.Build, error) {
	p, h := b.project, b.host
	var id [16]byte
	if _, err := io.ReadFull(h.Random, id[:]); err != nil {
		return provenance.Build{}, fmt.Errorf("making an invocation id: %w", err)
	}
	recipe := p.recipeBytes
	twins, err := b.twins()
	if err != nil {
		return provenance.Build{}, err
	}
	_, twin, err := indexOf(images, func(i provenance.Image) digest.Digest { return i.Twin })
	if err != nil {
		return provenance.Build{}, err
	}
	locked := b.lock.Format()
	return provenance.Build{
		Name: b.opt.imageName(p.recipe), Index: index, IndexTwin: twin, Images: images,
		Recipe: provenance.Recipe{Path: filepath.Base(p.recipe.Path), Digest: digest.FromBytes(recipe), Canonical: p.recipe.Digest(), Content: recipe},
		Lock:   provenance.Lock{Path: filepath.Base(lockPath(p.recipe.Path)), Digest: digest.FromBytes(locked), Entries: b.lock.Entries, Content: locked},
		Source: provenance.Source{Path: p.recipe.Source.Path, Git: p.recipe.Source.Git, Ref: p.recipe.Source.Ref, Commit: p.context.Commit, Dirty: p.context.Dirty, Context: p.context.Descriptor.Digest},
		Target: p.recipe.Build.Target, Args: p.recipe.Build.Args,
		Settings: provenance.Settings{
			BuildKit: BuildKitVersion, Compatibility: strconv.Itoa(solver.CompatibilityVersion),
			Exporter: solver.ExporterAttrs(p.epoch), Compression: p.recipe.Output.Compression, Layers: layers.Version,
			Epoch: p.epoch.Unix(), Frontend: p.frontend(),
		},
		Twins: twins, Axes: slices.Concat(b.run.axes, neverVaried), Independence: provenance.SameHost,
		BuilderID: provenance.BuilderID(b.mode()), Selfsame: h.Selfsame,
		InvocationID: hex.EncodeToString(id[:]), Started: b.started, Finished: h.Now(), Seal: b.opt.Seal,
		SealedSecrets: recordingSecrets(b.run.drafts),
	}, nil
}

// stagesVersion names the reading of a recipe's stages.
const stagesVersion = "stages@v1"

func (p *project) frontend() string {
	if p.dockerfile == nil {
		return stagesVersion
	}
	return frontendVersion
}

// mode says whether every builder is ours.
func (b *build) mode() provenance.Mode {
	if b.opt.BuilderA != "" || b.opt.BuilderB != "" {
		return provenance.ModeRemote
	}
	return provenance.ModeLocal
}

// imageName is what the evidence calls the image: the repository that it is pushed to, else the recipe's, else the recipe's name
// for an image that never leaves the machine.
func (o Options) imageName(r *recipes.Recipe) string {
	switch {
	case o.Push != "":
		return repositoryOf(o.Push)
	case r.Output.Image != "":
		return r.Output.Image
	default:
		return r.Name
	}
}

// twins describes both builders, as found.
func (b *build) twins() ([]provenance.Twin, error) {
	var out []provenance.Twin
	for _, t := range []*twin{b.run.a, b.run.b} {
		pt, err := b.host.describe(t, b.run.a.report.Release, digest.FromBytes(b.project.recipeBytes))
		if err != nil {
			return nil, err
		}
		out = append(out, pt)
	}
	return out, nil
}

// describe says what a builder is, as found. kernel is the machine's release, recipe the digest of the recipe's bytes.
func (h *Host) describe(t *twin, kernel string, recipe digest.Digest) (provenance.Twin, error) {
	pt := provenance.Twin{Name: t.label, BuildKit: t.info.Version, Snapshotter: t.info.Snapshotter, Kernel: kernel, CPU: cpuModel()}
	if t.world.at != nil { // its programs cannot be read from here
		return pt, nil
	}
	pt.Host = provenance.HostName(h.Machine, recipe)
	bins := h.Daemons.Binaries
	var err error
	if pt.Daemon, err = FileDigest(h.CacheDir, bins.Buildkitd); err != nil {
		return pt, err
	}
	if pt.Runc, err = FileDigest(h.CacheDir, bins.Runc); err != nil {
		return pt, err
	}
	if t.world.daemon.Traced() {
		pt.Tracer, err = FileDigest(h.CacheDir, bins.Vary)
	}
	return pt, err
}
