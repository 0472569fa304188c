package refdoc

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/selfsame-build/selfsame/recipes"
)

// schema is the part of JSON Schema that the recipe's uses.
type schema struct {
	Type                 string          `json:"type"`
	Description          string          `json:"description"`
	Properties           properties      `json:"properties"`
	Required             []string        `json:"required"`
	Items                *schema         `json:"items"`
	AdditionalProperties json.RawMessage `json:"additionalProperties"`
	OneOf                []schema        `json:"oneOf"`
	Enum                 []any           `json:"enum"`
	Pattern              string          `json:"pattern"`
	MinItems             int             `json:"minItems"`
	MaxLength            int             `json:"maxLength"`
	Default              json.RawMessage `json:"default"`
	Examples             []any           `json:"examples"`
	PropertyNames        *schema         `json:"propertyNames"`
}

// properties keeps the order of the file, which is the order of the Go struct.
type properties struct {
	names  []string
	schema map[string]schema
}

func (p *properties) UnmarshalJSON(data []byte) error {
	dec := json.NewDecoder(strings.NewReader(string(data)))
	if _, err := dec.Token(); err != nil {
		return err
	}
	p.schema = map[string]schema{}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return err
		}
		name, ok := key.(string)
		if !ok {
			return fmt.Errorf("key %v is no text", key)
		}
		var s schema
		if err := dec.Decode(&s); err != nil {
			return fmt.Errorf("reading `%s`: %w", name, err)
		}
		p.names = append(p.names, name)
		p.schema[name] = s
	}
	return nil
}

func recipePage() (string, error) {
	var root schema
	if err := json.Unmarshal(recipes.Schema(), &root); err != nil {
		return "", fmt.Errorf("reading the schema: %w", err)
	}
	r := &recipeText{}
	r.s.WriteString("# The recipe\n\n" +
		"`recipe.yaml` declares one image. It is read strictly: an unknown key, a wrong type, a repeated key, an alias, a second document, or a number where text is meant is an error, and all errors of a file are reported at once. " +
		"`selfsame check` reads it; `selfsame schema recipe` prints the JSON Schema that this page is made from; `selfsame init` writes a recipe and its schema.\n\n" +
		"In the tables, `[]` stands for each item of a list and `NAME` for a key of your own.\n\n" +
		"A build is given by `build.dockerfile` or by `build.stages`, never both; `target`, `args` and `contexts` belong to the first, `config` to the second. " +
		"A `source` is a `path`, or `git` with or without `ref`. A context is one of `debian`, `image` and `path`; a step is `run` or `copy`.\n\n")
	r.section("", root)
	return r.s.String(), nil
}

// recipeText writes one section for each object of the schema.
type recipeText struct{ s strings.Builder }

// part is an object that gets a section of its own.
type part struct {
	path string
	s    schema
}

func (r *recipeText) section(path string, s schema) {
	title := path
	if title == "" {
		title = "Top level"
	} else {
		title = code(title)
	}
	r.s.WriteString("## " + title + "\n\n" + table("key", "type", "meaning"))
	var below []part
	for _, name := range s.Properties.names {
		p := s.Properties.schema[name]
		full := strings.TrimPrefix(path+"."+name, ".")
		kind, objects := describe(full, p)
		below = append(below, objects...)
		label := code(name)
		if slices.Contains(s.Required, name) {
			label += " (required)"
		}
		r.s.WriteString(row(label, kind, p.Description+extras(p)))
	}
	r.s.WriteString("\n")
	for _, b := range below {
		r.section(b.path, b.s)
	}
}

// describe says what a value is, and which objects below it need a section.
func describe(path string, s schema) (kind string, below []part) {
	switch {
	case len(s.Properties.names) > 0:
		return "mapping", []part{{path, s}}
	case s.Type == "array" && s.Items != nil:
		kind, below = describe(path+"[]", *s.Items)
		return "list of " + plural(kind), below
	case s.Type == "object":
		var values schema
		if json.Unmarshal(s.AdditionalProperties, &values) == nil && values.Type != "" {
			kind, below = describe(path+".NAME", values)
			return "mapping of names to " + plural(kind), below
		}
		return "mapping", nil
	case len(s.OneOf) > 0:
		var kinds []string
		for _, o := range s.OneOf {
			k, b := describe(path, o)
			kinds, below = append(kinds, k), append(below, b...)
		}
		return strings.Join(slices.Compact(kinds), " or "), below
	case len(s.Enum) > 0:
		var values []string
		for _, v := range s.Enum {
			values = append(values, code(fmt.Sprint(v)))
		}
		return strings.Join(values, ", "), nil
	case s.Type == "string":
		return "text", nil
	}
	return s.Type, nil
}

func plural(kind string) string {
	if kind == "mapping" {
		return "mappings"
	}
	return kind
}

// extras are default and example.
func extras(s schema) string {
	out := ""
	if len(s.Default) > 0 && !strings.Contains(s.Description, "default") && !strings.Contains(s.Description, "left out") {
		out += " Default: " + code(string(s.Default)) + "."
	}
	examples := s.Examples
	if s.Items != nil && len(examples) == 0 {
		examples = s.Items.Examples
	}
	if len(examples) == 0 || len(s.Enum) > 0 {
		return out
	}
	var texts []string
	for _, e := range examples {
		text, err := json.Marshal(e)
		if v, ok := e.(string); ok {
			text = []byte(v)
		}
		if err == nil {
			texts = append(texts, code(string(text)))
		}
	}
	return out + " For example " + strings.Join(texts, ", ") + "."
}
