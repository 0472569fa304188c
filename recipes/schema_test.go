package recipes

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

func number(s string) any { return json.Number(s) }

func compileSchema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("recipe.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("recipe.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestSchemaIsFresh runs the generator as `go generate` does.
func TestSchemaIsFresh(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the generator")
	}
	file := filepath.Join(t.TempDir(), "recipe.schema.json")
	if out, err := exec.Command("go", "run", "./internal/genschema", file).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(Schema())); d != "" {
		t.Errorf("run `go generate ./recipes` (-generated +committed):\n%s", d)
	}
}

func TestSchemaAcceptsWhatTheDecoderAccepts(t *testing.T) {
	schema := compileSchema(t)
	for _, text := range accepted {
		mustParse(t, text)
		checkParse(t, schema, []byte(text))
	}
}

// TestSchemaRefuses: an editor must see most faults too. The schema need not know all rules; these it must.
func TestSchemaRefuses(t *testing.T) {
	schema := compileSchema(t)
	for _, text := range []string{
		edit("shop", "Shop", ""), edit("name: shop\n", "", ""), edit("v1", "v2", ""), small + "zzz: x\n", small + "epoch: now\n",
		small + "output: {compression: xz}\n", edit("[linux/amd64]", "[]", ""), build("target: x"), small + "source: {ref: x}\n",
		build("dockerfile: Dockerfile, stages: [{name: a, from: scratch}]"), stage("name: b"), step("run: a, copy: {sources: [x], to: /x}"),
		build("dockerfile: Dockerfile, args: {A-B: x}"), build("dockerfile: Dockerfile, contexts: {base: {}}"), small + "epoch: -1\n",
		build("dockerfile: /Dockerfile"), build("dockerfile: Dockerfile, args: {V: 1}"), build("dockerfile: Dockerfile, config: {user: a}"),
	} {
		if _, err := Parse("r.yaml", []byte(text)); err == nil {
			t.Errorf("the decoder accepts\n%s", text)
		}
		if err := schema.Validate(asJSON(t, []byte(text))); err == nil {
			t.Errorf("the schema accepts\n%s", text)
		}
	}
}

// TestSchemaTeaches: it is what an editor shows.
func TestSchemaTeaches(t *testing.T) {
	var doc map[string]any
	if err := json.Unmarshal(Schema(), &doc); err != nil {
		t.Fatal(err)
	}
	if doc["$schema"] != "http://json-schema.org/draft-07/schema#" {
		t.Errorf("$schema is %v; editors know draft-07", doc["$schema"])
	}
	walkSchema(doc, "", func(path string, s map[string]any) {
		properties, _ := s["properties"].(map[string]any)
		if properties != nil && s["additionalProperties"] != false {
			t.Errorf("%s: unknown keys are allowed", path)
		}
		for name, p := range properties {
			if d, _ := p.(map[string]any)["description"].(string); d == "" || strings.Contains(d, "\n") {
				t.Errorf("%s.%s: the description is %q", path, name, d)
			}
		}
	})
}

func walkSchema(v any, path string, visit func(string, map[string]any)) {
	switch x := v.(type) {
	case map[string]any:
		visit(path, x)
		for k, c := range x {
			walkSchema(c, path+"/"+k, visit)
		}
	case []any:
		for _, c := range x {
			walkSchema(c, path+"[]", visit)
		}
	}
}
