package policy

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/selfsame-build/selfsame/internal/strictyaml"
)

func compileSchema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("policy.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("policy.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// asJSON is a YAML text as an editor's validator sees it.
func asJSON(t testing.TB, text string) any {
	t.Helper()
	root := strictyaml.New(dialect("policy"), "p.yaml", []byte(text)).Tree([]byte(text))
	if root == nil {
		t.Fatalf("no tree in\n%s", text)
	}
	return plainValue(root)
}

func plainValue(n *strictyaml.Node) any {
	switch {
	case n.Kind == strictyaml.Mapping:
		m := map[string]any{}
		for i, k := range n.Keys {
			m[k.Text] = plainValue(n.Items[i])
		}
		return m
	case n.Kind == strictyaml.List:
		l := []any{}
		for _, item := range n.Items {
			l = append(l, plainValue(item))
		}
		return l
	case n.Tag == "int":
		return json.Number(n.Text)
	}
	return n.Text
}

func TestSchemaAccepts(t *testing.T) {
	schema := compileSchema(t)
	for _, text := range []string{windows, tenRules, oneRule("image.index"), edit("require: image.index")} {
		mustParse(t, text)
		if err := schema.Validate(asJSON(t, text)); err != nil {
			t.Errorf("%v\n%s", err, text)
		}
	}
}

// TestSchemaRefuses: an editor must see most faults, too.
func TestSchemaRefuses(t *testing.T) {
	schema, good := compileSchema(t), oneRule("image.index")
	for _, text := range []string{
		head, head + "rules: []\n", strings.Replace(good, "v1", "v2", 1), strings.Replace(good, ": 3", ": 0", 1), strings.Replace(good, "match", "mach", 1),
		strings.Replace(good, "    fix: make it so\n", "", 1), strings.Replace(good, `["**"]`, `[]`, 1), good + "expires: tomorrow\n", good + "extra: x\n",
		good + "waivers: [{rule: r, images: [x], owner: a, reason: b, expires: 2027-01-01}]\n", good + "waivers: [{rule: r, owner: a, reason: b, expires: 2027-01-01}]\n",
	} {
		if _, err := Parse("p.yaml", []byte(text)); err == nil {
			t.Errorf("the loader accepts\n%s", text)
		}
		if err := schema.Validate(asJSON(t, text)); err == nil {
			t.Errorf("the schema accepts\n%s", text)
		}
	}
}

// TestFieldsAreDescribed: they are the reference, and what an editor shows.
func TestFieldsAreDescribed(t *testing.T) {
	for _, f := range Fields() {
		if !strings.HasSuffix(f.Text, ".") || strings.Contains(f.Text, "\n") {
			t.Errorf("%s: %q", f.Path, f.Text)
		}
	}
	if n := len(Fields()); n != 18 {
		t.Errorf("%d fields", n)
	}
}
