package strictyaml

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestReadFile(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	for name, size := range map[string]int{"small": 3, "full": MaxBytes, "larger": MaxBytes + 9} {
		if err := os.WriteFile(path(name), []byte(strings.Repeat("x", size)), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := ReadFile(path(name)); err != nil || len(got) != min(size, MaxBytes+1) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	if err := unix.Mkfifo(path("pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"pipe", ".", "missing"} {
		if _, err := ReadFile(path(name)); err == nil {
			t.Errorf("%s was read", name)
		}
	}
}
