package policy

import (
	"maps"
	"slices"

	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/types"
)

// limits are how many entries the lists of the evidence are taken to have at most when the cost of a rule is estimated. With more a rule
// still runs, until it has cost maxCost.
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
	maxText = 512   // bytes of a text that has a field of its own
	maxFree = 4_096 // bytes or entries of anything in a predicate or in parameters
)

// sizeOf is the size of what is at a path: "signatures", "@items", "roles".
func sizeOf(path []string, t *types.Type) *cost.SizeEstimate {
	name, free := "", false
	for _, p := range path {
		switch {
		case p == "@items" || p == "@keys" || p == "@values":
		case name == "":
			name = p
		default:
			name += "." + p
		}
		free = free || name == "statements.predicate" || name == "provenance.parameters"
	}
	size := cost.RangedSizeEstimate(0, maxText)
	if limit, ok := limits[name]; ok && t.Kind() == types.ListKind {
		size = cost.RangedSizeEstimate(0, limit)
	}
	if free {
		size = cost.RangedSizeEstimate(0, maxFree)
	}
	return &size
}

// Size is how many entries a list is taken to have at most.
type Size struct {
	List    string // "provenance.inputs"
	Entries uint64
}

// Sizes are what estimates of cost rest on, by name.
func Sizes() []Size {
	var out []Size
	for _, name := range slices.Sorted(maps.Keys(limits)) {
		out = append(out, Size{name, limits[name]})
	}
	return out
}
