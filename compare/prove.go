package compare

import (
	"context"
	"errors"
	"slices"

	"github.com/opencontainers/go-digest"
)

// Proof says that for each of its platforms two builds gave the same image, bit for bit. Only Prove makes one; the zero
// value proves nothing (Valid is false, every accessor is empty), so whoever needs a proof to act must check Valid.
// It speaks of what was read while proving: whoever copies from Dir must still check digests while copying.
type Proof struct{ p *proof }

type proof struct {
	dir       string
	platforms []string
	images    map[string]*Image
}

// Valid says whether p came from a comparison in which every platform was equal.
func (p Proof) Valid() bool { return p.p != nil }

// Dir is the OCI layout that holds the proven images: A's.
func (p Proof) Dir() string {
	if p.p == nil {
		return ""
	}
	return p.p.dir
}

// Platforms lists the proven platforms, sorted.
func (p Proof) Platforms() []string {
	if p.p == nil {
		return nil
	}
	return slices.Clone(p.p.platforms)
}

// Manifest is the manifest digest that both builds gave for platform; false where platform was not proven.
func (p Proof) Manifest(platform string) (digest.Digest, bool) {
	img, ok := p.image(platform)
	if !ok {
		return "", false
	}
	return img.digest, true
}

// DiffIDs are the checked digests of platform's decompressed layers, base first; nil where platform was not proven.
func (p Proof) DiffIDs(platform string) []digest.Digest {
	img, ok := p.image(platform)
	if !ok {
		return nil
	}
	return img.DiffIDs()
}

// Image is A's image for platform; false where platform was not proven.
func (p Proof) Image(platform string) (*Image, bool) { return p.image(platform) }

func (p Proof) image(platform string) (*Image, bool) {
	if p.p == nil {
		return nil, false
	}
	img, ok := p.p.images[platform]
	return img, ok
}

// Pair is one platform's two images.
type Pair struct {
	Platform string // os/arch[/variant]; must be what both configs say
	A, B     *Image
	// Steps maps a layer's index (from 0) to the step that made it.
	Steps map[int]Step
}

// Prove compares each pair. The proof is valid only if every pair is the same bit for bit; otherwise it is the zero Proof
// and the reports say what differs. Reports come in the order of pairs. It is an error (diagnostic A0404) to give no pair,
// a platform twice, a platform that the configs contradict, A's from more than one layout, or one folder as both A and B: a folder
// compared with itself proves nothing. opt.Steps is ignored in favour of each pair's.
func Prove(ctx context.Context, pairs []Pair, opt Options) (Proof, []Report, error) {
	return Proof{}, nil, errors.New("not written yet")
}
