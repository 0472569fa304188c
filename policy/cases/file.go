package cases

import (
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/strictyaml"
	"github.com/selfsame-build/selfsame/policy"
)

// Set is a file of cases.
type Set struct {
	Path string
	// Policy is the path of the policy that they are about.
	Policy string
	Cases  []Case
}

// Case is one example and what is wanted of it.
type Case struct {
	Name     string
	At       time.Time
	Evidence policy.Evidence
	Allow    bool
	// Rules are the wanted ends of some rules; the others may end as they like.
	Rules  map[string]policy.Status
	Line   int // of its name
	places map[string]diag.Position
	lines  map[string]string
}

// file is a file of cases as it is written.
type file struct {
	Format string   `yaml:"cases" check:"required,format"`
	Policy string   `yaml:"policy" check:"path"`
	Shared fragment `yaml:"evidence"`
	At     moment   `yaml:"at"`
	Cases  []kase   `yaml:"tests" check:"required"`
}

type kase struct {
	Name     string            `yaml:"name" check:"required,line"`
	At       moment            `yaml:"at"`
	Evidence fragment          `yaml:"evidence"`
	Want     string            `yaml:"want" check:"required,verdict"`
	Rules    map[string]string `yaml:"rules" check:"keys=name"`
}

// formats are how the small texts of these files are spelt.
var formats = strictyaml.Compiled(map[string]*strictyaml.Format{
	"format":  {Code: diag.CodePolicyForm, Noun: "a version of this file", Want: "this selfsame reads the format v1", Enum: []string{"v1"}},
	"path":    {Code: diag.CodePolicyForm, Noun: "a path", Want: "a path is relative to this file", Pattern: `^[^\\]+$`, Examples: []string{"prod.yaml"}},
	"line":    {Code: diag.CodePolicyForm, Noun: "one line of text", Want: "a case is named in one line", Pattern: `^[^\n\r]+$`, Examples: []string{"an image that nobody signed"}, Max: 300},
	"verdict": {Code: diag.CodePolicyForm, Noun: "a verdict", Want: "a verdict is one of these", Enum: []string{"allow", "deny"}},
	"name": {Code: diag.CodePolicyForm, Noun: "the name of a rule", Want: "a name has lower-case letters, digits and . _ -",
		Pattern: `^[a-z0-9][a-z0-9._-]*$`, Examples: []string{"signed"}, Max: 128},
})

var dialect = &strictyaml.Dialect{
	Noun: "file of cases", Starter: "selfsame policy new", Check: "selfsame policy test",
	Misspelt: "a misspelt field of the evidence would be missing from it, and the case would be another one than was meant",
	Large:    "make two files of it", Deep: "make two files of it",
	Formats: formats,
	Special: map[reflect.Type]strictyaml.Special{reflect.TypeFor[fragment](): keep, reflect.TypeFor[moment](): decodeMoment},
	Codes: strictyaml.Codes{
		TooLarge: diag.CodePolicyText, Encoding: diag.CodePolicyText, Syntax: diag.CodePolicyText, Documents: diag.CodePolicyText,
		TooDeep: diag.CodePolicyText, MoreErrors: diag.CodePolicyText, Alias: diag.CodePolicyText, Tag: diag.CodePolicyText,
		KeyType: diag.CodePolicyKeys, DuplicateKey: diag.CodePolicyKeys, UnknownKey: diag.CodePolicyKeys, MissingKey: diag.CodePolicyKeys,
		WrongType: diag.CodePolicyValue, Unquoted: diag.CodePolicyValue, EmptyValue: diag.CodePolicyValue,
		Invisible: diag.CodePolicyValue, Repeated: diag.CodePolicyValue,
	},
}

// Beside is the path where the cases of a policy stand: prod_test.yaml for prod.yaml.
func Beside(path string) string {
	ext := filepath.Ext(path)
	return strings.TrimSuffix(path, ext) + "_test" + ext
}

// Load reads the file of cases at path.
func Load(path string) (Set, error) {
	data, err := strictyaml.ReadFile(path)
	if err != nil {
		return Set{}, unreadable(path, err)
	}
	return Parse(path, data)
}

func unreadable(path string, err error) error {
	return diag.List{diag.Errorf(diag.CodePolicyUnreadable, "cannot read `%s`: %w", strictyaml.Short(path), diag.WithoutPath(err)).WithAt(diag.Position{File: path}, "").
		WithHelp("the cases of prod.yaml stand in prod_test.yaml beside it")}
}

// Parse reads a file of cases from data; diagnostics bear path. The error is a diag.List with everything that is wrong.
func Parse(path string, data []byte) (Set, error) {
	var f file
	d := strictyaml.New(dialect, path, data)
	set := Set{Path: path, Policy: policyOf(path)}
	if !d.Decode(reflect.ValueOf(&f).Elem()) {
		return Set{}, d.Err()
	}
	if f.Policy != "" {
		set.Policy = filepath.Join(filepath.Dir(path), f.Policy)
	}
	var shared policy.Evidence
	into(d, f.Shared, &shared)
	names := map[string]bool{}
	for i, k := range f.Cases {
		at := fmt.Sprintf("tests[%d]", i)
		if d.Broken[at] {
			continue
		}
		if names[k.Name] && k.Name != "" {
			d.Report(diag.CodePolicyTwice, d.At[at+".name"], "`"+strictyaml.Short(k.Name)+"` is the name of two cases", "results name cases", "give one of the two another name")
		}
		names[k.Name] = true
		set.Cases = append(set.Cases, one(d, at, f, k, shared))
	}
	if err := d.Err(); err != nil {
		return Set{}, err
	}
	return set, nil
}

// policyOf is the policy that a file stands beside.
func policyOf(path string) string {
	ext := filepath.Ext(path)
	return strings.TrimSuffix(strings.TrimSuffix(path, ext), "_test") + ext
}

// one makes a case; what it does not say of the evidence is as shared has it.
func one(d *strictyaml.Decoder, at string, f file, k kase, shared policy.Evidence) Case {
	c := Case{Name: k.Name, At: k.At.Time, Allow: k.Want == "allow", Rules: map[string]policy.Status{}, Line: d.At[at].Line,
		Evidence: shared, places: map[string]diag.Position{}, lines: map[string]string{}}
	if c.At.IsZero() {
		c.At = f.At.Time
	}
	if c.At.IsZero() && !d.Broken[at+".at"] && !d.Broken["at"] {
		d.Report(diag.CodePolicyKeys, d.At[at], "the case has no `at`", "a case that looks at the clock passes today and fails tomorrow", "add `at: 2026-01-31`, here or once for all cases")
	}
	into(d, k.Evidence, &c.Evidence)
	for name, status := range k.Rules {
		path := strictyaml.Join(at+".rules", name)
		if !slices.Contains(statuses, status) {
			d.Report(diag.CodePolicyForm, d.At[path], "`"+strictyaml.Short(status)+"` is not how a rule can end", "", "write one of "+strings.Join(statuses, ", "))
		}
		c.Rules[name] = policy.Status(status)
		c.places[name] = d.At[path]
		if line := d.At[path].Line; line > 0 && line <= len(d.Lines) && !strictyaml.Unshowable(d.Lines[line-1]) {
			c.lines[name] = d.Lines[line-1]
		}
	}
	return c
}

var statuses = []string{string(policy.StatusPass), string(policy.StatusFail), string(policy.StatusError), string(policy.StatusWaived),
	string(policy.StatusNotInForce), string(policy.StatusOutOfScope)}
