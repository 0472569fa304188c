package builder

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/inputs"
	"github.com/selfsame-build/selfsame/recipes"
)

// TestPrivate: a file that the command line names as a key is in no context, neither the source's nor one of the recipe's, whatever kind of
// key it is. All else is.
func TestPrivate(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("recipe.yaml", "recipe: v1\nname: x\nplatforms: [linux/amd64]\nsource: {path: .}\nepoch: 1\nbuild:\n  dockerfile: Dockerfile\n  contexts: {more: {path: more}}\noutput: {image: registry.example.com/x}\n")
	put("Dockerfile", "FROM scratch\nCOPY . /\nCOPY --from=more . /\n")
	put("more/readme", "x")
	store, err := inputs.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	contexts := func(private ...string) [2]digest.Digest {
		t.Helper()
		r, err := recipes.Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		h := &Host{Store: store, Private: private}
		p, err := h.open(t.Context(), r, Links{}, "selfsame-out")
		if err != nil {
			t.Fatal(err)
		}
		return [2]digest.Digest{p.context.Descriptor.Digest, p.paths["docker.io/library/more:latest"]}
	}
	without := contexts()
	put("ci.key", "-----BEGIN PRIVATE KEY-----\n")
	put("more/qa.key", "-----BEGIN PRIVATE KEY-----\n")
	if got := contexts(filepath.Join(dir, "ci.key"), filepath.Join(dir, "more", "qa.key"), "/elsewhere.key"); got != without {
		t.Errorf("%v, without the keys %v", got, without)
	}
	if got := contexts(); got[0] == without[0] || got[1] == without[1] {
		t.Error("without their names the keys are out, too: this test proves nothing")
	}
}
