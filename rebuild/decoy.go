package rebuild

import (
	"context"
	"encoding/json"
	"io"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/registry/layout"
	"github.com/selfsame-build/selfsame/registry/seal"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/trust"
	"github.com/selfsame-build/selfsame/verify"
)

// Decoy is an image whose evidence is another build's: whoever builds what it describes gets something else, and whoever signs without
// building is caught (issue 5 point 9). It lies in a repository of its own, and nobody who releases images signs it, so that no verifier takes
// it for a release.
type Decoy struct {
	// Image is what the decoy is, and Build the image whose evidence and seal it gets: references in registries.
	Image, Build string
	// Release are the keys that must have signed the evidence of Build.
	Release []*signing.Verifier
	// To is where the decoy goes, REPOSITORY or REPOSITORY:TAG.
	To string
	// Signer has the role trust.Decoy.
	Signer *signing.Signer
	// Dir is an empty folder.
	Dir string
}

// Push makes the decoy, whole, in the folder, and pushes it. Diagnostics: A0316 the two images make no decoy, or there is something where it would
// go; A0808 the key releases images; and those of a verification of Build.
func (d Decoy) Push(ctx context.Context, c *registry.Client) (registry.Pushed, error) {
	m := decoyMaker{Decoy: d, client: c}
	if err := m.look(ctx); err != nil {
		return registry.Pushed{}, err
	}
	if err := m.write(ctx); err != nil {
		return registry.Pushed{}, err
	}
	return c.Push(ctx, d.Dir, m.image.Descriptor.Digest, d.To, nil)
}

type decoyMaker struct {
	Decoy
	client       *registry.Client
	image, build registry.Resolved
	sealed       *registry.Repository
	pairs        []pair
	out          *layout.Layout
	say          *strings.Replacer // what is said of the build, of the image
}

// pair is a manifest of the build, and the one that stands in for it.
type pair struct{ from, to artifact.Descriptor }

// look reads both images and decides whether they make a decoy.
func (m *decoyMaker) look(ctx context.Context) error {
	var err error
	if m.image, err = m.client.Resolve(ctx, m.Image); err != nil {
		return err
	}
	if m.build, err = m.client.Resolve(ctx, m.Build); err != nil {
		return err
	}
	to, _, err := m.client.Tag(m.To)
	if err != nil {
		return err
	}
	if to.Name() == m.image.Repository.Name() || to.Name() == m.build.Repository.Name() {
		return diag.Errorf("A0316", "the decoy would lie in `%s`, beside images", to.Name()).WithHelp("give it a repository of its own: --push REPOSITORY")
	}
	if err := m.free(ctx); err != nil {
		return err
	}
	o := verify.Options{Reference: m.Build, Source: m.build.Repository, Digest: m.build.Descriptor.Digest, Trust: signing.Trust{Keys: m.Release}, ExpectName: m.build.Repository.Name()}
	if o.Releases(trust.Party{Key: m.Signer.Key()}) {
		return diag.Errorf("A0808", "one key for two roles").
			WithWhy("a decoy that the key of a release signed would be a release").WithHelp("selfsame key new --out decoy")
	}
	v, err := verify.Run(ctx, o)
	if err == nil {
		err = v.Err()
	}
	if err != nil {
		return err
	}
	found, _ := v.Origin(m.build.Descriptor.Digest)
	in, err := found.Provenance.Internal()
	if err != nil {
		return err
	}
	if m.sealed = m.build.Repository; in.Seal != "" {
		if m.sealed, _, err = m.client.Locate(in.Seal); err != nil {
			return err
		}
	}
	if err := m.match(); err != nil {
		return err
	}
	return m.words(ctx, found.Name, in.Seal, to.Name())
}

// free refuses to move a tag: what it leads to may be somebody's release.
func (m *decoyMaker) free(ctx context.Context) error {
	_, err := m.client.Resolve(ctx, m.To)
	switch list := diag.All(err); {
	case err == nil:
		return diag.Errorf("A0316", "there is an image at `%s` already", m.To).WithHelp("give a repository or a tag that is not there yet: --push REPOSITORY:TAG")
	case len(list) > 0 && list[0].Code == "A0513": // not found
		return nil
	}
	return err
}

// match pairs the platforms.
func (m *decoyMaker) match() error {
	no := func(why string) error {
		return diag.Errorf("A0316", "`%s` and `%s` make no decoy", m.Image, m.Build).WithWhy(why).
			WithHelp("build one recipe twice, with something changed in between that nothing but a build shows")
	}
	if m.image.Parsed.Index == nil || m.build.Parsed.Index == nil {
		return no("both have to be whole images, not those of one platform")
	}
	images, builds := m.image.Parsed.Index.Manifests, m.build.Parsed.Index.Manifests
	m.pairs = []pair{{m.build.Descriptor, m.image.Descriptor}}
	for _, from := range builds {
		n := slices.IndexFunc(images, func(to artifact.Descriptor) bool { return platformOf(to) == platformOf(from) })
		switch {
		case n < 0 || len(images) != len(builds):
			return no("they are for different platforms")
		case images[n].Digest == from.Digest:
			return no("they are the same image for " + platformOf(from) + ", so that the evidence would be true")
		}
		m.pairs = append(m.pairs, pair{from, images[n]})
	}
	return nil
}

func platformOf(d artifact.Descriptor) string {
	if d.Platform == nil {
		return ""
	}
	return strings.TrimSuffix(d.Platform.OS+"/"+d.Platform.Architecture+"/"+d.Platform.Variant, "/")
}

// words says what stands for what in the statements: digests of manifests and of layers' contents, and the names of image and seal.
func (m *decoyMaker) words(ctx context.Context, name, sealed, decoy string) error {
	words := []string{`"` + name + `"`, `"` + decoy + `"`}
	if sealed != "" {
		words = append(words, `"`+sealed+`"`, `"`+decoy+`"`)
	}
	for n, p := range m.pairs {
		words = append(words, p.from.Digest.Encoded(), p.to.Digest.Encoded())
		if n == 0 {
			continue // the index has no configuration
		}
		from, err := diffIDs(ctx, m.build.Repository, p.from)
		if err != nil {
			return err
		}
		to, err := diffIDs(ctx, m.image.Repository, p.to)
		if err != nil {
			return err
		}
		if len(from) != len(to) {
			return diag.Errorf("A0316", "`%s` and `%s` have not as many layers", m.Image, m.Build).WithWhy("who looks would see it without building").
				WithHelp("change a file, not the steps")
		}
		for i := range from {
			words = append(words, from[i].Encoded(), to[i].Encoded())
		}
	}
	m.say = strings.NewReplacer(words...)
	return nil
}

// maxConfig bounds an image's configuration, in bytes.
const maxConfig = 4 << 20

func diffIDs(ctx context.Context, repo *registry.Repository, manifest artifact.Descriptor) ([]digest.Digest, error) {
	desc, raw, err := repo.Manifest(ctx, manifest.Digest)
	if err != nil {
		return nil, err
	}
	parsed, err := artifact.Parse(desc.MediaType, raw)
	if err != nil || parsed.Manifest == nil {
		return nil, diag.Errorf("A0316", "%s is no image of one platform", manifest.Digest)
	}
	if raw, err = repo.Blob(ctx, parsed.Manifest.Config, maxConfig); err != nil {
		return nil, err
	}
	var cfg struct {
		RootFS struct {
			DiffIDs []digest.Digest `json:"diff_ids"`
		} `json:"rootfs"`
	}
	if err := json.Unmarshal(raw, &cfg); err != nil {
		return nil, diag.Errorf("A0316", "the configuration of %s: %w", manifest.Digest, err)
	}
	for _, d := range cfg.RootFS.DiffIDs {
		if err := artifact.CheckDigest(d); err != nil {
			return nil, diag.Errorf("A0316", "the configuration of %s: %w", manifest.Digest, err)
		}
	}
	return cfg.RootFS.DiffIDs, nil
}

// into is a layout that an image is copied into.
type into struct{ *layout.Layout }

// Put implements registry.Sink.
func (s into) Put(ctx context.Context, r io.Reader, limit int64) (digest.Digest, error) {
	return s.PutAny(ctx, r, limit)
}

// write makes the layout: the image, and what is said of the build, as if it were of the image.
func (m *decoyMaker) write(ctx context.Context) error {
	var err error
	if m.out, err = layout.Create(m.Dir); err != nil {
		return err
	}
	if _, err := m.client.CopyTo(ctx, m.image.Pinned(), "", into{m.out}); err != nil {
		return err
	}
	if err := m.out.Add(ctx, m.image.Descriptor, m.image.Raw); err != nil {
		return err
	}
	for _, p := range m.pairs {
		if err := m.evidence(ctx, p); err != nil {
			return err
		}
	}
	return m.seal(ctx)
}

// decoyed are the kinds of statement that a decoy has.
var decoyed = map[string]bool{provenance.PredicateProvenance: true, provenance.PredicateRebuild: true}

// evidence signs for the image what the release said of the build. A list of contents (SBOM) is left out: it is named after what is in it, and would
// tell the one repository from the other.
func (m *decoyMaker) evidence(ctx context.Context, p pair) error {
	listing, err := m.build.Repository.Referrers(ctx, p.from.Digest, artifact.Budget{})
	if err != nil {
		return err
	}
	for _, r := range listing.Referrers {
		if len(r.Layers) != 1 || r.ArtifactType != signing.BundleMediaType {
			continue
		}
		data, err := m.build.Repository.Blob(ctx, r.Layers[0], signing.MaxBundle)
		if err != nil {
			return err
		}
		said, err := (signing.Trust{Keys: m.Release}).Verify(data)
		if err != nil {
			continue // somebody else's
		}
		st, err := said.Statement()
		of := func(s provenance.Subject) bool { return s.SHA256() == p.from.Digest }
		if err != nil || !decoyed[st.PredicateType] || !slices.ContainsFunc(st.Subject, of) {
			continue // or of another image, to which anybody may have it attached
		}
		bundle, err := signing.Sign(ctx, m.Signer, []byte(m.say.Replace(string(said.Payload))))
		if err != nil {
			return err
		}
		if _, err := m.out.Attach(ctx, p.to, artifact.Bundle(signing.BundleMediaType, bundle, st.PredicateType)); err != nil {
			return err
		}
	}
	return nil
}

// seal brings the build's seal along: an honest rebuilder must be able to build.
func (m *decoyMaker) seal(ctx context.Context) error {
	listing, err := m.sealed.Referrers(ctx, m.build.Descriptor.Digest, artifact.Budget{})
	if err != nil {
		return err
	}
	parts := 0
	for _, r := range listing.Referrers {
		if r.ArtifactType != seal.ArtifactType {
			continue
		}
		desc, raw, err := m.sealed.Manifest(ctx, r.Descriptor.Digest)
		if err != nil {
			return err
		}
		parsed, err := artifact.Parse(desc.MediaType, raw)
		if err != nil || parsed.Manifest == nil {
			continue
		}
		if err := m.sealed.CopyBlobs(ctx, parsed.Children(), into{m.out}); err != nil {
			return err
		}
		part := *parsed.Manifest
		to := m.image.Descriptor
		part.Subject = &artifact.Descriptor{MediaType: to.MediaType, Digest: to.Digest, Size: to.Size}
		if raw, err = json.Marshal(part); err != nil {
			return err
		}
		if err := m.out.Add(ctx, artifact.Descriptor{MediaType: part.MediaType, ArtifactType: part.ArtifactType, Annotations: part.Annotations}, raw); err != nil {
			return err
		}
		parts++
	}
	if parts == 0 {
		return diag.Errorf("A0520", "`%s` holds no seal of `%s`", m.sealed.Name(), m.Build).WithHelp("selfsame build --push --seal same")
	}
	return nil
}
