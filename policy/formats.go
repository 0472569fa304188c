//go:build !front

package policy

import (
	"reflect"
	"time"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/lazyregexp"
	"github.com/selfsame-build/selfsame/internal/strictyaml"
)

// formats are how the small texts of policies are spelt.
var formats = strictyaml.Compiled(map[string]*strictyaml.Format{
	"format": {Code: diag.CodePolicyForm, Noun: "a version of this file", Want: "this selfsame reads the format v1", Enum: []string{"v1"}},
	"name": {Code: diag.CodePolicyForm, Noun: "a name", Want: "a name has lower-case letters, digits and . _ -, and begins with a letter or digit",
		Pattern: `^[a-z0-9][a-z0-9._-]*$`, Examples: []string{"reproduced", "signed-by-us"}, Max: 128},
	"pattern": {Code: diag.CodePolicyForm, Noun: "a pattern of image names", Want: "a pattern names repositories without tag; * is a part of one path element, ** any number of elements",
		Pattern: `^[A-Za-z0-9*._:/\[\]-]+$`, Examples: []string{"registry.example.com/team/*", "registry.example.com/**"}, Max: 512, Check: patternProblem},
	"digest": {Code: diag.CodePolicyForm, Noun: "a digest", Want: "a digest is sha256: and 64 lower-case hexadecimal digits",
		Pattern: `^sha256:[0-9a-f]{64}$`, Examples: []string{"sha256:" + "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"}, Max: 71},
	"line": {Code: diag.CodePolicyForm, Noun: "one line of text", Want: "denials are shown on one line each, of at most 300 bytes",
		Pattern: `^[^\n\r]+$`, Examples: []string{"the image was not built again by anybody else"}, Max: 300},
	"remedy": {Code: diag.CodePolicyForm, Noun: "one line of text", Want: "denials are shown on one line each, of at most 300 bytes",
		Pattern: `^[^\n\r]+$`, Examples: []string{"have a rebuilder audit it"}, Max: 300},
})

// special decodes what is neither text nor list.
var special = map[reflect.Type]strictyaml.Special{
	reflect.TypeFor[time.Time]():  moment,
	reflect.TypeFor[expression](): decodeExpression,
}

// dates: a day, or a second in UTC.
var dates = lazyregexp.New(`^\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\dZ)?$`)

// moment reads a time as written here, with or without quotes: YAML's other spellings of one are refused.
func moment(d *strictyaml.Decoder, f strictyaml.Field, v reflect.Value) {
	if t, ok := parseMoment(f.Node.Text); ok && f.Node.Kind == strictyaml.Scalar {
		v.Set(reflect.ValueOf(t))
		return
	}
	d.Broken[f.Path] = true
	d.Report(diag.CodePolicyForm, d.Where(f), "this is not a time", "a time is a day, or a second in UTC", "write 2026-01-31 or 2026-01-31T12:00:00Z")
}

func parseMoment(text string) (time.Time, bool) {
	if !dates.MatchString(text) {
		return time.Time{}, false
	}
	if len(text) == len(time.DateOnly) {
		text += "T00:00:00Z"
	}
	t, err := time.Parse(time.RFC3339, text)
	return t.UTC(), err == nil && !t.IsZero()
}

// expression is CEL as it is written, with its place.
type expression struct {
	text string
	node *strictyaml.Node
}

func decodeExpression(d *strictyaml.Decoder, f strictyaml.Field, v reflect.Value) {
	if !d.IsText(f, "an expression") {
		d.Broken[f.Path] = true
		return
	}
	v.Set(reflect.ValueOf(expression{f.Node.Text, f.Node}))
}
