package strictyaml

import (
	"fmt"
	"reflect"
	"strings"
)

// Checks is a parsed `check` tag of a field: what is demanded of the value beside its type.
type Checks struct {
	Required bool // the key must be there
	Unique   bool // a list holds nothing twice
	EmptyOK  bool // an empty text or list is a value of its own
	// Format is that of a text, or of each entry of a list; nil means any text.
	Format *Format
	// Keys is the format of a mapping's keys; nil means any text.
	Keys *Format
}

// ParseTag reads the check tag of a field; formats are those that it may name. A tag that cannot be read is a mistake in the program.
func ParseTag(tag reflect.StructTag, formats map[string]*Format) Checks {
	var c Checks
	for part := range strings.SplitSeq(tag.Get("check"), ",") {
		switch name, keys := strings.CutPrefix(part, "keys="); {
		case part == "":
		case part == "required":
			c.Required = true
		case part == "unique":
			c.Unique = true
		case part == "emptyok":
			c.EmptyOK = true
		case keys:
			c.Keys = mustLookup(formats, name)
		default:
			c.Format = mustLookup(formats, name)
		}
	}
	return c
}

func mustLookup(formats map[string]*Format, name string) *Format {
	f, ok := formats[name]
	if !ok {
		panic(fmt.Sprintf("strictyaml: a check tag names the unknown format %q", name))
	}
	return f
}
