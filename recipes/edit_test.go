package recipes_test

import (
	"strings"
	"testing"

	"github.com/selfsame-build/selfsame/recipes"
)

// TestWithRun changes a script in each way that authors write one, and nothing else.
func TestWithRun(t *testing.T) {
	const head = "recipe: v1\nname: x\nplatforms: [linux/amd64]\nsource: {path: .}\nepoch: 1\nbuild:\n  stages:\n" +
		"    - name: a # the only one\n      from: scratch\n      steps:\n        - copy: {sources: [a], to: /a}\n"
	const tail = "        - run: touch /end # stays\noutput: {image: registry.example.com/x}\n"
	for _, c := range []struct{ name, step, script, want string }{
		{"plain", "        - run: ls -U >/x\n", "ls >/x", "        - run: ls >/x\n"},
		{"what plain text cannot be", "        - run: ls -U >/x\n", "echo a: b # c", "        - run: \"echo a: b # c\"\n"},
		{"quoted", "        - run: \"echo a: b\"\n", "echo c: d", "        - run: \"echo c: d\"\n"},
		{"several lines out of one", "        - run: ls\n", "ls\nrm /x", "        - run: |-\n            ls\n            rm /x\n"},
		{"a block", "        - run: |\n            ls -U\n\n            true\n", "ls\n\ntrue\n", "        - run: |\n            ls\n\n            true\n"},
		{"a block with no newline at its end", "        - run: |-\n            ls -U\n", "ls", "        - run: |-\n            ls\n"},
		{"text that is indented", "        - run: |\n            if true; then\n              ls -U\n            fi\n", "if true; then\n  ls\nfi\n",
			"        - run: |\n            if true; then\n              ls\n            fi\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			old := head + c.step + tail
			r, err := recipes.Parse("recipe.yaml", []byte(old))
			if err != nil {
				t.Fatal(err)
			}
			got, err := r.WithRun([]byte(old), 0, 1, c.script)
			if err != nil {
				t.Fatal(err)
			}
			if want := head + c.want + tail; string(got) != want {
				t.Errorf("got\n%swant\n%s", got, want)
			}
		})
	}
}

// TestWithRunRefuses what it cannot change without touching more than the script.
func TestWithRunRefuses(t *testing.T) {
	text := "recipe: v1\nname: x\nplatforms: [linux/amd64]\nsource: {path: .}\nepoch: 1\nbuild:\n  stages:\n    - name: a\n      from: scratch\n      steps:\n" +
		"        - {run: ls}\n        - run: >\n            ls\n            -l\n        - run: ls\n            -U\noutput: {image: registry.example.com/x}\n"
	r, err := recipes.Parse("recipe.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	for step := range 3 {
		if got, err := r.WithRun([]byte(text), 0, step, "true"); err == nil {
			t.Errorf("step %d: %s", step, got)
		}
	}
	if _, err := r.WithRun([]byte(text), 0, 3, "true"); err == nil || !strings.Contains(err.Error(), "no script") {
		t.Errorf("a step that is not there: %v", err)
	}
}
