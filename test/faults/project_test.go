package faults

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// lines are command lines, one a string, split at spaces.
func words(line string) []string { return strings.Fields(line) }

// write makes a folder with these files.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		put(t, filepath.Join(dir, name), text)
	}
	return dir
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// scratchRecipe copies one file into an empty image: the quickest build that there is.
const scratchRecipe = `recipe: v1
name: scratch
platforms: [linux/amd64]
epoch: 1700000000
build:
  stages:
    - name: final
      from: scratch
      steps:
        - copy: {sources: [hello], to: /hello}
`

// scratch is a project of scratchRecipe.
func scratch(t *testing.T) string {
	t.Helper()
	return write(t, map[string]string{"recipe.yaml": scratchRecipe, "hello": "hello\n"})
}

// dockerfile is a project of a Dockerfile that may reach addresses of this machine while recording.
func dockerfile(t *testing.T, text string, private ...string) string {
	t.Helper()
	recipe := "recipe: v1\nname: faults\nplatforms: [linux/amd64]\nepoch: 1700000000\nbuild: {dockerfile: Dockerfile}\n"
	if len(private) > 0 {
		recipe += fmt.Sprintf("record: {private: [%s]}\n", strings.Join(quoted(private), ", "))
	}
	return write(t, map[string]string{"recipe.yaml": recipe, "Dockerfile": text})
}

func quoted(list []string) []string {
	var out []string
	for _, s := range list {
		out = append(out, strconv.Quote(s))
	}
	return out
}

var stepOnce = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "selfsame-step-")
	if err != nil {
		return "", err
	}
	cmd := exec.Command("go", "build", "-trimpath", "-o", filepath.Join(dir, "step"), "./testdata/step")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building the step: %w\n%s", err, out)
	}
	return filepath.Join(dir, "step"), nil
})

// withStep puts the program of testdata/step into a project, for RUN steps in images from scratch.
func withStep(t *testing.T, dir string) string {
	t.Helper()
	path, err := stepOnce()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "step"), data, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestMain removes the step's program.
func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := stepOnce(); err == nil {
		_ = os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

func contains(s, sub string) bool { return strings.Contains(s, sub) }
