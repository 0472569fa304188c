package nri_test

import (
	"os"
	"strings"
	"testing"

	"github.com/selfsame-build/selfsame/test/containerd"
)

// documented is the configuration of containerd in docs/how-to/node-gates.md, so that what it says is what these tests prove. Only the folder
// of verifiers is another one.
func documented(t *testing.T, verifiers string) containerd.Tables {
	t.Helper()
	page, err := os.ReadFile("../../docs/how-to/node-gates.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(page), "```toml\n")
	text, _, found := strings.Cut(text, "```")
	if !found {
		t.Fatal("the page has no TOML")
	}
	text = strings.Replace(text, "'/opt/selfsame/verifiers'", "'"+verifiers+"'", 1)
	out, table := containerd.Tables{}, ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(line, "["); ok {
			table = strings.TrimSuffix(name, "]")
			out[table] = map[string]string{}
		} else if key, value, ok := strings.Cut(line, " = "); ok {
			out[table][key] = value
		}
	}
	if len(out) != 3 || !strings.Contains(text, verifiers) {
		t.Fatalf("%v", out)
	}
	return out
}
