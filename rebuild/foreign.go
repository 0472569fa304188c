package rebuild

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/compare"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/provenance/foreign"
	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/registry/artifact"
)

// Foreign is what the provenance of another tool's image allows.
type Foreign struct {
	SchemaVersion int              `json:"schemaVersion"`
	Reference     string           `json:"reference"`
	Digest        digest.Digest    `json:"digest"`
	Summary       string           `json:"summary"`
	ExitCode      int              `json:"exitCode"`
	Images        []ForeignImage   `json:"images"`
	Unreadable    []ForeignProblem `json:"unreadable,omitempty"`
	// platforms is how many images the index has.
	platforms int
	// Ignored is how many attestations were not looked at, because there are too many.
	Ignored int `json:"ignored,omitempty"`
}

// ForeignImage is one platform's.
type ForeignImage struct {
	Platform    string         `json:"platform"`
	Manifest    digest.Digest  `json:"manifest"`
	Attestation digest.Digest  `json:"attestation"`
	Build       foreign.Build  `json:"build"`
	Lacks       []foreign.Lack `json:"lacks"`
	Complete    bool           `json:"complete"` // but for what no provenance of BuildKit's has
	// Compression of its layers: zstd, gzip, none, or "mixed".
	Compression string `json:"compression"`
	// Materials is what upstream says of them; nil: nobody was asked.
	Materials []ForeignMaterial `json:"materials,omitempty"`
}

// ForeignProblem is an attestation that cannot be read.
type ForeignProblem struct {
	Attestation digest.Digest `json:"attestation"`
	Reason      string        `json:"reason"`
}

// The annotations of BuildKit's attestations (docs/attestations/attestation-storage.md).
const (
	annotationSubject   = "vnd.docker.reference.digest"
	annotationPredicate = "in-toto.io/predicate-type"
)

// maxAttested bounds how many attestation manifests, and layers of one, are looked at.
const maxAttested = 64

// Foreign reads BuildKit's provenance of an image. Nobody vouches for it, nothing is concluded from it but what is missing, and nothing is
// built. With upstream, a client that may be led anywhere, the images that it names are asked for. Diagnostic A0810: there is none.
func (a *Auditor) Foreign(ctx context.Context, ref string, upstream *registry.Client) (*Foreign, error) {
	got, err := a.Registry.Resolve(ctx, ref)
	if err != nil {
		return nil, err
	}
	out := &Foreign{SchemaVersion: SchemaVersion, Reference: ref, Digest: got.Descriptor.Digest}
	platforms := map[digest.Digest]string{}
	var attested []descriptor
	for _, c := range got.Parsed.Children() {
		switch {
		case compare.IsAttestation(c):
			attested = append(attested, c)
		case c.ArtifactType == "":
			platforms[c.Digest] = compare.DescriptorPlatform(c)
		}
	}
	out.platforms = len(platforms)
	out.Ignored = max(0, len(attested)-maxAttested)
	for _, c := range attested[:min(len(attested), maxAttested)] {
		about := digest.Digest(c.Annotations[annotationSubject])
		platform, ok := platforms[about]
		if !ok {
			out.Unreadable = append(out.Unreadable, ForeignProblem{c.Digest, "it is about no image of this index"})
			continue
		}
		img, err := readAttestation(ctx, got.Repository, c, about)
		if err == nil {
			err = img.look(ctx, got.Repository, upstream)
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err != nil {
			out.Unreadable = append(out.Unreadable, ForeignProblem{c.Digest, clip(err.Error())})
			continue
		}
		img.Platform = platform
		out.Images = append(out.Images, img)
	}
	return out, out.conclude()
}

// readAttestation finds the provenance among an attestation's layers.
func readAttestation(ctx context.Context, repo *registry.Repository, c descriptor, about digest.Digest) (ForeignImage, error) {
	img := ForeignImage{Manifest: about, Attestation: c.Digest}
	desc, raw, err := repo.Manifest(ctx, c.Digest)
	if err != nil {
		return img, err
	}
	parsed, err := artifact.Parse(desc.MediaType, raw)
	if err != nil {
		return img, err
	}
	if parsed.Manifest == nil {
		return img, fmt.Errorf("it is no manifest")
	}
	for _, l := range parsed.Manifest.Layers[:min(len(parsed.Manifest.Layers), maxAttested)] {
		kind := l.Annotations[annotationPredicate]
		if l.MediaType != provenance.PayloadType || kind != foreign.PredicateV02 && kind != foreign.PredicateV1 {
			continue
		}
		data, err := repo.Blob(ctx, l, foreign.MaxBytes)
		if err != nil {
			return img, err
		}
		if img.Build, err = foreign.Parse(data); err != nil {
			return img, err
		}
		if !img.Build.About(about.Encoded()) {
			return img, fmt.Errorf("its statement is about something else than the image that it is attached to")
		}
		img.Lacks = img.Build.Lacks()
		img.Complete = foreign.Complete(img.Lacks)
		return img, nil
	}
	return img, fmt.Errorf("it holds no provenance")
}

// look reads the image's own manifest, and asks upstream, where there is one, for what the image was made of. What is gone is one thing more that a
// rebuild lacks.
func (i *ForeignImage) look(ctx context.Context, repo *registry.Repository, upstream *registry.Client) error {
	desc, raw, err := repo.Manifest(ctx, i.Manifest)
	if err != nil {
		return err
	}
	parsed, err := artifact.Parse(desc.MediaType, raw)
	if err != nil {
		return err
	}
	if parsed.Manifest == nil {
		return fmt.Errorf("the image that it is about is no manifest")
	}
	i.Compression = compression(parsed.Manifest.Layers)
	if upstream == nil {
		return nil
	}
	i.Materials = materials(ctx, upstream, i.Build, parsed.Manifest.Layers)
	for _, m := range i.Materials {
		if m.State == MaterialGone {
			i.Lacks = append(i.Lacks, foreign.Lack{What: "upstream", Detail: clip("it is gone: " + m.URI)})
		}
	}
	i.Complete = foreign.Complete(i.Lacks)
	return nil
}

func (f *Foreign) conclude() error {
	if len(f.Images) == 0 {
		why := "its index names no attestation"
		if len(f.Unreadable) > 0 {
			why = f.Unreadable[0].Reason
		}
		return diag.Errorf("A0810", "`%s` has no provenance of BuildKit's that can be read", f.Reference).WithWhy(why).
			WithHelp("an image of selfsame's: selfsame audit REF --release-key release.pub")
	}
	lacks := 0
	described, complete := map[digest.Digest]bool{}, map[digest.Digest]bool{} // one image may have several attestations
	for _, i := range f.Images {
		lacks += len(i.Lacks)
		described[i.Manifest] = true
		if i.Complete {
			complete[i.Manifest] = true
		}
	}
	f.ExitCode = diag.ExitMissing
	if len(complete) == f.platforms {
		f.ExitCode = diag.ExitUndecided
		f.Summary = "the provenance, which nobody signed, names all inputs; nothing is built from it here, so nothing is proven (--recipe DIR writes what to build)"
		return nil
	}
	f.Summary = fmt.Sprintf("the provenance, which nobody signed, lacks what a rebuild needs (%d things for %d of %d platforms)", lacks, len(described), f.platforms)
	return nil
}

// JSON writes the report as a document of SchemaVersion.
func (f *Foreign) JSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(f)
}

// Text writes the report for people; the verdict is the last line.
func (f *Foreign) Text(w io.Writer) error {
	var b strings.Builder
	for _, i := range f.Images {
		fmt.Fprintf(&b, "%s %s\n", clip(i.Platform), i.Manifest)
		fmt.Fprintf(&b, "  SLSA %s, %d steps, %d materials, source %s\n", i.Build.Version, i.Build.Steps, len(i.Build.Materials), orNone(clip(i.Build.Source.URI)))
		for _, l := range i.Lacks {
			fmt.Fprintf(&b, "  lacks %-12s %s\n", l.What, l.Detail)
		}
		for _, m := range i.Materials {
			fmt.Fprintf(&b, "  %-10s %s%s\n", m.State, clip(m.URI), m.because())
		}
	}
	for _, u := range f.Unreadable {
		fmt.Fprintf(&b, "unreadable %s: %s\n", u.Attestation, u.Reason)
	}
	if f.Ignored > 0 {
		fmt.Fprintf(&b, "ignored    %d attestations: more than %d are not looked at\n", f.Ignored, maxAttested)
	}
	fmt.Fprintf(&b, "verdict    %s\n", f.Summary)
	_, err := io.WriteString(w, b.String())
	return err
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
