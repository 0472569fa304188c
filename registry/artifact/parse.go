package artifact

import (
	"errors"
	"fmt"
	"strings"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/internal/strictjson"
)

// The media types of Docker that mean what an OCI type means; base images still carry them.
const (
	dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	dockerIndex    = "application/vnd.docker.distribution.manifest.list.v2+json"
)

// ManifestTypes is what a client says it accepts where it asks for a manifest or an index.
var ManifestTypes = []string{v1.MediaTypeImageIndex, v1.MediaTypeImageManifest, dockerIndex, dockerManifest}

// IsIndex says whether a media type is that of an index (Docker: manifest list).
func IsIndex(mediaType string) bool {
	return mediaType == v1.MediaTypeImageIndex || mediaType == dockerIndex
}

// IsManifest says whether a media type is that of the manifest of one image or artifact.
func IsManifest(mediaType string) bool {
	return mediaType == v1.MediaTypeImageManifest || mediaType == dockerManifest
}

// Parsed is a manifest or an index; the other one is nil.
type Parsed struct {
	Manifest *v1.Manifest
	Index    *v1.Index
}

// Children are the descriptors that it refers to: of a manifest its config and layers, of an index its manifests.
func (p Parsed) Children() []Descriptor {
	if p.Index != nil {
		return p.Index.Manifests
	}
	return append([]Descriptor{p.Manifest.Config}, p.Manifest.Layers...)
}

// maxChildren bounds the descriptors of one manifest or index.
const maxChildren = 16_384

// Parse reads raw as what mediaType says it is. Fields that OCI does not know are ignored, as the specification demands; a
// document that could be read as a manifest and as an index is refused (CVE-2021-41190), and so is any digest that is not
// sha256 in lower case and any size below zero.
func Parse(mediaType string, raw []byte) (Parsed, error) {
	var p Parsed
	limits := strictjson.Limits{MaxBytes: MaxManifest, MaxDepth: 16, MaxValues: 400_000, AllowUnknown: true}
	doc, err := strictjson.Read(raw, limits)
	if err != nil {
		return p, err
	}
	shape, err := doc.Members([]string{"mediaType", "config", "layers", "manifests"})
	if err != nil {
		return p, err
	}
	there := func(name string) bool { _, is := shape[name]; return is }
	var inside string
	if there("mediaType") && shape["mediaType"].Unmarshal(&inside) != nil {
		return p, errors.New("the media type is no text")
	}
	if inside != "" && inside != mediaType {
		return p, fmt.Errorf("media type %q inside, %q outside", inside, mediaType)
	}
	if there("manifests") && (there("config") || there("layers")) {
		return p, errors.New("both a manifest and an index")
	}
	switch {
	case IsIndex(mediaType):
		p.Index = &v1.Index{}
		return p, p.read(doc, p.Index)
	case IsManifest(mediaType):
		p.Manifest = &v1.Manifest{}
		return p, p.read(doc, p.Manifest)
	}
	return p, fmt.Errorf("media type %q is no manifest and no index", mediaType)
}

func (p Parsed) read(doc strictjson.Document, into any) error {
	if err := doc.Unmarshal(into); err != nil {
		return err
	}
	children := p.Children()
	if len(children) > maxChildren {
		return fmt.Errorf("%d descriptors, the limit is %d", len(children), maxChildren)
	}
	for _, c := range children {
		if err := CheckDescriptor(c); err != nil {
			return err
		}
	}
	if s := p.Subject(); s != nil {
		return CheckDescriptor(*s)
	}
	return nil
}

// Subject is what the manifest or index says it speaks about, or nil.
func (p Parsed) Subject() *Descriptor {
	if p.Index != nil {
		return p.Index.Subject
	}
	return p.Manifest.Subject
}

// CheckDescriptor refuses a descriptor without a media type, with a negative size, or whose digest is not sha256.
func CheckDescriptor(d Descriptor) error {
	switch {
	case d.MediaType == "":
		return errors.New("a descriptor without a media type")
	case d.Size < 0:
		return fmt.Errorf("a descriptor of %d bytes", d.Size)
	}
	return CheckDigest(d.Digest)
}

// CheckDigest takes "sha256:" and 64 lower-case hexadecimal digits, nothing else.
func CheckDigest(d digest.Digest) error {
	if isSHA256(string(d)) {
		return nil // without the patterns of go-digest, which word what is wrong with any other
	}
	if err := d.Validate(); err != nil {
		return fmt.Errorf("digest %.100q: %w", d, err)
	}
	if d.Algorithm() != digest.SHA256 {
		return fmt.Errorf("digest algorithm %q; only sha256 is taken", d.Algorithm())
	}
	return nil
}

func isSHA256(d string) bool {
	hex, ok := strings.CutPrefix(d, "sha256:")
	if !ok || len(hex) != 64 {
		return false
	}
	for _, c := range []byte(hex) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// ReadReferrer reads raw, the bytes of the manifest that listed names, as a referrer of subject. Everything in the result is
// from raw. The error says why it is not one.
func ReadReferrer(listed Descriptor, raw []byte, subject digest.Digest) (Referrer, error) {
	p, err := Parse(listed.MediaType, raw)
	switch {
	case err != nil:
		return Referrer{}, err
	case digest.FromBytes(raw) != listed.Digest || int64(len(raw)) != listed.Size:
		return Referrer{}, errors.New("digest or size differs from the listing's")
	case p.Subject() == nil:
		return Referrer{}, errors.New("names no subject")
	case p.Subject().Digest != subject:
		return Referrer{}, fmt.Errorf("its subject is %s", p.Subject().Digest)
	}
	r := Referrer{
		Descriptor: Descriptor{MediaType: listed.MediaType, Digest: listed.Digest, Size: listed.Size},
		Subject:    *p.Subject(),
	}
	if p.Index != nil {
		r.ArtifactType, r.Layers, r.Annotations = p.Index.ArtifactType, p.Index.Manifests, p.Index.Annotations
	} else {
		r.ArtifactType, r.Layers, r.Annotations = p.Manifest.ArtifactType, p.Manifest.Layers, p.Manifest.Annotations
		if r.ArtifactType == "" {
			r.ArtifactType = p.Manifest.Config.MediaType
		}
	}
	r.Descriptor.ArtifactType, r.Descriptor.Annotations = r.ArtifactType, r.Annotations
	return r, nil
}
