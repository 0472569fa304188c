package trust

import (
	"net/url"
	"reflect"
	"strings"
	"time"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/lazyregexp"
	"github.com/selfsame-build/selfsame/internal/strictyaml"
)

// formats are how the small texts of trust files and rosters are spelt.
var formats = strictyaml.Compiled(map[string]*strictyaml.Format{
	"version": {Code: diag.CodeTrustForm, Noun: "a version of this file", Want: "this selfsame reads the format v1", Enum: []string{"v1"}},
	"name": {Code: diag.CodeTrustForm, Noun: "a name", Want: "a name has lower-case letters, digits and . _ -, and begins with a letter or digit",
		Pattern: `^[a-z0-9][a-z0-9._-]*$`, Examples: []string{"release", "qa.example.com"}, Max: 128},
	"role": {Code: diag.CodeTrustForm, Noun: "a role", Want: "roles are what somebody may be trusted to say", Enum: roleNames()},
	"key": {Code: diag.CodeTrustForm, Noun: "a public key", Want: "a key is a path, relative to this file, or a PEM block",
		Pattern: `^[^\\][\s\S]*$`, Examples: []string{"release.pub"}, Max: 64 << 10},
	"path": {Code: diag.CodeTrustForm, Noun: "a path", Want: "a path is relative to this file",
		Pattern: `^[^\\]+$`, Examples: []string{"trusted_root.json"}},
	"issuer": {Code: diag.CodeTrustForm, Noun: "an issuer", Want: "an issuer is the URL that its tokens name",
		Pattern: `^https?://[^\s]+$`, Examples: []string{"https://token.actions.githubusercontent.com"}, Check: absolute},
	"subject": {Code: diag.CodeTrustForm, Noun: "a subject", Want: "a subject is a mail address or URI, to the letter",
		Pattern: `^\S+$`, Examples: []string{"release@example.com"}, Max: 2048},
	"expression": {Code: diag.CodeTrustForm, Noun: "a regular expression", Want: "an expression is in RE2's syntax and matches the whole subject",
		Pattern: `^\S+$`, Examples: []string{`https://github\\.com/team/shop/\\.github/workflows/release\\.yaml@refs/tags/v.*`}, Max: 2048, Check: expression},
	"builder": {Code: diag.CodeTrustForm, Noun: "a builder.id or verifier.id", Want: "the id of a builder or verifier is a URI, to the letter",
		Pattern: `^[a-z][a-z0-9+.-]*:\S+$`, Examples: []string{"https://selfsame.build/builder/local/v1"}, Max: 2048, Check: absolute},
	"repository": {Code: diag.CodeTrustForm, Noun: "a repository", Want: "a repository is named without tag and digest; `/*` at the end means all below",
		Pattern: `^[a-z0-9][a-zA-Z0-9.:_/-]*(/\*)?$`, Examples: []string{"registry.example.com/team/shop", "registry.example.com/team/*"}, Max: 512, Check: repository},
})

func roleNames() []string {
	var names []string
	for _, r := range Roles {
		names = append(names, string(r))
	}
	return names
}

func absolute(s string) *strictyaml.Problem {
	if u, err := url.Parse(s); err != nil || u.Scheme == "" || u.Host == "" && u.Opaque == "" || u.User != nil {
		return &strictyaml.Problem{}
	}
	return nil
}

func expression(s string) *strictyaml.Problem {
	if _, err := anchored(s); err != nil {
		return &strictyaml.Problem{Why: err.Error(), Help: "write it in RE2's syntax, or write `subject:` with the subject itself"}
	}
	return nil
}

func repository(s string) *strictyaml.Problem {
	bare := strings.TrimSuffix(s, "/*")
	switch last := bare[strings.LastIndex(bare, "/")+1:]; {
	case strings.Contains(bare, "*"):
		return &strictyaml.Problem{Help: "a star stands at the end only, as in `registry.example.com/team/*`"}
	case strings.Contains(bare, "//"), !strings.Contains(s, "/"):
		return &strictyaml.Problem{}
	case strings.Contains(last, ":") && !strings.HasSuffix(s, "/*"):
		return &strictyaml.Problem{Why: "evidence is about a digest; a tag moves", Help: "write it without the tag"}
	}
	return nil
}

// special decodes what is neither text nor list.
var special = map[reflect.Type]strictyaml.Special{
	reflect.TypeFor[Level]():     level,
	reflect.TypeFor[time.Time](): moment,
	reflect.TypeFor[age]():       decodeAge,
}

func level(d *strictyaml.Decoder, f strictyaml.Field, v reflect.Value) {
	for l := Level(1); l <= 3; l++ {
		if f.Node.Kind == strictyaml.Scalar && f.Node.Text == l.String() {
			v.SetInt(int64(l))
			return
		}
	}
	d.Report(diag.CodeTrustForm, d.Where(f), "this is not a SLSA build level", "the level is what this verifier trusts the builder up to", "write L1, L2 or L3")
}

// dates: a day, or a second in UTC.
var dates = lazyregexp.New(`^\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\dZ)?$`)

// moment reads a time as written here, with or without quotes: YAML's other spellings of one are refused.
func moment(d *strictyaml.Decoder, f strictyaml.Field, v reflect.Value) {
	text := f.Node.Text
	if f.Node.Kind == strictyaml.Scalar && dates.MatchString(text) {
		if len(text) == len(time.DateOnly) {
			text += "T00:00:00Z"
		}
		if t, err := time.Parse(time.RFC3339, text); err == nil {
			v.Set(reflect.ValueOf(t.UTC()))
			return
		}
	}
	d.Report(diag.CodeTrustForm, d.Where(f), "this is not a time", "a time is a day, or a second in UTC", "write 2026-01-31 or 2026-01-31T12:00:00Z")
}
