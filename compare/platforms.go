package compare

import (
	"encoding/json"
	"path"
	"slices"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Docker's names for an index and a manifest.
const (
	dockerList     = "application/vnd.docker.distribution.manifest.list.v2+json"
	dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
)

// unknownPlatform is what BuildKit calls the platform of its attestations.
const unknownPlatform = "unknown/unknown"

// IsAttestation says whether an entry of an index is one of BuildKit's attestations, which is no image.
func IsAttestation(d ocispec.Descriptor) bool {
	return d.Annotations["vnd.docker.reference.type"] == "attestation-manifest" || DescriptorPlatform(d) == unknownPlatform
}

// MatchPlatform says whether p is one of list. For 64-bit ARM the variant v8 is the only one, and often left out.
func MatchPlatform(list []string, p string) bool {
	return slices.ContainsFunc(list, func(want string) bool { return plain(want) == plain(p) })
}

func plain(p string) string {
	if p == "linux/arm64/v8" {
		return "linux/arm64"
	}
	return p
}

// DescriptorPlatform is what an index says of an entry's platform; empty where it says nothing.
func DescriptorPlatform(d ocispec.Descriptor) string {
	if d.Platform == nil {
		return ""
	}
	return path.Join(d.Platform.OS, d.Platform.Architecture, d.Platform.Variant)
}

// rootType tells what a manifest is by what it says itself, else by its shape.
func rootType(raw []byte) string {
	var shape struct {
		MediaType string          `json:"mediaType"`
		Manifests json.RawMessage `json:"manifests"`
	}
	if json.Unmarshal(raw, &shape) == nil && shape.MediaType != "" {
		return shape.MediaType
	}
	if shape.Manifests != nil {
		return ocispec.MediaTypeImageIndex
	}
	return ocispec.MediaTypeImageManifest
}
