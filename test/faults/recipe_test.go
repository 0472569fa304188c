package faults

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// TestBadRecipes gives every command that reads a recipe ones that nobody should read far.
func TestBadRecipes(t *testing.T) {
	self := &machine{t: t, self: program(t), home: t.TempDir()}
	head := "recipe: v1\nname: x\nplatforms: [linux/amd64]\n"
	bomb := head + "args: &a [x, x, x, x, x, x, x, x, x]\n"
	for i, before := 0, "a"; i < 12; i++ {
		name := fmt.Sprintf("b%d", i)
		bomb += fmt.Sprintf("%s: &%s [%s]\n", name, name, strings.TrimSuffix(strings.Repeat("*"+before+", ", 9), ", "))
		before = name
	}
	for name, c := range map[string]struct {
		text  string
		words []string
	}{
		"over 1 MiB":   {head + "# " + strings.Repeat("x", 1<<20) + "\n", []string{"A0103", "recipe.yaml"}},
		"NUL byte":     {head + "epoch: 17\x0000\n", []string{"A0104", "recipe.yaml:4:10"}},
		"alias bomb":   {bomb, []string{"A0107", "recipe.yaml:4"}},
		"deep nesting": {head + "build: " + strings.Repeat("[", 5000) + "\n", []string{"recipe.yaml:4"}},
		"deep mapping": {head + deep(200), []string{"A0117", "recipe.yaml:"}},
		"all at once": {head + "colour: red\nepoch: noon\nbuild:\n  dockerfile: 7\n",
			[]string{"recipe.yaml:4:1", "recipe.yaml:5:8", "recipe.yaml:7:15", "^"}},
		"two documents": {head + "---\n" + head, []string{"A0106", "recipe.yaml:"}},
		"not YAML":      {"recipe: v1\n\tname: x\n", []string{"A0105", "recipe.yaml:2"}},
		"empty":         {"", []string{"recipe.yaml"}},
	} {
		t.Run(name, func(t *testing.T) {
			m := self.on(t)
			dir := write(t, map[string]string{"recipe.yaml": c.text})
			for _, verb := range []string{"check", "lock", "build"} {
				if verb != "check" {
					building(t)
				}
				r := m.must(10, dir, []string{verb}, c.words...)
				if r.out != "" {
					t.Errorf("%s: stdout holds %q", verb, r.out)
				}
				if len(r.err) > 64<<10 {
					t.Errorf("%s: %d bytes of stderr", verb, len(r.err))
				}
				absent(t, filepath.Join(dir, "selfsame.lock"))
				absent(t, filepath.Join(dir, "selfsame-out"))
			}
		})
	}
}

// deep is a mapping of so many levels.
func deep(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}
