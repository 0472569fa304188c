package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/selfsame-build/selfsame/recipes"
	"github.com/selfsame-build/selfsame/recipes/lock"
	"github.com/selfsame-build/selfsame/report"
)

// TestRecipes reads every project's recipe as a build would.
func TestRecipes(t *testing.T) {
	names := map[string]bool{}
	for _, p := range projects {
		dir := t.TempDir()
		for name, text := range p.files() {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		r, err := recipes.Load(dir)
		if err != nil {
			t.Errorf("%s: %v", p.name, err)
			continue
		}
		if r.Name != p.name || names[p.name] {
			t.Errorf("%s is called %s, or not alone in that", p.name, r.Name)
		}
		names[p.name] = true
		if d := p.files()["Dockerfile"]; strings.Contains(d, "SOURCE") || strings.Contains(d, "ARCHITECTURE") {
			t.Errorf("%s has a gap:\n%s", p.name, d)
		}
	}
	if len(projects) < 10 {
		t.Errorf("%d projects", len(projects))
	}
}

func TestPage(t *testing.T) {
	a, b := "x1", "x2"
	text := string(page([]outcome{
		{project: projects[0], saved: saved{Version: "gdbm 1.24-2", Inputs: 3, Result: report.Result{Reproducible: true, Digest: "sha256:" + strings.Repeat("ab", 32), Axes: []string{"clock calls", "host name"}}}},
		{project: projects[1], saved: saved{Version: "y 2", Inputs: 4, Result: report.Result{Axes: []string{"host name"}, Findings: []report.Finding{{
			Path: "y.deb", File: "Dockerfile", Line: 8, Summary: "content differs", Values: []report.Values{{Name: "bytes at 0x1", A: &a, B: &b}}}}}}},
		{project: projects[2], saved: saved{Failed: "a step failed"}},
	}))
	for _, want := range []string{"| gdbm | C, autotools | gdbm 1.24-2 | 3 |", "`sha256:" + strings.Repeat("ab", 8) + "`", "**differs**", "1 of 3 came out", "**not built**", "## age\n\n```text\na step failed\n```",
		"differ in: clock calls, host name.", "## yaml-cpp\n\nWhether its builds agree", "`y.deb` (Dockerfile, line 8): content differs; A `x1`, B `x2`"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q:\n%s", want, text)
		}
	}
}

func TestVersion(t *testing.T) {
	for key, want := range map[string]string{
		"http://debian.invalid/debian/pool/main/j/jq/jq_1.7.1-6%2bdeb13u1.dsc": "jq 1.7.1-6+deb13u1",
		"https://proxy.example/filippo.io/age/@v/v1.2.0.zip":                   "age 1.2.0",
		"http://debian.invalid/debian/pool/main/j/jq/jq_1.7.1-6_amd64.deb":     "-",
	} {
		if got := version(&lock.Lock{Entries: []lock.Entry{{Key: key}}}); got != want {
			t.Errorf("%s: %q, want %q", key, got, want)
		}
	}
}
