package trust

import (
	"encoding/json"
	"reflect"
	"time"

	"github.com/selfsame-build/selfsame/internal/strictyaml"
)

// Schema is the JSON Schema (draft-07, which editors know) of a trust file, made from the types that it is read into. Whatever Parse accepts
// it accepts; it does not know all rules, those across signers least of all.
func Schema() []byte { return schemaOf("selfsame trust file", reflect.TypeFor[file]()) }

// RosterSchema is that of a roster.
func RosterSchema() []byte { return schemaOf("selfsame roster", reflect.TypeFor[rosterFile]()) }

// object is a part of a schema.
type object map[string]any

func schemaOf(title string, t reflect.Type) []byte {
	s := structure(t)
	s["$schema"], s["title"] = "http://json-schema.org/draft-07/schema#", title
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		panic("trust: a schema of texts and numbers cannot be encoded: " + err.Error())
	}
	return append(text, '\n')
}

// structure is the schema of a mapping with known keys.
func structure(t reflect.Type) object {
	properties, required := object{}, []string{}
	for i := range t.NumField() {
		f := t.Field(i)
		key, checks := f.Tag.Get("yaml"), strictyaml.ParseTag(f.Tag, formats)
		s := value(f.Type, checks)
		s["description"] = meaning[key]
		if checks.Required {
			required = append(required, key)
		}
		properties[key] = s
	}
	s := object{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		s["required"] = required
	}
	if t == reflect.TypeFor[identity]() {
		s["oneOf"] = []object{{"required": []string{"subject"}}, {"required": []string{"subjectRegexp"}}}
	}
	if t == reflect.TypeFor[entry]() || t == reflect.TypeFor[owner]() {
		s["anyOf"] = []object{{"required": []string{"keys"}}, {"required": []string{"identities"}}}
	}
	return s
}

// value is the schema of one value.
func value(t reflect.Type, c strictyaml.Checks) object {
	switch t {
	case reflect.TypeFor[Level]():
		return object{"type": "string", "enum": []string{"L1", "L2", "L3"}}
	case reflect.TypeFor[time.Time]():
		return object{"type": "string", "pattern": dates.String(), "examples": []string{"2026-01-31", "2026-01-31T12:00:00Z"}}
	case reflect.TypeFor[age]():
		return object{"type": "string", "pattern": ages.String(), "examples": []string{"7d", "12h"}}
	}
	switch t.Kind() {
	case reflect.Struct:
		return structure(t)
	case reflect.Map:
		s := object{"type": "object", "minProperties": 1, "additionalProperties": value(t.Elem(), strictyaml.Checks{})}
		if c.Keys != nil {
			s["propertyNames"] = text(c.Keys)
		}
		return s
	case reflect.Slice:
		s := object{"type": "array", "minItems": 1, "items": value(t.Elem(), strictyaml.Checks{Format: c.Format})}
		if c.Unique {
			s["uniqueItems"] = true
		}
		return s
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int:
		return object{"type": "integer", "minimum": 0}
	}
	return text(c.Format)
}

// text is the schema of a text; nil: any.
func text(f *strictyaml.Format) object {
	s := object{"type": "string", "minLength": 1}
	switch {
	case f == nil:
	case f.Enum != nil:
		s["enum"] = f.Enum
	default:
		s["pattern"], s["maxLength"], s["examples"] = f.Pattern, max(f.Max, 0), f.Examples
		if f.Max == 0 {
			s["maxLength"] = strictyaml.DefaultMax
		}
	}
	return s
}

// meaning is what an editor shows for each key.
var meaning = map[string]string{
	"trust":           "The version of the format: v1.",
	"sigstore":        "Path of a trusted_root.json. Identities count only against it.",
	"signers":         "Who counts, by a name of your own.",
	"denylist":        "A deny list that is asked before anything else.",
	"index":           "A release index; all that it lists must be there. An owner of a roster has it in a repository and under keys of its own.",
	"policy":          "The signed policy that decides what may run.",
	"at":              "A reference, or a file beside this one.",
	"unnamed":         "Its statements need not name a repository; they then count for every one that it may speak for.",
	"keys":            "Public keys: paths relative to this file, or PEM blocks.",
	"identities":      "Certificate holders, by who vouches for them and what they are called.",
	"roles":           "What it may say. One key or identity cannot release images and speak against them.",
	"builders":        "Which builder.id it may claim; in a trust file each with the SLSA build level (L1 to L3) that you trust the pair up to.",
	"verifiers":       "Which verifier.id it may claim in verdicts that it hands on. Left out: selfsame's own.",
	"names":           "Repositories that it may speak for; `/*` at the end means all below. Left out: any.",
	"from":            "When its word begins to count, by a time that a trusted party vouches for.",
	"until":           "When its word ends to count. What it said before stays good.",
	"owner":           "Who is behind it. Rebuilds are counted by owner. Left out: the name.",
	"environment":     "The class of surroundings that it builds in, in your words.",
	"issuer":          "Who vouches for the identity, to the letter.",
	"subject":         "What it is called, to the letter.",
	"subjectRegexp":   "An expression (RE2) that must match the whole subject.",
	"list":            "A reference, or a file beside this one.",
	"minimum":         "The least sequence number that counts.",
	"maxAge":          "How long ago it may have been issued: 7d, 12h.",
	"in":              "The repository that it lies in. In a trust file, left out: the image's own.",
	"roster":          "The version of the format: v1.",
	"owners":          "Who may say that an image was built again, by name; below `demand`, how many of them have to.",
	"demand":          "What has to come together.",
	"environments":    "Distinct classes of environments among the owners.",
	"refetched":       "Owners among them who fetched the inputs anew.",
	"includeOriginal": "Whether who made the image counts as one owner.",
}
