package policy

import (
	"fmt"
	"strings"
)

// Oversize says which list of the evidence has more entries than rules may be asked about; empty: none has. Evidence that is not shown
// whole is not judged.
func (e *Evidence) Oversize() string {
	most := map[string]int{
		"image.platforms": len(e.Image.Platforms), "signatures": len(e.Signatures), "provenance": len(e.Provenance), "rebuilds": len(e.Rebuilds),
		"packages": len(e.Packages), "bases": len(e.Bases), "statements": len(e.Statements), "lists": len(e.Lists),
		"summary.rebuilders": len(e.Summary.Rebuilders), "summary.axes": len(e.Summary.Axes),
	}
	for _, s := range e.Signatures {
		most["signatures.roles"] = max(most["signatures.roles"], len(s.Roles))
	}
	for _, p := range e.Provenance {
		most["provenance.inputs"] = max(most["provenance.inputs"], len(p.Inputs))
	}
	for _, r := range e.Rebuilds {
		most["rebuilds.axes"] = max(most["rebuilds.axes"], len(r.Axes))
	}
	for _, s := range e.Statements {
		most["statements.roles"] = max(most["statements.roles"], len(s.Roles))
	}
	first := ""
	for name, n := range most {
		if limit, bounded := limits[name]; (!bounded || uint64(n) > limit) && (first == "" || strings.Compare(name, first) < 0) {
			first = name
		}
	}
	if first == "" {
		return ""
	}
	return fmt.Sprintf("%s has %d entries, and rules are asked about at most %d", first, most[first], limits[first])
}
