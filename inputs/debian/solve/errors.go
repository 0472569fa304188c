package solve

import (
	"fmt"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
)

// UnknownPackageError says that a package asked for by name does not exist.
type UnknownPackageError struct {
	Name string
	// Providers are the packages that provide it, if it is a virtual one: one of these must be named.
	Providers []string
	// Similar are existing names that look like it, the likeliest first, at most three.
	Similar []string
}

func (e *UnknownPackageError) Error() string {
	if len(e.Providers) > 0 {
		return fmt.Sprintf("%q is a virtual package, provided by %s", e.Name, strings.Join(e.Providers, ", "))
	}
	return fmt.Sprintf("there is no package %q", e.Name)
}

// UnsatisfiableError says that no choice of packages fulfils the wish.
type UnsatisfiableError struct {
	// Package needs Relation (a dependency with its alternatives, or the package that it conflicts with).
	Package, Relation string
	// Chain leads from what was asked for to Package, each needing the next.
	Chain []string
	// Reason says what stood in the way.
	Reason string
}

func (e *UnsatisfiableError) Error() string {
	s := fmt.Sprintf("%s needs %s, but %s", e.Package, e.Relation, e.Reason)
	if len(e.Chain) > 1 {
		s += " (" + strings.Join(e.Chain, " needs ") + ")"
	}
	return s
}

// unknown makes the error for a name, with the names that look most like it.
func (u *Universe) unknown(name string) error {
	e := &UnknownPackageError{Name: name}
	for _, p := range u.providers[name] {
		if !slices.Contains(e.Providers, p.by.Name) && len(e.Providers) < 10 {
			e.Providers = append(e.Providers, p.by.Name)
		}
	}
	limit := max(1, min(3, (len(name)+1)/3))
	type near struct {
		name     string
		distance int
	}
	var all []near
	for n := range u.byName {
		if d := len(n) - len(name); d > limit || -d > limit {
			continue
		}
		if d := distance(name, n); d <= limit {
			all = append(all, near{n, d})
		}
	}
	slices.SortFunc(all, func(a, b near) int {
		if a.distance != b.distance {
			return a.distance - b.distance
		}
		return strings.Compare(a.name, b.name)
	})
	for _, n := range all[:min(3, len(all))] {
		e.Similar = append(e.Similar, n.name)
	}
	return e
}

// distance is the number of edits, where letters in another order count as one: "crul" for "curl".
func distance(a, b string) int {
	letters := func(s string) string { r := []byte(s); slices.Sort(r); return string(r) }
	d := levenshtein.Distance(a, b, nil)
	if d == 2 && letters(a) == letters(b) {
		return 1
	}
	return d
}
