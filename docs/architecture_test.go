package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestArchitectureIsTrue finds every function that the page's trace names, and every package in its table.
func TestArchitectureIsTrue(t *testing.T) {
	data, err := os.ReadFile("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(data)
	named := regexp.MustCompile("`([a-z/_-]+\\.go)`(?:\\s+`(\\w+)`)?").FindAllStringSubmatch(page, -1)
	if len(named) < 15 {
		t.Errorf("the page names %d files; this test would prove nothing", len(named))
	}
	for _, m := range named {
		text, err := os.ReadFile(filepath.Join("..", m[1]))
		if err != nil {
			t.Error(err)
			continue
		}
		if m[2] != "" && !regexp.MustCompile(`(?m)^func (\([^)]*\) )?`+m[2]+`[\[(]`).Match(text) {
			t.Errorf("%s has no function %s", m[1], m[2])
		}
	}
	_, packages, _ := strings.Cut(page, "\n## Packages\n")
	seen := map[string]bool{}
	err = filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); strings.HasPrefix(name, ".") && name != ".." || name == "testdata" || name == "bin" || name == "examples" || name == "selfsame-out" {
				return fs.SkipDir
			}
			return nil
		}
		if dir := strings.TrimPrefix(filepath.Dir(path), "../"); strings.HasSuffix(path, ".go") && !seen[dir] && !placed(packages, dir) {
			seen[dir] = true
			t.Errorf("the table of packages lacks %s", dir)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// placed tells whether the table names a package, or the package that it is a part of.
func placed(table, dir string) bool {
	for ; dir != "."; dir = filepath.Dir(dir) {
		if strings.Contains(table, "`"+dir+"`") {
			return true
		}
	}
	return false
}
