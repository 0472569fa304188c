//go:build !front

package registry

import (
	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/registry/artifact"
)

// maxReference is the most bytes of a reference: a name of 255, a tag of 128, a digest of 71, and some.
const maxReference = 512

// Reference is an image's reference, read and normalised.
type Reference struct {
	Name   string        // the repository, in full: "docker.io/library/debian"
	Tag    string        // "latest" where ref has neither tag nor digest
	Digest digest.Digest // sha256; empty when ref has none. With it the tag means nothing
}

// ParseReference reads ref as a node would, without asking anyone. Two parsers have to agree on it: the one that this package asks
// registries by, and distribution/reference, by which kubelet, containerd and CRI-O read what they pull. A name that means one repository
// here and another one there would be judged in one place and run from another. A0514: it is no reference, or they differ.
func ParseReference(ref string) (Reference, error) {
	if len(ref) > maxReference {
		return Reference{}, diag.Errorf(codeReference, "`%.100s...` is not an image reference: it has %d bytes, and %d are the most", ref, len(ref), maxReference)
	}
	ours, err := (&Client{}).parse(ref)
	if err != nil {
		return Reference{}, err
	}
	theirs, err := reference.ParseDockerRef(ref)
	if err != nil {
		return Reference{}, diag.Errorf(codeReference, "`%.200s` is not an image reference: %w", ref, err).
			WithHelp("write it as registry.example.com/team/shop:1.2.3")
	}
	r := Reference{Name: ours.repo.Name(), Tag: ours.tag, Digest: digest.Digest(ours.digest)}
	if theirs.Name() != r.Name {
		return Reference{}, diag.Errorf(codeReference, "`%.200s` is read as %s by some and as %s by others", ref, r.Name, theirs.Name()).
			WithHelp("write it as registry.example.com/team/shop:1.2.3")
	}
	if r.Digest == "" {
		return r, nil
	}
	if err := artifact.CheckDigest(r.Digest); err != nil {
		return Reference{}, diag.Errorf(codeReference, "`%.200s`: %w", ref, err)
	}
	if named, err := reference.ParseNormalizedNamed(ref); err == nil {
		if tagged, ok := named.(reference.Tagged); ok {
			r.Tag = tagged.Tag()
		}
	}
	return r, nil
}
