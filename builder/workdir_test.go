package builder

import (
	"os"
	"path/filepath"
	"testing"
)

// TestWorkDir finds what a killed process left, and leaves what a living one has.
func TestWorkDir(t *testing.T) {
	out := t.TempDir()
	killed, err := newWorkDir(out)
	if err != nil {
		t.Fatal(err)
	}
	living, err := newWorkDir(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{killed.path, living.path} {
		if err := os.WriteFile(filepath.Join(d, "file"), nil, 0o600); err != nil {
			t.Fatal(err) // the second call would have removed the first's
		}
	}
	_ = killed.own.Close() // as the kernel does
	other := filepath.Join(out, "image")
	if err := os.Mkdir(other, 0o700); err != nil {
		t.Fatal(err)
	}
	next, err := newWorkDir(out)
	if err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]bool{killed.path: false, living.path: true, other: true, next.path: true} {
		if _, err := os.Stat(dir); (err == nil) != want {
			t.Errorf("%s is there: %v, want %v", filepath.Base(dir), err == nil, want)
		}
	}
	living.close()
	next.close()
	if entries, _ := os.ReadDir(out); len(entries) != 1 {
		t.Errorf("left: %v", entries)
	}
}
