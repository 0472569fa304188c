package recipes

import (
	"bytes"
	_ "embed" // the schema is part of the program
)

//go:embed recipe.schema.json
var schema []byte

// Schema is the JSON Schema (draft-07, which editors know) of a recipe, made from the types by `go generate`. Whatever Parse
// accepts it accepts; it does not know all rules, those across fields least of all.
func Schema() []byte { return bytes.Clone(schema) }
