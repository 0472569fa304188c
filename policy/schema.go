package policy

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/selfsame-build/selfsame/internal/strictyaml"
)

// Schema is the JSON Schema (draft-07, which editors know) of a policy, made from the types that Parse fills in. Whatever Parse accepts it
// accepts; that an expression is right it cannot know.
func Schema() []byte {
	s := schemaOf(reflect.TypeFor[file](), strictyaml.Checks{})
	doc := map[string]any{"$schema": "http://json-schema.org/draft-07/schema#", "title": "selfsame policy"}
	for k, v := range s {
		doc[k] = v
	}
	text, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		panic("policy: the schema: " + err.Error()) // it is made of texts and numbers
	}
	return append(text, '\n')
}

// moments are how a time is written.
const moments = `^\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\dZ)?$`

// schemaOf is the schema of one value of which c is demanded.
func schemaOf(t reflect.Type, c strictyaml.Checks) map[string]any {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return map[string]any{"type": "string", "pattern": moments, "examples": []string{"2026-01-31", "2026-01-31T12:00:00Z"}}
	case t == reflect.TypeFor[expression]():
		return map[string]any{"type": "string", "minLength": 1, "maxLength": maxExpression}
	case t.Kind() == reflect.Struct:
		return structSchema(t)
	case t.Kind() == reflect.Slice:
		return map[string]any{"type": "array", "minItems": 1, "uniqueItems": c.Unique, "items": schemaOf(t.Elem(), strictyaml.Checks{Format: c.Format})}
	case t.Kind() == reflect.Int:
		return map[string]any{"type": "integer", "minimum": 1, "maximum": 1_000_000}
	case t.Kind() == reflect.String:
		return textSchema(c.Format)
	}
	panic("policy: no schema for " + t.String())
}

func structSchema(t reflect.Type) map[string]any {
	properties, required := map[string]any{}, []string{}
	for i := range t.NumField() {
		f := t.Field(i)
		checks := strictyaml.ParseTag(f.Tag, formats)
		key := f.Tag.Get("yaml")
		p := schemaOf(f.Type, checks)
		p["description"] = f.Tag.Get("desc")
		properties[key] = p
		if checks.Required {
			required = append(required, key)
		}
	}
	return map[string]any{"type": "object", "additionalProperties": false, "properties": properties, "required": required}
}

func textSchema(f *strictyaml.Format) map[string]any {
	s := map[string]any{"type": "string", "minLength": 1}
	if f == nil {
		return s
	}
	if f.Enum != nil {
		s["enum"] = f.Enum
		return s
	}
	s["pattern"], s["examples"], s["description"] = f.Pattern, f.Examples, f.Want
	if f.Max > 0 {
		s["maxLength"] = f.Max
	}
	return s
}

// Field is one key of a policy file, for the reference.
type Field struct {
	Path     string // "rules[].match"
	Type     string // in words
	Required bool
	Text     string
}

// Fields are all keys of a policy file, in the order of the types.
func Fields() []Field {
	return fields("", reflect.TypeFor[file]())
}

func fields(path string, t reflect.Type) []Field {
	var out []Field
	for i := range t.NumField() {
		f := t.Field(i)
		c := strictyaml.ParseTag(f.Tag, formats)
		x := Field{Path: strings.TrimPrefix(path+"."+f.Tag.Get("yaml"), "."), Required: c.Required, Text: f.Tag.Get("desc")}
		inner := f.Type
		switch {
		case f.Type == reflect.TypeFor[time.Time]():
			x.Type = "time"
		case f.Type == reflect.TypeFor[expression]():
			x.Type = "CEL"
		case f.Type.Kind() == reflect.Int:
			x.Type = "number"
		case f.Type.Kind() == reflect.Slice:
			inner = f.Type.Elem()
			if x.Type = "list"; inner.Kind() == reflect.Struct {
				x.Path += "[]"
			}
		default:
			x.Type = "text"
		}
		out = append(out, x)
		if inner.Kind() == reflect.Struct && inner != reflect.TypeFor[time.Time]() && inner != reflect.TypeFor[expression]() {
			out = append(out, fields(x.Path, inner)...)
		}
	}
	return out
}

// Functions are the names of the functions and macros that expressions may use, beside operators.
func Functions() []string {
	out := []string{"all", "exists", "exists_one", "filter", "map", "has", everyName, "sortBy", "math.*"}
	for name := range calls {
		if strings.Trim(name, "_&|!=<>+-*/%?:[].@") == name && name != "" {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}
