// Package docs holds the documents to account: links lead somewhere, and runnable blocks can be read.
package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/selfsame-build/selfsame/internal/doctest"
)

// pages are the README, CHANGES and all documents, by path from the repository's root.
func pages(t *testing.T) map[string]string {
	t.Helper()
	root := ".."
	out := map[string]string{}
	read := func(path string) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		out[path] = string(text)
	}
	read(filepath.Join(root, "README.md"))
	read(filepath.Join(root, "CHANGES.md"))
	err := filepath.WalkDir(filepath.Join(root, "docs"), func(path string, _ fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".md") {
			read(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 5 {
		t.Fatalf("found %d pages; this test would prove nothing", len(out))
	}
	return out
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// parts are the names by which links lead to a page's headings: in lower case, without what is no letter or digit, and "-" for a space.
func parts(text string) map[string]bool {
	out := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(text, -1) {
		out[strings.ReplaceAll(notInParts.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-")] = true
	}
	return out
}

var (
	heading    = regexp.MustCompile(`(?m)^#{1,6} (.+)$`)
	notInParts = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
)

func TestLinksLeadSomewhere(t *testing.T) {
	known := map[string]map[string]bool{} // page -> parts
	for page, text := range pages(t) {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			target, part, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			to := filepath.Join(filepath.Dir(page), target)
			if target == "" {
				to = page
			}
			if _, err := os.Stat(to); err != nil {
				t.Errorf("%s: link to %s: %v", page, m[1], err)
				continue
			}
			if part == "" {
				continue
			}
			if known[to] == nil {
				text, err := os.ReadFile(to)
				if err != nil {
					t.Fatal(err)
				}
				known[to] = parts(string(text))
			}
			if !known[to][part] {
				t.Errorf("%s: link to %s: %s has no such heading", page, m[1], to)
			}
		}
	}
}

// TestNamedTestsExist holds pages that cite a test to it.
func TestNamedTestsExist(t *testing.T) {
	cited := map[string]string{}
	for page, text := range pages(t) {
		for _, m := range regexp.MustCompile("`(Test[A-Z][A-Za-z0-9]+)`").FindAllStringSubmatch(text, -1) {
			cited[m[1]] = page
		}
	}
	if len(cited) < 10 {
		t.Errorf("found %d tests cited; this test would prove nothing", len(cited))
	}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && d.Name() == ".git" {
			return fs.SkipDir
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(path)
		for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllStringSubmatch(string(text), -1) {
			delete(cited, m[1])
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, page := range cited {
		t.Errorf("%s cites %s, which is no test", page, name)
	}
}

func TestRunnableBlocksCanBeRead(t *testing.T) {
	for page, text := range pages(t) {
		if _, err := doctest.Extract(page, []byte(text)); err != nil {
			t.Error(err)
		}
	}
}
