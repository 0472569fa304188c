package recipes

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/strictyaml"
)

// FuzzParse: no input makes Parse panic; every refusal says something; and what is accepted is accepted by the schema, and its
// canonical form is itself a recipe that means the same.
func FuzzParse(f *testing.F) {
	for _, s := range accepted {
		f.Add([]byte(s))
	}
	for _, c := range refused {
		if len(c.text) < 10_000 {
			f.Add([]byte(c.text))
		}
	}
	schema := compileSchema(f)
	f.Fuzz(func(t *testing.T, data []byte) { checkParse(t, schema, data) })
}

func checkParse(t *testing.T, schema *jsonschema.Schema, data []byte) {
	t.Helper()
	r, err := Parse("r.yaml", data)
	if err != nil {
		if len(diag.All(err)) == 0 || r != nil {
			t.Fatalf("refused without a word, or with a recipe: %v", err)
		}
		for _, d := range diag.All(err) {
			if d.Summary == "" || d.Help == "" || d.Code.Exit() != diag.ExitUsage {
				t.Fatalf("a diagnostic that says too little: %+v", d)
			}
		}
		return
	}
	if err := schema.Validate(asJSON(t, data)); err != nil {
		t.Fatalf("the decoder accepts what the schema does not: %v\n%s", err, data)
	}
	canonical := r.Canonical()
	if len(canonical) > maxBytes {
		return // escapes can make the form longer than a file may be
	}
	again, err := Parse("r.yaml", canonical)
	if err != nil {
		t.Fatalf("the canonical form is no recipe: %v\n%s", err, canonical)
	}
	if !bytes.Equal(canonical, again.Canonical()) {
		t.Fatalf("the canonical form is not stable:\n%s\n%s", canonical, again.Canonical())
	}
	if d := cmp.Diff(r, again, cmpopts.IgnoreFields(Recipe{}, "At", "Lines")); d != "" {
		t.Fatalf("the canonical form means something else:\n%s", d)
	}
}

// asJSON reads data as a tool that knows nothing of recipes would, by way of the same YAML reader.
func asJSON(t *testing.T, data []byte) any {
	t.Helper()
	root := strictyaml.New(dialect, "r.yaml", data).Tree(data)
	if root == nil {
		t.Fatal("accepted data has no tree")
	}
	return plainValue(root)
}

func plainValue(n *strictyaml.Node) any {
	switch n.Kind {
	case strictyaml.Mapping:
		m := map[string]any{}
		for i, k := range n.Keys {
			m[k.Text] = plainValue(n.Items[i])
		}
		return m
	case strictyaml.List:
		l := []any{}
		for _, item := range n.Items {
			l = append(l, plainValue(item))
		}
		return l
	}
	if n.Tag == "int" {
		return number(n.Text)
	}
	return n.Text
}
