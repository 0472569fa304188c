// Package artifact is the model of evidence beside an image, the same for a registry and for an OCI layout on disk.
//
// Evidence travels as an artifact: a small image manifest with one blob, whose `subject` is the digest it speaks about. Who
// looks for evidence asks a Source for the manifests that name a subject (its referrers), and reads their blobs. What a
// listing says about a referrer is a hint; everything in a Referrer was read from the manifest itself, whose bytes hash to
// the digest.
package artifact

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// Descriptor names content by media type, digest and size in bytes (OCI image-spec descriptor.md).
type Descriptor = v1.Descriptor

// Artifact is one piece of evidence to attach.
type Artifact struct {
	ArtifactType string // of the manifest, and of its empty config as cosign writes it
	MediaType    string // of the blob; empty: ArtifactType
	Blob         []byte
	// Annotations go on the manifest. A creation time is not added: set org.opencontainers.image.created from the build's
	// epoch, or leave it out, so that attaching twice gives one artifact.
	Annotations map[string]string
}

// The annotations that cosign v3 puts on the manifest of a sigstore bundle (cosign pkg/oci/remote/write.go).
const (
	AnnotationBundleContent       = "dev.sigstore.bundle.content"       // "dsse-envelope" or "message-signature"
	AnnotationBundlePredicateType = "dev.sigstore.bundle.predicateType" // of the statement inside
)

// Bundle is a sigstore bundle as an Artifact, just as cosign v3 stores it. mediaType is signing.BundleMediaType.
func Bundle(mediaType string, bundle []byte, predicateType string) Artifact {
	return Artifact{
		ArtifactType: mediaType,
		Blob:         bundle,
		Annotations:  map[string]string{AnnotationBundleContent: "dsse-envelope", AnnotationBundlePredicateType: predicateType},
	}
}

// EmptyConfig is the two bytes that serve as the config of an artifact (image-spec "guidance for an empty descriptor").
var EmptyConfig = []byte("{}")

// Manifest gives the artifact's manifest for subject, and the manifest's and the blob's descriptors. Equal arguments give
// equal bytes.
func (a Artifact) Manifest(subject Descriptor) (raw []byte, manifest, blob Descriptor, err error) {
	return a.manifest(&Descriptor{MediaType: subject.MediaType, Digest: subject.Digest, Size: subject.Size})
}

// Alone is Manifest for an artifact that speaks about nothing else, and is found by its tag.
func (a Artifact) Alone() (raw []byte, manifest, blob Descriptor, err error) { return a.manifest(nil) }

func (a Artifact) manifest(subject *Descriptor) (raw []byte, manifest, blob Descriptor, err error) {
	mediaType := a.MediaType
	if mediaType == "" {
		mediaType = a.ArtifactType
	}
	config := v1.DescriptorEmptyJSON
	config.Data = nil // cosign writes the config as a blob
	config.ArtifactType = a.ArtifactType
	blob = Descriptor{MediaType: mediaType, Digest: digest.FromBytes(a.Blob), Size: int64(len(a.Blob))}
	m := v1.Manifest{
		Versioned:    specs.Versioned{SchemaVersion: 2},
		MediaType:    v1.MediaTypeImageManifest,
		ArtifactType: a.ArtifactType,
		Config:       config,
		Layers:       []Descriptor{inlined(blob, a.Blob)},
		Subject:      subject,
		Annotations:  a.Annotations,
	}
	if raw, err = json.Marshal(m); err != nil {
		return nil, manifest, blob, fmt.Errorf("encoding an artifact's manifest: %w", err)
	}
	return raw, ManifestDescriptor(raw, m), blob, nil
}

// ManifestDescriptor is the descriptor of a manifest as a listing of referrers carries it.
func ManifestDescriptor(raw []byte, m v1.Manifest) Descriptor {
	return Descriptor{
		MediaType:    v1.MediaTypeImageManifest,
		Digest:       digest.FromBytes(raw),
		Size:         int64(len(raw)),
		ArtifactType: m.ArtifactType,
		Annotations:  m.Annotations,
	}
}

// Referrer is a manifest that names a subject, as its own bytes say.
type Referrer struct {
	Descriptor   Descriptor // of the manifest
	ArtifactType string     // the manifest's artifactType; where it has none, its config's media type
	Subject      Descriptor
	Layers       []Descriptor
	Annotations  map[string]string
}

// Rejected is an entry of a listing that is not what the listing said. It is reported, never counted as evidence, and never
// dropped silently.
type Rejected struct {
	Descriptor Descriptor // as listed
	Reason     string
}

// Listing is what a Source found for one subject, in the order in which it was listed.
type Listing struct {
	Referrers []Referrer
	Rejected  []Rejected
	// Legacy are the manifests under the tags that cosign used before OCI had referrers (sha256-HEX.att, .sig and .sbom). They are
	// looked for only where there is no referrer at all. Their subject is the tag's word alone, so they are shown and prove nothing.
	Legacy []Legacy
}

// Legacy is a manifest that a tag ties to a subject.
type Legacy struct {
	Tag        string
	Descriptor Descriptor   // of the manifest
	Layers     []Descriptor // as its bytes say
}

// Budget bounds one listing. A zero field means its default.
type Budget struct {
	Referrers     int   // entries; default 1,000
	Pages         int   // pages of a listing; default 64
	ManifestBytes int64 // size of one manifest or page in bytes; default 4 MiB
	Bytes         int64 // of all manifests and pages together; default 160 MiB: 1,000 with the largest bundle that they carry (MaxInline)
	Slots         Slots // shared with the run's other reading; nil: the listing bounds its requests by itself
}

// WithDefaults fills the zero fields.
func (b Budget) WithDefaults() Budget {
	if b.Referrers == 0 {
		b.Referrers = 1000
	}
	if b.Pages == 0 {
		b.Pages = 64
	}
	if b.ManifestBytes == 0 {
		b.ManifestBytes = MaxManifest
	}
	if b.Bytes == 0 {
		b.Bytes = 160 << 20
	}
	return b
}

// MaxManifest bounds a manifest or index in bytes: what the distribution specification obliges a registry to take.
const MaxManifest = 4 << 20

// IncompleteError says that a listing was cut short because a bound of the Budget was reached. What was listed until then is
// no basis for a decision: it is a reason to deny.
type IncompleteError struct {
	Subject digest.Digest
	Bound   string // as in "1000 referrers"
}

// Error names the bound.
func (e *IncompleteError) Error() string {
	return fmt.Sprintf("listing the referrers of %s: more than %s", e.Subject, e.Bound)
}

// Source is where evidence is read: a repository of a registry (registry.Repository) or a layout on disk (layout.Layout).
// Every byte that it returns hashes to the digest that was asked for.
type Source interface {
	// Name is the repository as in "registry.example.com/team/shop"; for a layout its folder.
	Name() string
	// Manifest reads a manifest or index of at most MaxManifest bytes.
	Manifest(ctx context.Context, d digest.Digest) (Descriptor, []byte, error)
	// Blob reads a blob of at most limit bytes. What the descriptor carries itself (Inline) is not read again.
	Blob(ctx context.Context, blob Descriptor, limit int64) ([]byte, error)
	// Referrers lists the manifests whose subject is d. A bound that is reached is an *IncompleteError.
	Referrers(ctx context.Context, d digest.Digest, b Budget) (Listing, error)
}

// Store is a Source that takes evidence too.
type Store interface {
	Source
	// Attach stores artifacts as referrers of subject and returns when a listing shows all of them, with their manifests'
	// descriptors in order. Attaching what is there already changes nothing.
	Attach(ctx context.Context, subject Descriptor, artifacts ...Artifact) ([]Descriptor, error)
}
