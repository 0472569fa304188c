package verify

import (
	"cmp"
	"slices"

	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/policy"
	"github.com/selfsame-build/selfsame/provenance"
)

// maxElsewhere bounds the images that are named.
const maxElsewhere = 3

// elsewhere are the statements that are attached to the image or one of its platforms, are signed by somebody whose word counts, and are about
// other images: whoever may write to a repository can attach evidence of one image to another. It proves nothing and decides nothing; it says
// why an image that has evidence by the look of it has none.
func (j *judge) elsewhere(images []image) []policy.Elsewhere {
	ours := func(s provenance.Subject) bool {
		return slices.ContainsFunc(images, func(i image) bool { return i.desc.Digest == s.SHA256() })
	}
	seen := map[digest.Digest]bool{} // a statement may be attached to each platform
	var out []policy.Elsewhere
	for _, x := range j.judged { // the image itself first
		for _, s := range x.trusted {
			if seen[s.payload] || s.Governs() || len(s.Subject) == 0 || slices.ContainsFunc(s.Subject, ours) {
				continue
			}
			seen[s.payload] = true
			d := s.Subject[0].SHA256().String()
			n := slices.IndexFunc(out, func(e policy.Elsewhere) bool { return e.Digest == d })
			if n < 0 {
				n, out = len(out), append(out, policy.Elsewhere{Digest: d})
			}
			out[n].Statements++
		}
	}
	slices.SortStableFunc(out, func(a, b policy.Elsewhere) int { return cmp.Compare(b.Statements, a.Statements) })
	return out[:min(len(out), maxElsewhere)]
}
