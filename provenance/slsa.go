package provenance

import (
	"sort"

	"github.com/in-toto/in-toto-golang/in_toto/slsa_provenance/common"
)

// ExternalParameters are what the user controls (SLSA v1 "externalParameters"): small and complete, so that a verifier can
// compare every field with an expectation and refuse any other. Digests of what they point to are resolvedDependencies.
type ExternalParameters struct {
	Source    ExternalSource    `json:"source"`
	Recipe    ExternalRecipe    `json:"recipe"`
	Platforms []string          `json:"platforms"` // sorted
	Target    string            `json:"target,omitempty"`
	Args      map[string]string `json:"args,omitempty"`
}

// ExternalSource is where the source comes from: URI ("git+https://...") with Ref, or Path of a folder.
type ExternalSource struct {
	URI  string `json:"uri,omitempty"`
	Ref  string `json:"ref,omitempty"`
	Path string `json:"path,omitempty"`
}

// ExternalRecipe is the recipe by path within the source and digest of its bytes.
type ExternalRecipe struct {
	Path   string            `json:"path"`
	Digest map[string]string `json:"digest"`
}

// InternalParameters are what the builder controls and what can move a digest (SLSA v1 "internalParameters"). They hold
// nothing that changes from run to run on one pair of builders.
type InternalParameters struct {
	BuildKit      string            `json:"buildkit"`
	Frontend      string            `json:"frontend"`
	Exporter      map[string]string `json:"exporter"`
	Compression   string            `json:"compression"`
	Layers        string            `json:"layers"`
	Compatibility string            `json:"compatibilityVersion,omitempty"`
	Epoch         int64             `json:"sourceDateEpoch"`
	Twins         []InternalTwin    `json:"twins"`
	Secrets       []string          `json:"recordingSecrets,omitempty"`
	Seal          string            `json:"seal,omitempty"`
}

// InternalTwin is one of the two builders, as found.
type InternalTwin struct {
	Name        string                       `json:"name"`
	BuildKit    string                       `json:"buildkit"`
	Snapshotter string                       `json:"snapshotter,omitempty"`
	Kernel      string                       `json:"kernel,omitempty"`
	CPU         string                       `json:"cpu,omitempty"`
	Host        string                       `json:"host,omitempty"`
	Binaries    map[string]map[string]string `json:"binaries,omitempty"` // program name to digest set
}

func newPredicate(b Build) Predicate {
	return Predicate{
		BuildDefinition: buildDefinition{
			BuildType:            BuildType,
			ExternalParameters:   b.external(),
			InternalParameters:   b.internal(),
			ResolvedDependencies: b.dependencies(),
		},
		RunDetails: b.runDetails(),
	}
}

func (b Build) external() ExternalParameters {
	src := ExternalSource{Path: b.Source.Path}
	if b.Source.Git != "" {
		src = ExternalSource{URI: gitURI(b.Source.Git), Ref: b.Source.Ref}
	}
	platforms := make([]string, 0, len(b.Images))
	for _, i := range sortedImages(b.Images) {
		platforms = append(platforms, i.Platform)
	}
	return ExternalParameters{
		Source:    src,
		Recipe:    ExternalRecipe{Path: b.Recipe.Path, Digest: digestSet(b.Recipe.Digest)},
		Platforms: platforms,
		Target:    b.Target,
		Args:      b.Args,
	}
}

func (b Build) internal() InternalParameters {
	p := InternalParameters{
		BuildKit:      b.Settings.BuildKit,
		Frontend:      b.Settings.Frontend,
		Exporter:      b.Settings.Exporter,
		Compression:   b.Settings.Compression,
		Layers:        b.Settings.Layers,
		Compatibility: b.Settings.Compatibility,
		Epoch:         b.Settings.Epoch,
		Secrets:       b.SealedSecrets,
		Seal:          b.Seal,
	}
	for _, t := range b.Twins {
		p.Twins = append(p.Twins, InternalTwin{
			Name: t.Name, BuildKit: t.BuildKit, Snapshotter: t.Snapshotter, Kernel: t.Kernel, CPU: t.CPU, Host: t.Host, Binaries: t.Programs(),
		})
	}
	return p
}

// Programs are the binaries that the builder consists of, by name.
func (t Twin) Programs() map[string]map[string]string {
	out := map[string]map[string]string{}
	if t.Daemon != "" {
		out["buildkitd"] = digestSet(t.Daemon)
	}
	if t.Runc != "" {
		out["runc"] = digestSet(t.Runc)
	}
	if t.Tracer != "" {
		out["selfsame-vary"] = digestSet(t.Tracer)
	}
	return out
}

// runDetails holds all that belongs to this run only, and the platform manifests as byproducts: a verifier holds the
// index against them, so that an index cannot list a manifest that nobody vouches for.
func (b Build) runDetails() runDetails {
	d := runDetails{
		Builder: slsaBuilder{
			ID:      b.BuilderID,
			Version: map[string]string{"selfsame": b.Selfsame.Version, "buildkit": b.Settings.BuildKit},
		},
		BuildMetadata: buildMetadata{InvocationID: b.InvocationID},
	}
	if b.Selfsame.Digest != "" {
		d.Builder.BuilderDependencies = []ResourceDescriptor{{
			Name: "selfsame", Digest: common.DigestSet(digestSet(b.Selfsame.Digest)),
			Annotations: map[string]any{"drives": "both twins"},
		}}
	}
	if !b.Started.IsZero() {
		t := b.Started.UTC()
		d.BuildMetadata.StartedOn = &t
	}
	if !b.Finished.IsZero() {
		t := b.Finished.UTC()
		d.BuildMetadata.FinishedOn = &t
	}
	for _, i := range sortedImages(b.Images) {
		d.Byproducts = append(d.Byproducts, ResourceDescriptor{
			Name: i.Platform, MediaType: i.Manifest.MediaType, Digest: common.DigestSet(digestSet(i.Manifest.Digest)),
			Annotations: map[string]any{"diffIDs": i.DiffIDs},
		})
	}
	return d
}

func sortedImages(in []Image) []Image {
	out := append([]Image(nil), in...)
	sort.Slice(out, func(i, j int) bool { return out[i].Platform < out[j].Platform })
	return out
}
