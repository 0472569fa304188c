// Command genschema writes the JSON Schema of a recipe from the types of package recipes: their comments, yaml tags and check
// tags. It runs in the folder of that package, by `go generate`; its library is linked into nothing else.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"

	"github.com/invopop/jsonschema"
	"github.com/selfsame-build/selfsame/recipes"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: genschema FILE")
		os.Exit(2) //nolint:forbidigo // this is a main
	}
	text, err := generate()
	if err == nil {
		err = os.WriteFile(os.Args[1], text, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "genschema:", err)
		os.Exit(1) //nolint:forbidigo // this is a main
	}
}

func generate() ([]byte, error) {
	// No references: in draft-07 a description beside a $ref is ignored.
	r := &jsonschema.Reflector{Anonymous: true, DoNotReference: true, FieldNameTag: "yaml"}
	if err := r.AddGoComments(reflect.TypeFor[recipes.Recipe]().PkgPath(), "."); err != nil {
		return nil, fmt.Errorf("reading comments: %w", err)
	}
	r.Mapper = func(t reflect.Type) *jsonschema.Schema { return special(r, t) }
	s := r.Reflect(&recipes.Recipe{})
	refine(s, reflect.TypeFor[recipes.Recipe]())
	// Editors read draft-07 (yaml-language-server: "JSON Schema 7 and below").
	s.Version = "http://json-schema.org/draft-07/schema#"
	s.Title = "selfsame recipe"
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encoding the schema: %w", err)
	}
	return append(text, '\n'), nil
}
