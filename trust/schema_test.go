package trust

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/selfsame-build/selfsame/internal/strictyaml"
)

func compiled(t *testing.T, text []byte) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("x.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("x.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// plain is a tree of YAML as a schema's validator takes it.
func plain(n *strictyaml.Node) any {
	switch {
	case n.Kind == strictyaml.Mapping:
		m := map[string]any{}
		for i, k := range n.Keys {
			m[k.Text] = plain(n.Items[i])
		}
		return m
	case n.Kind == strictyaml.List:
		l := []any{}
		for _, item := range n.Items {
			l = append(l, plain(item))
		}
		return l
	case n.Tag == "int":
		return json.Number(n.Text)
	case n.Tag == "bool":
		return n.Text == "true"
	}
	return n.Text
}

// TestSchema: what is accepted passes, and what an editor should see does not.
func TestSchema(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.pub", "b.pub", "root.json"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	key := func(pem []byte) (Key, error) { return Key{Hint: string(pem)}, nil }
	signers, rosters := compiled(t, Schema()), compiled(t, RosterSchema())
	one := func(rest string) string { return "trust: v1\nsigners: {a: {" + rest + "}}\n" }
	const who = `identities: [{issuer: "https://i.example", subject: x}], roles: [finding]`
	for text, good := range map[string]bool{
		one("keys: [a.pub], roles: [release]"): true,
		one(who):                               true,
		one(`identities: [{issuer: "https://i.example", subjectRegexp: "x\\.y"}], roles: [finding]`):                             true,
		one(`keys: [a.pub], roles: [release], builders: {"https://b.example": L2}, names: [r.example/x, r.example/*], owner: o`): true,
		one("keys: [a.pub], roles: [release], from: 2026-01-31, until: 2026-02-28T01:02:03Z, environment: ci"):                   true,
		"sigstore: root.json\ndenylist: {list: r.example/ops/deny, minimum: 3, maxAge: 7d}\nindex: {in: r.example/ops/index}\n" +
			"trust: v1\nsigners: {a: {keys: [a.pub], roles: [revoker, indexer]}}\n": true,

		one("roles: [release]"):                                                                                                  false,
		one("keys: [a.pub]"):                                                                                                     false,
		one("keys: a.pub, roles: [release]"):                                                                                     false,
		one("keys: [a.pub], roles: [releas]"):                                                                                    false,
		one("keys: [a.pub, a.pub], roles: [release]"):                                                                            false,
		one("keys: [a.pub], roles: [release], zzz: x"):                                                                           false,
		one("keys: [a.pub], roles: [release], until: 2026-1-1"):                                                                  false,
		one(`keys: [a.pub], roles: [release], builders: {"https://b.example": 2}`):                                               false,
		one(`identities: [{issuer: github, subject: x}], roles: [finding]`):                                                      false,
		one(`identities: [{issuer: "https://i.example"}], roles: [finding]`):                                                     false,
		one(`identities: [{issuer: "https://i.example", subject: x, subjectRegexp: y}], roles: [finding]`):                       false,
		"trust: v2\nsigners: {a: {keys: [a.pub], roles: [release]}}\n":                                                           false,
		"trust: v1\nsigners: {}\n":                                                                                               false,
		"denylist: {minimum: 3}\ntrust: v1\nsigners: {a: {keys: [a.pub], roles: [revoker]}}\n":                                   false,
		"denylist: {list: x, maxAge: 7}\ntrust: v1\nsigners: {a: {keys: [a.pub], roles: [revoker]}}\n":                           false,
		"roster: v1\nowners: {x: {keys: [a.pub]}, y: {keys: [b.pub]}}\ndemand: {owners: 2, includeOriginal: true}\n":             true,
		"roster: v1\nowners: {x: {keys: [a.pub], index: {in: r.example/i, keys: [b.pub]}, builders: [\"https://b.example\"]}}\n": true,
		"roster: v1\nowners: {x: {keys: [a.pub]}}\ndemand: {owners: -1}\n":                                                       false,
		"roster: v1\nowners: {x: {keys: [a.pub], roles: [release]}}\n":                                                           false,
	} {
		path, schema := filepath.Join(dir, "f.yaml"), signers
		_, err := Parse(path, []byte(text), key)
		if text[0] == 'r' {
			schema = rosters
			_, err = ParseRoster(path, []byte(text), key)
		}
		if (err == nil) != good {
			t.Errorf("the decoder says %v of\n%s", err, text)
		}
		tree := strictyaml.New(dialect("x"), path, []byte(text)).Tree([]byte(text))
		if err := schema.Validate(plain(tree)); (err == nil) != good {
			t.Errorf("the schema says %v of\n%s", err, text)
		}
	}
}

// TestSchemaTeaches: every key has words for an editor to show.
func TestSchemaTeaches(t *testing.T) {
	var walk func(at string, v any)
	walk = func(at string, v any) {
		m, ok := v.(map[string]any)
		if !ok {
			return
		}
		for key, p := range m {
			if properties, ok := p.(map[string]any); ok && key == "properties" {
				for name, s := range properties {
					if d, _ := s.(map[string]any)["description"].(string); d == "" {
						t.Errorf("%s.%s has no description", at, name)
					}
				}
			}
			walk(at+"."+key, p)
		}
	}
	for _, text := range [][]byte{Schema(), RosterSchema()} {
		var v any
		if err := json.Unmarshal(text, &v); err != nil {
			t.Fatal(err)
		}
		walk("", v)
	}
}
