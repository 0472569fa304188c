// Package arch holds the layers of the design as data (rules.go) and checks the module against them in its test.
//
// Imports run downwards only: commands, surfaces, use cases, adapters, pure packages, base. Each heavy library has one
// owner, pure packages touch neither network nor processes, and some programs must not link some libraries at all. A
// violation names the import, the chain that leads to it and the reason for the rule.
package arch

import (
	"fmt"
	"slices"
	"sort"
	"strings"
)

// Package is one package of the build, ours or not, with what its non-test files import.
type Package struct {
	ImportPath string
	Imports    []string
}

// Check returns every breach of the rules, one sentence each, sorted.
func Check(pkgs []Package) []string {
	g := graph{}
	for _, p := range pkgs {
		g[p.ImportPath] = p.Imports
	}
	var found []string
	for _, p := range pkgs {
		name, ours := local(p.ImportPath)
		if !ours {
			continue
		}
		if _, ok := layerOf(name); !ok {
			found = append(found, name+" is in no layer: place it in internal/arch/rules.go")
			continue
		}
		for _, imp := range p.Imports {
			found = append(found, checkImport(name, imp)...)
		}
		found = append(found, g.checkBans(name, bans)...)
	}
	sort.Strings(found)
	return slices.Compact(found)
}

// CheckFront returns every breach of what the front (internal/cli/handover.go) may link. pkgs are its packages, built with its tag.
func CheckFront(pkgs []Package) []string {
	g := graph{}
	for _, p := range pkgs {
		g[p.ImportPath] = p.Imports
	}
	return g.checkBans("cmd/selfsame", frontBans)
}

// checkImport judges one import of one of our packages.
func checkImport(name, imp string) []string {
	var found []string
	layer, _ := layerOf(name)
	if target, ours := local(imp); ours {
		if why := checkLayer(name, target); why != "" {
			found = append(found, why)
		}
	}
	if layer == pure && slices.Contains(impure, imp) {
		found = append(found, fmt.Sprintf("%s -> %s: a pure package's results depend on its arguments alone", name, imp))
	}
	for _, o := range owners {
		if matches(imp, o.library) && layer != command && !ownedBy(name, imp, o) {
			found = append(found, fmt.Sprintf("%s -> %s: %s (%s)", name, imp, o.why, strings.Join(o.owners, ", ")))
		}
	}
	return found
}

// ownedBy tells whether name may import imp by o, or by a longer, more exact rule that covers the same import.
func ownedBy(name, imp string, o owner) bool {
	if slices.ContainsFunc(o.owners, func(own string) bool { return within(name, own) }) {
		return true
	}
	return slices.ContainsFunc(owners, func(other owner) bool {
		return len(other.library) > len(o.library) && matches(imp, other.library)
	})
}

// checkLayer says why name may not import target, or nothing.
func checkLayer(name, target string) string {
	from, _ := layerOf(name)
	to, ok := layerOf(target)
	switch {
	case !ok, to < from:
		return "" // an unplaced target is reported by itself
	case to == from && (family(name) == family(target) || allowedSideways(name, target)):
		return ""
	case to == from:
		return fmt.Sprintf("%s -> %s: both are %s packages, and the design draws no line between them", name, target, layerNames[from])
	default:
		return fmt.Sprintf("%s (%s) -> %s (%s): imports run downwards only", name, layerNames[from], target, layerNames[to])
	}
}

func allowedSideways(name, target string) bool {
	for root, targets := range sideways {
		if within(name, root) && slices.ContainsFunc(targets, func(t string) bool { return within(target, t) }) {
			return true
		}
	}
	return false
}

// graph is import path -> what it imports.
type graph map[string][]string

func (g graph) checkBans(name string, bans []ban) []string {
	var found []string
	for _, b := range bans {
		if !within(name, b.root) {
			continue
		}
		if chain := g.path(module+"/"+name, b.library, b.linked); chain != nil {
			found = append(found, fmt.Sprintf("%s: %s", strings.Join(chain, " -> "), b.why))
		}
	}
	return found
}

// path is the shortest chain of imports from one package to a library, or nil; only its own imports unless linked.
func (g graph) path(from, library string, linked bool) []string {
	seen := map[string]bool{from: true}
	queue := [][]string{{from}}
	for len(queue) > 0 {
		chain := queue[0]
		queue = queue[1:]
		for _, imp := range g[chain[len(chain)-1]] {
			if seen[imp] {
				continue
			}
			seen[imp] = true
			next := append(slices.Clone(chain), imp)
			if matches(imp, library) {
				return next
			}
			if linked {
				queue = append(queue, next)
			}
		}
	}
	return nil
}

// layerOf finds the layer of one of our packages by its longest prefix.
func layerOf(name string) (layer int, ok bool) {
	for p := name; ; {
		if l, ok := layers[p]; ok {
			return l, true
		}
		i := strings.LastIndexByte(p, '/')
		if i < 0 {
			return 0, false
		}
		p = p[:i]
	}
}

// local cuts the module from an import path of ours.
func local(path string) (name string, ours bool) {
	return strings.CutPrefix(path, module+"/")
}

// family is the first element of a package's path, and the second too below internal, whose packages have nothing in common.
func family(name string) string {
	first, rest, _ := strings.Cut(name, "/")
	if first == "internal" {
		second, _, _ := strings.Cut(rest, "/")
		return first + "/" + second
	}
	return first
}

func within(name, root string) bool { return name == root || strings.HasPrefix(name, root+"/") }

// matches tells whether imp is the library, or below it when the library ends in a slash.
func matches(imp, library string) bool {
	root, below := strings.CutSuffix(library, "/")
	return imp == root || below && strings.HasPrefix(imp, library)
}
