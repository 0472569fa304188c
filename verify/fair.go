package verify

import (
	"sort"

	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/registry/artifact"
)

// fair orders what is attached, so that neither somebody's huge junk nor a flood of small junk comes before all that is good: in
// turn from each kind of statement that a bundle claims to hold, in each kind the smallest first. The claim is an annotation
// that anybody can write. It decides the order and nothing else: what is not read makes the verdict undecided, whatever it claimed.
//
// Whoever may attach can always attach more than any budget, and whoever could make a verifier give up reading could hide a veto
// by it; so giving up is a denial. What this order buys is that the flood must consist of bundles smaller than the good ones, in
// every kind: ten thousand of them are read within the default budget (TestN15TenThousandJunk).
func fair(all []artifact.Referrer) []artifact.Referrer {
	kinds := map[string][]artifact.Referrer{}
	for _, r := range all {
		k := r.Annotations[artifact.AnnotationBundlePredicateType]
		if !known[k] {
			k = ""
		}
		kinds[k] = append(kinds[k], r)
	}
	names := sortedKeys(kinds)
	for _, k := range names {
		sort.SliceStable(kinds[k], func(i, j int) bool {
			a, b := kinds[k][i], kinds[k][j]
			if a.Layers[0].Size != b.Layers[0].Size {
				return a.Layers[0].Size < b.Layers[0].Size
			}
			return a.Descriptor.Digest < b.Descriptor.Digest
		})
	}
	out := make([]artifact.Referrer, 0, len(all))
	for turn := 0; len(out) < len(all); turn++ {
		for _, k := range names {
			if turn < len(kinds[k]) {
				out = append(out, kinds[k][turn])
			}
		}
	}
	return out
}

// known are the kinds of statement that have a check of their own.
var known = map[string]bool{
	provenance.PredicateProvenance: true, provenance.PredicateRebuild: true, provenance.PredicateSPDX: true,
	provenance.PredicateWaiver: true, provenance.PredicateVSA: true, provenance.PredicateSVR: true,
	provenance.PredicateLink: true, // for a layout, where one is given
}
