package policy

import (
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/types"
)

// limits are how many entries the lists of the evidence have at most; with more, no rule is asked about them and the image is denied.
var limits = map[string]uint64{
	"image.platforms":    100,
	"signatures":         500,
	"signatures.roles":   10,
	"provenance":         50,
	"provenance.inputs":  10_000,
	"rebuilds":           200,
	"rebuilds.axes":      50,
	"packages":           50_000,
	"bases":              200,
	"statements":         200,
	"statements.roles":   10,
	"lists":              20,
	"summary.rebuilders": 100,
	"summary.axes":       50,
}

const (
	maxText    = 512    // bytes of a text that has a field of its own
	maxDynText = 16_384 // bytes of a text in a predicate or in parameters
	maxDynList = 1_000  // entries of a list or mapping in there
)

// sizeOf is the size of what is at a path: "signatures", "@items", "roles".
func sizeOf(path []string, t *types.Type) *cost.SizeEstimate {
	name, dyn := "", false
	for _, p := range path {
		switch {
		case p == "@items" || p == "@keys" || p == "@values":
		case name == "":
			name = p
		default:
			name += "." + p
		}
		dyn = dyn || name == "statements.predicate" || name == "provenance.parameters"
	}
	size := cost.RangedSizeEstimate(0, maxText)
	switch limit, ok := limits[name]; {
	case dyn && t.Kind() == types.StringKind:
		size = cost.RangedSizeEstimate(0, maxDynText)
	case dyn:
		size = cost.RangedSizeEstimate(0, maxDynList)
	case ok && t.Kind() == types.ListKind:
		size = cost.RangedSizeEstimate(0, limit)
	}
	return &size
}
