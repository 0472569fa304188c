// Package doctor finds the ways by which a node or a cluster that looks guarded is not: each was measured, and each goes without an error
// anywhere (issue 6). It reads and reports; it changes nothing.
package doctor

import (
	"cmp"
	"slices"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// Finding is one way around the guard.
type Finding struct {
	Code diag.Code `json:"code"`
	// Place is FILE:LINE, the path of a file, or an object's name and field.
	Place   string `json:"place"`
	Summary string `json:"summary"`
	Why     string `json:"why"`
	Fix     string `json:"fix"` // one line, and where to put it
	// Warning is what weakens the guard without being a way around it.
	Warning bool `json:"warning,omitempty"`
}

// Failed reports whether any finding is more than a warning.
func Failed(all []Finding) bool {
	return slices.ContainsFunc(all, func(f Finding) bool { return !f.Warning })
}

// sorted puts findings in the order of their codes and places, each once.
func sorted(all []Finding) []Finding {
	slices.SortStableFunc(all, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Code, b.Code), cmp.Compare(a.Place, b.Place), cmp.Compare(a.Summary, b.Summary))
	})
	return slices.Compact(all)
}
