// Package seal carries the sealed inputs of an image as OCI artifacts beside it, so that the image can be built again from the
// registry alone.
//
// A seal is one or more artifacts of type ArtifactType whose subject is the image. Each is a part: its config lists the blobs
// that the part holds and in which layer each is found. A blob is a layer of its own as long as there are few; past
// MaxLayers of them, blobs below SmallBlob are concatenated into packs, since registries and their users pay for every layer
// (a package install alone has some 700 responses). A pack is a plain concatenation, the config says at which offset each
// blob begins; there is no archive format to parse and nothing in it but the blobs.
//
// A seal is deterministic: the same blobs and the same image give the same bytes. It is not signed and need not be: whoever
// restores from one asks for digests, and takes those from the signed provenance or the lock.
package seal

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/registry/artifact"
)

const (
	// ArtifactType marks the manifests of a seal.
	ArtifactType = "application/vnd.selfsame.seal.v1"
	// ConfigMediaType is that of a part's contents list.
	ConfigMediaType = "application/vnd.selfsame.seal.config.v1+json"
	// PackMediaType is that of a layer made of several blobs.
	PackMediaType = "application/vnd.selfsame.seal.pack.v1"

	// AnnotationTitle on a layer is the blob's title (image-spec annotations.md).
	AnnotationTitle = "org.opencontainers.image.title"
	// AnnotationPart is which part of the seal a manifest is, as in "1/3".
	AnnotationPart = "build.selfsame.seal.part"
)

const (
	// MaxLayers is how many blobs are layers of their own before small ones are packed.
	MaxLayers = 500
	// SmallBlob in bytes is what may be packed.
	SmallBlob = 1 << 20
	// maxPack bounds a pack in bytes, maxPackBlobs in blobs.
	maxPack      = 64 << 20
	maxPackBlobs = 4096
	// maxPartLayers and maxPartBlobs bound one manifest, far below the 4 MiB a registry must take.
	maxPartLayers = 1000
	maxPartBlobs  = 20_000
	// maxTitle bounds the title on a layer in bytes; the contents list has all of it.
	maxTitle = 256
	// maxConfig bounds a part's contents list in bytes.
	maxConfig = 16 << 20

	codeMalformed diag.Code = "A0517"
	codeMissing   diag.Code = "A0520"
)

// Blob is one sealed input.
type Blob struct {
	Digest    digest.Digest `json:"digest"`
	Size      int64         `json:"size"` // bytes
	MediaType string        `json:"mediaType"`
	Title     string        `json:"title,omitempty"` // for people, as in an URL
}

// contents is the config of one part.
type contents struct {
	Version int     `json:"version"` // 1
	Part    int     `json:"part"`    // from 1
	Parts   int     `json:"parts"`
	Whole   string  `json:"whole"` // the same in all parts of one seal: a digest over its list of blobs
	Blobs   []entry `json:"blobs"`
}

// entry says where a blob is: Layer counts from 0, Offset in bytes from its begin.
type entry struct {
	Blob
	Layer  int   `json:"layer"`
	Offset int64 `json:"offset,omitempty"`
}

// layer is one layer of a part: one blob, or a pack of several.
type layer []Blob

func (l layer) size() int64 {
	n := int64(0)
	for _, b := range l {
		n += b.Size
	}
	return n
}

// plan sorts blobs, each digest once, and puts them into layers and the layers into parts.
func plan(blobs []Blob) ([][]layer, string, error) {
	sorted := slices.Clone(blobs)
	slices.SortFunc(sorted, func(a, b Blob) int {
		return cmp.Or(cmp.Compare(a.Digest, b.Digest), cmp.Compare(a.MediaType, b.MediaType), cmp.Compare(a.Title, b.Title))
	})
	sorted = slices.CompactFunc(sorted, func(a, b Blob) bool { return a.Digest == b.Digest })
	for _, b := range sorted {
		if err := artifact.CheckDescriptor(artifact.Descriptor{MediaType: b.MediaType, Digest: b.Digest, Size: b.Size}); err != nil {
			return nil, "", diag.Errorf(codeMalformed, "sealing %s: %w", b.Digest, err)
		}
	}
	raw, err := json.Marshal(sorted)
	if err != nil {
		return nil, "", err
	}
	var layers []layer
	var pack layer
	held := int64(0) // bytes in pack
	for _, b := range sorted {
		if len(sorted) <= MaxLayers || b.Size >= SmallBlob {
			layers = append(layers, layer{b})
			continue
		}
		if len(pack) == maxPackBlobs || held+b.Size > maxPack {
			layers, pack, held = append(layers, pack), nil, 0
		}
		pack, held = append(pack, b), held+b.Size
	}
	if len(pack) > 0 {
		layers = append(layers, pack)
	}
	return split(layers), digest.FromBytes(raw).String(), nil
}

// split cuts the layers into parts.
func split(layers []layer) [][]layer {
	var parts [][]layer
	var part []layer
	held := 0
	for _, l := range layers {
		if len(part) > 0 && (len(part) == maxPartLayers || held+len(l) > maxPartBlobs) {
			parts, part, held = append(parts, part), nil, 0
		}
		part, held = append(part, l), held+len(l)
	}
	return append(parts, part)
}

// index lists where each blob of a part is.
func index(layers []layer, part, parts int, whole string) contents {
	c := contents{Version: 1, Part: part, Parts: parts, Whole: whole}
	for i, l := range layers {
		offset := int64(0)
		for _, b := range l {
			c.Blobs = append(c.Blobs, entry{b, i, offset})
			offset += b.Size
		}
	}
	return c
}

func partName(c contents) string { return fmt.Sprintf("%d/%d", c.Part, c.Parts) }
