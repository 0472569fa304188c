package control

import (
	"fmt"
	"strings"
)

// Operators of a version constraint (Debian Policy §7.1). The empty operator accepts every version.
const (
	Any            = ""
	Earlier        = "<<"
	EarlierOrEqual = "<="
	Equal          = "="
	LaterOrEqual   = ">="
	Later          = ">>"
)

// Relation is one alternative: a package name and what is asked of its version.
type Relation struct {
	Name string
	// Arch is the qualifier after the colon: "any", "native", an architecture, or empty.
	Arch string
	// Op and Version are the constraint; both empty when there is none.
	Op, Version string
}

// String is the relation as Debian writes it.
func (r Relation) String() string {
	s := r.Name
	if r.Arch != "" {
		s += ":" + r.Arch
	}
	if r.Op != Any {
		s += " (" + r.Op + " " + r.Version + ")"
	}
	return s
}

// Allows says whether version v satisfies the constraint.
func (r Relation) Allows(v string) (bool, error) {
	if r.Op == Any {
		return true, nil
	}
	c, err := Compare(v, r.Version)
	if err != nil {
		return false, err
	}
	switch r.Op {
	case Earlier:
		return c < 0, nil
	case EarlierOrEqual:
		return c <= 0, nil
	case Equal:
		return c == 0, nil
	case LaterOrEqual:
		return c >= 0, nil
	case Later:
		return c > 0, nil
	}
	return false, fmt.Errorf("unknown operator %q", r.Op)
}

// maxRelations bounds one field; the longest real one has a few thousand.
const maxRelations = 20000

// ParseRelations reads a field like Depends: groups separated by commas, of which one alternative each (separated by bars)
// must hold. For Conflicts, Breaks and Provides each group has one alternative.
func ParseRelations(field string) ([][]Relation, error) {
	var groups [][]Relation
	n := 0
	for part := range strings.SplitSeq(field, ",") {
		if strings.TrimSpace(part) == "" {
			continue // a trailing comma is common
		}
		var group []Relation
		for alt := range strings.SplitSeq(part, "|") {
			if n++; n > maxRelations {
				return nil, fmt.Errorf("more than %d relations in one field", maxRelations)
			}
			r, err := parseRelation(alt)
			if err != nil {
				return nil, err
			}
			group = append(group, r)
		}
		groups = append(groups, group)
	}
	return groups, nil
}

// parseRelation reads "name[:arch] [(op version)]". The older "<" and ">" mean "<=" and ">=" (Policy §7.1).
func parseRelation(s string) (Relation, error) {
	name, rest, constrained := strings.Cut(strings.TrimSpace(s), "(")
	var r Relation
	r.Name, r.Arch, _ = strings.Cut(strings.TrimSpace(name), ":")
	if !ValidName(r.Name) || (r.Arch != "" && !ValidName(r.Arch)) || (r.Arch == "" && strings.Contains(name, ":")) {
		return Relation{}, fmt.Errorf("bad relation %q", clip(s))
	}
	if !constrained {
		return r, nil
	}
	inner, after, closed := strings.Cut(rest, ")")
	if !closed || strings.TrimSpace(after) != "" {
		return Relation{}, fmt.Errorf("bad relation %q", clip(s))
	}
	inner = strings.TrimSpace(inner)
	i := 0
	for i < len(inner) && strings.IndexByte("<>=", inner[i]) >= 0 {
		i++
	}
	r.Op, r.Version = inner[:i], strings.TrimSpace(inner[i:])
	switch r.Op {
	case "<":
		r.Op = EarlierOrEqual
	case ">":
		r.Op = LaterOrEqual
	case Earlier, EarlierOrEqual, Equal, LaterOrEqual, Later:
	default:
		return Relation{}, fmt.Errorf("bad operator in relation %q", clip(s))
	}
	if err := CheckVersion(r.Version); err != nil {
		return Relation{}, fmt.Errorf("relation %q: %w", clip(s), err)
	}
	return r, nil
}

// ValidName says whether s may be a package or architecture name: letters, digits, plus, minus, dot; at least two
// characters would be Policy's rule, but the archive's history has shorter ones. Upper case is refused in new packages only.
func ValidName(s string) bool {
	if s == "" || len(s) > 200 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alnum && (i == 0 || strings.IndexByte("+-._", c) < 0) {
			return false
		}
	}
	return true
}

func clip(s string) string { return s[:min(len(s), 80)] }
