// Package format knows how the small texts of a recipe are spelt: names, platforms, paths, references.
package format

import (
	"reflect"

	"github.com/selfsame-build/selfsame/internal/strictyaml"
)

type (
	// Format is one spelling rule.
	Format = strictyaml.Format
	// Problem is what is wrong with a text.
	Problem = strictyaml.Problem
	// Checks is what a field demands of its value.
	Checks = strictyaml.Checks
)

// defaultMax is the greatest length of a text whose format names none.
const defaultMax = strictyaml.DefaultMax

// Table is every format by the name that check tags use.
func Table() map[string]*Format { return table }

// Lookup finds a format by the name that a check tag uses.
func Lookup(name string) (*Format, bool) {
	f, ok := table[name]
	return f, ok
}

// ParseTag reads the check tag of a recipe's field. A tag that cannot be read is a mistake in the program.
func ParseTag(tag reflect.StructTag) Checks { return strictyaml.ParseTag(tag, table) }

func short(s string) string { return strictyaml.Short(s) }
