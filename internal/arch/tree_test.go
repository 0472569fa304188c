package arch

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// top is everything that may stand in the repository's root. What a tool left there would otherwise be published with the next commit.
var top = []string{
	".ci", ".gitignore", ".golangci.yml", "CHANGES.md", "LICENSE", "Makefile", "README.md", "builder", "cmd", "compare", "docs", "examples",
	"freshness", "go.mod", "go.sum", "guard", "inputs", "internal", "policy", "provenance", "rebuild", "recipes", "registry", "report", "signing", "trust", "test", "tools", "verify",
}

// maxFile bounds a file of the repository, in bytes: what is larger was built, not written.
const maxFile = 256 << 10

// TestTree looks at every file that is, or would be, committed.
func TestTree(t *testing.T) {
	root := filepath.Join("..", "..")
	cmd := exec.CommandContext(t.Context(), "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("no git work tree: %v", err)
	}
	files := strings.Split(strings.TrimRight(string(out), "\x00"), "\x00")
	if len(files) < 100 {
		t.Fatalf("git lists %d files; this test would prove nothing", len(files))
	}
	for _, f := range files {
		first, _, _ := strings.Cut(f, "/")
		if !slices.Contains(top, first) {
			t.Errorf("%s: nothing called %s stands in the root; put it where it belongs, or into .gitignore", f, first)
		}
		if st, err := os.Lstat(filepath.Join(root, f)); err == nil && st.Size() > maxFile {
			t.Errorf("%s has %d bytes, at most %d: fetch or make it when it is needed", f, st.Size(), maxFile)
		}
	}
}
