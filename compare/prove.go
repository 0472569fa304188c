package compare

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/internal/diag"
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
	img, ok := p.Image(platform)
	if !ok {
		return "", false
	}
	return img.digest, true
}

// Image is A's image for platform; false where platform was not proven.
func (p Proof) Image(platform string) (*Image, bool) {
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
	if err := provable(pairs); err != nil {
		return Proof{}, nil, err
	}
	made := &proof{dir: pairs[0].A.dir, images: map[string]*Image{}}
	equal := true
	opt.ByBlob = false
	var reports []Report
	for _, p := range pairs {
		opt.Steps = p.Steps
		rep, err := Images(ctx, p.A, p.B, opt)
		if err != nil {
			return Proof{}, nil, fmt.Errorf("comparing %s: %w", p.Platform, err)
		}
		equal = equal && rep.Equal()
		reports = append(reports, rep)
		made.platforms = append(made.platforms, p.Platform)
		made.images[p.Platform] = p.A
	}
	if !equal {
		return Proof{}, reports, nil
	}
	slices.Sort(made.platforms)
	return Proof{made}, reports, nil
}

// provable refuses pairs whose agreement would mean nothing.
func provable(pairs []Pair) error {
	if len(pairs) == 0 {
		return diag.Errorf(diag.CodeComparisonRefused, "nothing to compare")
	}
	seen := map[string]bool{}
	for _, p := range pairs {
		switch {
		case p.A == nil || p.B == nil:
			return diag.Errorf(diag.CodeComparisonRefused, "%s: one of the two images is missing", p.Platform)
		case p.A.brought || p.B.brought:
			return diag.Errorf(diag.CodeComparisonRefused, "%s: the layers of one of the two images were left where they are", p.Platform)
		case seen[p.Platform]:
			return diag.Errorf(diag.CodeComparisonRefused, "%s is there twice", p.Platform)
		case p.A.platform != p.Platform || p.B.platform != p.Platform:
			return diag.Errorf(diag.CodeComparisonRefused, "asked about %s, but A is for %s and B for %s", p.Platform, p.A.platform, p.B.platform)
		case p.A.dir != pairs[0].A.dir:
			return diag.Errorf(diag.CodeComparisonRefused, "the first builds are in two layouts: `%s` and `%s`", pairs[0].A.dir, p.A.dir)
		}
		seen[p.Platform] = true
		if err := apart(p.A.dir, p.B.dir); err != nil {
			return err
		}
	}
	return nil
}

// apart checks that two layouts are two folders with blobs of their own.
func apart(a, b string) error {
	for _, sub := range []string{".", "blobs", "blobs/sha256"} {
		x, err := os.Stat(filepath.Join(a, sub))
		if err != nil {
			return unreadable(fmt.Errorf("reading the layout in `%s`: %w", a, err))
		}
		y, err := os.Stat(filepath.Join(b, sub))
		if err != nil {
			return unreadable(fmt.Errorf("reading the layout in `%s`: %w", b, err))
		}
		if os.SameFile(x, y) {
			return diag.Errorf(diag.CodeComparisonRefused, "`%s` and `%s` are one folder: an image is always equal to itself", a, b)
		}
	}
	return nil
}
