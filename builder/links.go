package builder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/internal/atomicfile"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/provenance/intoto"
	"github.com/selfsame-build/selfsame/recipes"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/registry/layout"
	"github.com/selfsame-build/selfsame/signing"
)

// Links says who signs the in-toto links of a command's steps, and where those of earlier steps lie.
type Links struct {
	// Dir is the folder of links; empty: LinksFolder beside the lock. It is no part of the context: a link that changed what it speaks of
	// could never be true.
	Dir string
	// Signer is the functionary of a step, or nil: then nobody here signs a link of it. The function may be nil too.
	Signer func(step string) *signing.Signer
}

// LinksFolder lies beside the lock, and holds the links of steps that were done before there was an image to attach them to.
const LinksFolder = "selfsame.links"

// codeOtherLink is a kept link that is about other inputs; internal/diag/codes_layout.go has its page.
const codeOtherLink diag.Code = "A0573"

// The bounds of that folder.
const (
	linkSuffix   = ".sigstore.json"
	maxLinkFiles = 1000
	maxLinkFile  = intoto.MaxLinkBytes/3*4 + 64<<10
)

func (l Links) signer(step string) *signing.Signer {
	if l.Signer == nil {
		return nil
	}
	return l.Signer(step)
}

// folder is where links lie for a recipe.
func (l Links) folder(recipe string) string {
	if l.Dir != "" {
		return l.Dir
	}
	return filepath.Join(filepath.Dir(recipe), LinksFolder)
}

// exclude are the paths below dir that are no part of a context: the folder of links, and the usual one also where another is given.
func (l Links) exclude(dir, recipe string) []string {
	return append(relative(dir, l.folder(recipe)), relative(dir, Links{}.folder(recipe))...)
}

// sources are what a source step gives: the very bytes that the build reads.
func (p *project) sources() (intoto.Artifacts, error) {
	// The recipe was parsed from one reading of its file and kept from another.
	again, err := recipes.Parse(p.recipe.Path, p.recipeBytes)
	if err != nil || again.Digest() != p.recipe.Digest() {
		return nil, diag.Errorf("A0316", "`%s` changed while it was read", p.recipe.Path).WithHelp("run the command again")
	}
	out := intoto.Artifacts{intoto.ArtifactRecipe: digest.FromBytes(p.recipeBytes), intoto.ArtifactContext: p.context.Descriptor.Digest}
	if p.dockerfile != nil {
		out[intoto.ArtifactDockerfile] = digest.FromBytes(p.dockerfile)
	}
	if p.ignore != nil {
		out[intoto.ArtifactIgnore] = digest.FromBytes(p.ignore)
	}
	for name, d := range p.paths {
		out[intoto.ArtifactContext+"/"+name] = d
	}
	return out, nil
}

// keepLinks writes the links of source and lock, for those steps that somebody signs here.
func (h *Host) keepLinks(ctx context.Context, l Links, p *project, locked digest.Digest, recorded bool) ([]string, error) {
	if l.signer(intoto.StepSource) == nil && l.signer(intoto.StepLock) == nil {
		return nil, nil
	}
	sources, err := p.sources()
	if err != nil {
		return nil, err
	}
	command := []string{"selfsame", "lock"}
	if !recorded {
		command = append(command, "--check")
	}
	var out []string
	for _, link := range []intoto.Link{
		{Step: intoto.StepSource, Command: command, Products: sources, ByProducts: h.by(map[string]any{"commit": p.context.Commit, "dirty": p.context.Dirty})},
		{Step: intoto.StepLock, Command: command, Materials: sources, Products: intoto.Artifacts{intoto.ArtifactLock: locked}, ByProducts: h.by(nil)},
	} {
		s := l.signer(link.Step)
		if s == nil {
			continue
		}
		bundle, err := signLink(ctx, s, link)
		if err != nil {
			return nil, err
		}
		path, err := writeLink(l.folder(p.recipe.Path), link.Step, s, bundle)
		if err != nil {
			return nil, err
		}
		out = append(out, path)
	}
	return out, nil
}

// by says with what a step was done, and more.
func (h *Host) by(more map[string]any) map[string]any {
	out := map[string]any{"selfsame": h.Selfsame.Version}
	maps.Copy(out, more)
	return out
}

func signLink(ctx context.Context, s *signing.Signer, l intoto.Link) ([]byte, error) {
	payload, err := l.Statement()
	if err != nil {
		return nil, err
	}
	return signing.Sign(ctx, s, payload)
}

// writeLink keeps a link under in-toto's name for one: step and functionary. Who does a step again replaces the own link of before.
func writeLink(dir, step string, s *signing.Signer, bundle []byte) (string, error) {
	id, err := intoto.KeyID(s.Verifier().PEM())
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("making the folder of links: %w", err)
	}
	path := filepath.Join(dir, fmt.Sprintf("%s.%.8s%s", step, id, linkSuffix))
	return path, atomicfile.Write(path, bundle, 0o644)
}

// links signs the links of the build's own steps, takes those of earlier steps along, and attaches all of them to the image's index.
func (b *build) links(ctx context.Context, out *layout.Layout, index ocispec.Descriptor, images []provenance.Image, list []provenance.Subjected) error {
	dir := b.opt.Links.folder(b.project.recipe.Path)
	if _, err := os.Stat(dir); b.opt.Links.Signer == nil && errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	materials, err := b.project.sources()
	if err != nil {
		return err
	}
	materials[intoto.ArtifactLock] = b.lock.Digest()
	bundles, err := b.takeAlong(dir, materials)
	if err != nil {
		return err
	}
	for _, l := range b.ownLinks(materials, index, images, list) {
		s := b.opt.Links.signer(l.Step)
		if s == nil || l.Step == intoto.StepSign && b.opt.Signer == nil { // nothing was signed
			continue
		}
		bundle, err := signLink(ctx, s, l)
		if err != nil {
			return err
		}
		bundles = append(bundles, bundle)
	}
	subject, err := v1Descriptor(index)
	if err != nil {
		return err
	}
	for _, bundle := range bundles {
		if _, err := out.Attach(ctx, subject, artifact.Bundle(signing.BundleMediaType, bundle, provenance.PredicateLink)); err != nil {
			return err
		}
	}
	return nil
}

// ownLinks are the steps of a build: what each builder made, that it is the same and is the image, and what was signed of it.
func (b *build) ownLinks(materials intoto.Artifacts, index ocispec.Descriptor, images []provenance.Image, list []provenance.Subjected) []intoto.Link {
	a, bs, image := intoto.Artifacts{}, intoto.Artifacts{}, intoto.Artifacts{intoto.ArtifactImage: index.Digest}
	for _, i := range images {
		a["A/"+i.Platform], bs["B/"+i.Platform], image[intoto.ArtifactImage+"/"+i.Platform] = i.Manifest.Digest, i.Twin, i.Manifest.Digest
	}
	both, signed := maps.Clone(a), maps.Clone(image)
	maps.Copy(both, bs)
	for _, st := range list {
		d := digest.FromBytes(st.Payload)
		signed["statement/"+d.String()] = d
	}
	command, by := []string{"selfsame", "build"}, b.host.by(nil)
	return []intoto.Link{
		{Step: intoto.StepBuildA, Command: command, Materials: materials, Products: a, ByProducts: by},
		{Step: intoto.StepBuildB, Command: command, Materials: materials, Products: bs, ByProducts: by},
		{Step: intoto.StepCompare, Command: command, Materials: both, Products: image, ByProducts: by},
		{Step: intoto.StepSign, Command: command, Materials: image, Products: signed, ByProducts: by},
	}
}
