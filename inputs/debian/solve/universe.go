// Package solve chooses the packages of a base: a closed set in which every dependency holds and nothing conflicts. It is
// pure and deterministic; the same packages and wishes give the same answer in any order of reading.
package solve

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/selfsame-build/selfsame/inputs/debian/archive"
	"github.com/selfsame-build/selfsame/inputs/debian/control"
)

// Universe is every package that may be chosen, of one architecture. Origins (the caller's numbers, in the order of
// preference between equal versions) say where each came from.
type Universe struct {
	arch      string
	byName    map[string][]*candidate
	providers map[string][]provider
}

// candidate is one version of a package. Its relations are read when it is first looked at.
type candidate struct {
	archive.Package
	origin              int
	read                bool
	depends             [][]control.Relation // Pre-Depends, then Depends
	conflicts, provides []control.Relation   // conflicts: Conflicts and Breaks
}

// provider says that a package provides a virtual one, at a version or at none.
type provider struct {
	by      *candidate
	version string
}

// NewUniverse is empty. arch is the architecture that qualifiers in dependencies are held against.
func NewUniverse(arch string) *Universe {
	return &Universe{arch: arch, byName: map[string][]*candidate{}, providers: map[string][]provider{}}
}

// Add takes one package in. Of a name and version met before, the one with the lower origin stays.
func (u *Universe) Add(p archive.Package, origin int) error {
	for i, c := range u.byName[p.Name] {
		if c.Version == p.Version {
			if origin < c.origin {
				return fmt.Errorf("package %s %s: origins must be added in order", u.byName[p.Name][i].Name, p.Version)
			}
			return nil
		}
	}
	if err := control.CheckVersion(p.Version); err != nil {
		return fmt.Errorf("package %s: %w", p.Name, err)
	}
	c := &candidate{Package: p, origin: origin}
	provides, err := single(p.Provides)
	if err != nil {
		return fmt.Errorf("package %s: field Provides: %w", p.Name, err)
	}
	c.provides = provides
	u.byName[p.Name] = append(u.byName[p.Name], c)
	for _, r := range provides {
		if r.Op != control.Any && r.Op != control.Equal {
			return fmt.Errorf("package %s: field Provides: %s is no exact version", p.Name, r)
		}
		u.providers[r.Name] = append(u.providers[r.Name], provider{c, r.Version})
	}
	return nil
}

// sort brings every list into its final order: versions from the newest, providers by rank, name and version.
func (u *Universe) sort() {
	newest := func(a, b *candidate) int {
		c, err := control.Compare(b.Version, a.Version)
		if err != nil { // both were checked by Add
			return cmp.Compare(b.Version, a.Version)
		}
		return c
	}
	for _, l := range u.byName {
		slices.SortStableFunc(l, newest)
	}
	for _, l := range u.providers {
		slices.SortStableFunc(l, func(a, b provider) int {
			return cmp.Or(cmp.Compare(a.by.Rank, b.by.Rank), cmp.Compare(a.by.Name, b.by.Name), newest(a.by, b.by))
		})
	}
}

// relations reads c's fields once.
func (c *candidate) relations() error {
	if c.read {
		return nil
	}
	for _, field := range []string{c.PreDepends, c.Depends} {
		g, err := control.ParseRelations(field)
		if err != nil {
			return fmt.Errorf("dependencies of package %s: %w", c.Name, err)
		}
		c.depends = append(c.depends, g...)
	}
	for _, field := range []string{c.Conflicts, c.Breaks} {
		l, err := single(field)
		if err != nil {
			return fmt.Errorf("conflicts of package %s: %w", c.Name, err)
		}
		c.conflicts = append(c.conflicts, l...)
	}
	c.read = true
	return nil
}

// single reads a field that allows no alternatives.
func single(field string) ([]control.Relation, error) {
	if field == "" {
		return nil, nil
	}
	groups, err := control.ParseRelations(field)
	if err != nil {
		return nil, err
	}
	var l []control.Relation
	for _, g := range groups {
		if len(g) != 1 {
			return nil, fmt.Errorf("%s | ... is an alternative", g[0])
		}
		l = append(l, g[0])
	}
	return l, nil
}

// matches says whether c is what r names, by its own name or by what it provides. A constraint on a version is met by a
// provided version only if there is one (Debian Policy §7.5).
func (u *Universe) matches(r control.Relation, c *candidate) bool {
	if r.Arch != "" && r.Arch != "any" && r.Arch != "native" && r.Arch != u.arch {
		return false
	}
	if r.Name == c.Name && allows(r, c.Version) {
		return true
	}
	for _, p := range c.provides {
		if p.Name == r.Name && (r.Op == control.Any || p.Version != "" && allows(r, p.Version)) {
			return true
		}
	}
	return false
}

// allows cannot fail: both versions were checked when they were read.
func allows(r control.Relation, version string) bool {
	ok, err := r.Allows(version)
	return err == nil && ok
}
