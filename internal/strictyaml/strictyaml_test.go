package strictyaml_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/strictyaml"
)

// The decoder's rules are tested where they are used (recipes, trust): here is what a dialect changes, and the kinds of values that
// recipes do not have.

type shape struct {
	Name  string           `yaml:"name" check:"required,word"`
	Count int              `yaml:"count"`
	On    bool             `yaml:"on"`
	Tags  []string         `yaml:"tags" check:"word,unique"`
	More  map[string]shape `yaml:"more"`
}

var dialect = &strictyaml.Dialect{
	Noun: "shopping list", Starter: "write one", Check: "shop check", Misspelt: "it would not be bought", Large: "buy less", Deep: "buy less",
	Formats: strictyaml.Compiled(map[string]*strictyaml.Format{
		"word": {Code: "A0605", Noun: "a word", Want: "a word has letters", Pattern: `^[a-z]+$`, Examples: []string{"milk"}},
	}),
	Codes: strictyaml.Codes{
		TooLarge: "A0602", Encoding: "A0602", Syntax: "A0602", Documents: "A0602", TooDeep: "A0602", MoreErrors: "A0602", Alias: "A0602", Tag: "A0602",
		KeyType: "A0603", DuplicateKey: "A0603", UnknownKey: "A0603", MissingKey: "A0603", WrongType: "A0604", Unquoted: "A0604", EmptyValue: "A0604",
		Invisible: "A0604", Repeated: "A0604",
	},
}

func decode(text string) (shape, bool, error) {
	var s shape
	d := strictyaml.New(dialect, "list.yaml", []byte(text))
	ok := d.Decode(reflect.ValueOf(&s).Elem())
	return s, ok, d.Err()
}

func TestValues(t *testing.T) {
	got, ok, err := decode("name: milk\ncount: 12\non: true\ntags: [a, b]\nmore: {x: {name: egg, count: 0, on: false}}\n")
	want := shape{Name: "milk", Count: 12, On: true, Tags: []string{"a", "b"}, More: map[string]shape{"x": {Name: "egg"}}}
	if diff := cmp.Diff(want, got); diff != "" || !ok || err != nil {
		t.Errorf("%v %v (-want +got):\n%s", ok, err, diff)
	}
}

func TestRefusals(t *testing.T) {
	for text, want := range map[string]string{
		"":                                  "A0604 the shopping list is empty",
		"- milk\n":                          "A0604 a shopping list is keys and values, not a list",
		"name: milk\ncount: 012\n":          "A0604 `count` must be a whole number, not a number",
		"name: milk\ncount: 1.0\n":          "A0604 `count` must be a whole number, not a number",
		"name: milk\ncount: -1\n":           "A0604 `count` must be a whole number, not a number",
		"name: milk\ncount: 1_000\n":        "A0604 `count` must be a whole number, not a number",
		"name: milk\ncount: 1000001\n":      "A0604 `count` must be a whole number, not a number",
		"name: milk\ncount: \"2\"\n":        "A0604 `count` must be a whole number, not text",
		"name: milk\ncount: [2]\n":          "A0604 `count` must be a whole number, not a list",
		"name: milk\non: yes\n":             "A0604 `on` must be true or false, not text",
		"name: milk\non: True\n":            "A0604 `on` must be true or false, not a truth value",
		"name: milk\non: \"true\"\n":        "A0604 `on` must be true or false, not text",
		"name: milk\ntags: [a, a]\n":        "A0604 `a` is in the list twice, first in line 2",
		"name: Milk\n":                      "A0605 `Milk` is not a word",
		"count: 1\n":                        "A0603 the shopping list has no `name`",
		"name: milk\ncuont: 1\n":            "A0603 unknown key `cuont`",
		"name: milk\n---\nname: egg\n":      "A0602 a second document begins here",
		strings.Repeat("#", 1<<20) + "##\n": "A0602 the shopping list is larger than 1 MiB",
	} {
		_, _, err := decode(text)
		list := diag.All(err)
		if len(list) != 1 || string(list[0].Code)+" "+list[0].Summary != want {
			t.Errorf("%.40q: %v, want %s", text, err, want)
		}
	}
}
