package main

import (
	"encoding/json"
	"reflect"
	"strings"

	"github.com/invopop/jsonschema"
	"github.com/selfsame-build/selfsame/recipes"
	"github.com/selfsame-build/selfsame/recipes/internal/format"
)

// special is the schema of the types that stand for more than one YAML shape; nil for all others.
func special(r *jsonschema.Reflector, t reflect.Type) *jsonschema.Schema {
	switch t {
	case reflect.TypeFor[recipes.Epoch]():
		return &jsonschema.Schema{
			OneOf: []*jsonschema.Schema{
				{Type: "string", Enum: []any{"source"}},
				{Type: "integer", Minimum: "0", Maximum: json.Number("253402300799")},
			},
			Default: "source", Examples: []any{"source", 1700000000},
		}
	case reflect.TypeFor[recipes.From]():
		debian := r.ReflectFromType(reflect.TypeFor[recipes.Debian]())
		debian.Version = ""
		refine(debian, reflect.TypeFor[recipes.Debian]())
		image, _ := format.Lookup("image")
		name := &jsonschema.Schema{Type: "string"}
		constrain(name, image)
		object := &jsonschema.Schema{
			Type: "object", Properties: jsonschema.NewProperties(), Required: []string{"debian"},
			AdditionalProperties: jsonschema.FalseSchema,
		}
		object.Properties.Set("debian", debian)
		return &jsonschema.Schema{
			OneOf:    []*jsonschema.Schema{name, object},
			Examples: []any{"debian:trixie", "scratch", map[string]any{"debian": map[string]any{"suite": "trixie"}}},
		}
	}
	return nil
}

// refine adds to the schema of struct t what its check tags and the rules between its keys say.
func refine(s *jsonschema.Schema, t reflect.Type) {
	s.Required = nil
	s.Description = sentence(s.Description)
	for i := range t.NumField() {
		f := t.Field(i)
		key := f.Tag.Get("yaml")
		if key == "-" {
			continue
		}
		p, _ := s.Properties.Get(key)
		checks := format.ParseTag(f.Tag)
		if checks.Required {
			s.Required = append(s.Required, key)
		}
		field(p, f.Type, checks)
		p.Description = strings.Replace(sentence(p.Description), f.Name+" ", "`"+key+"` ", 1)
	}
	choices(s, t)
}

// field adds what checks say of one value, and goes on into what it holds.
func field(s *jsonschema.Schema, t reflect.Type, c format.Checks) {
	one := uint64(1)
	switch t.Kind() {
	case reflect.String:
		if !c.EmptyOK {
			s.MinLength = &one
		}
		if c.Format != nil {
			constrain(s, c.Format)
		}
	case reflect.Slice:
		if !c.EmptyOK {
			s.MinItems = &one
		}
		s.UniqueItems = c.Unique
		field(s.Items, t.Elem(), format.Checks{Format: c.Format, EmptyOK: c.EmptyOK})
	case reflect.Map:
		s.MinProperties = &one
		if c.Keys != nil {
			s.PropertyNames = &jsonschema.Schema{}
			constrain(s.PropertyNames, c.Keys)
		}
		field(s.AdditionalProperties, t.Elem(), format.Checks{EmptyOK: true})
	case reflect.Pointer:
		field(s, t.Elem(), c)
	case reflect.Struct:
		if s.OneOf == nil {
			refine(s, t)
		}
	}
}

// constrain adds a format's pattern, values and examples to s.
func constrain(s *jsonschema.Schema, f *format.Format) {
	s.Pattern = f.Pattern
	for _, e := range f.Enum {
		s.Enum = append(s.Enum, e)
	}
	for _, e := range f.Examples {
		s.Examples = append(s.Examples, strings.Trim(e, `"`))
	}
	if f.Max > 0 {
		most := uint64(f.Max)
		s.MaxLength = &most
	}
}

// choices adds the rules that say which keys exclude each other.
func choices(s *jsonschema.Schema, t reflect.Type) {
	one := uint64(1)
	need := func(keys ...string) *jsonschema.Schema { return &jsonschema.Schema{Required: keys} }
	without := func(s *jsonschema.Schema, keys ...string) *jsonschema.Schema {
		s.Not = &jsonschema.Schema{}
		for _, k := range keys {
			s.Not.AnyOf = append(s.Not.AnyOf, need(k))
		}
		return s
	}
	switch t {
	case reflect.TypeFor[recipes.Source]():
		s.OneOf = []*jsonschema.Schema{without(need("path"), "git", "ref"), without(need("git"), "path")}
		s.Default = map[string]any{"path": "."}
	case reflect.TypeFor[recipes.Build]():
		s.OneOf = []*jsonschema.Schema{
			without(need("dockerfile"), "stages", "config"),
			without(need("stages"), "dockerfile", "target", "args", "contexts"),
		}
	case reflect.TypeFor[recipes.Context](), reflect.TypeFor[recipes.Step]():
		s.MinProperties, s.MaxProperties = &one, &one
	case reflect.TypeFor[recipes.Output]():
		p, _ := s.Properties.Get("compression")
		p.Default = "zstd"
	}
}

// sentence joins the lines of a Go comment.
func sentence(comment string) string { return strings.Join(strings.Fields(comment), " ") }
