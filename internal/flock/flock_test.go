package flock_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/selfsame-build/selfsame/internal/flock"
)

func TestTake(t *testing.T) {
	for name, mk := range map[string]func(string) error{
		"file":   func(p string) error { return os.WriteFile(p, nil, 0o600) },
		"folder": func(p string) error { return os.MkdirAll(filepath.Join(p, "sub"), 0o700) },
	} {
		path := filepath.Join(t.TempDir(), name)
		if err := mk(path); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if gone, err := flock.Take(f); err != nil || gone {
			t.Fatalf("%s: gone %v, %v", name, gone, err)
		}
		flock.RemoveUnowned(path)
		if _, err := os.Stat(path); err != nil {
			t.Errorf("%s: an owned one was removed", name)
		}
		late, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
		flock.RemoveUnowned(path)
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s: nobody owns it and it is there", name)
		}
		if gone, err := flock.Take(late); err != nil || !gone {
			t.Errorf("%s: one that is gone can be taken: %v", name, err)
		}
		_ = late.Close()
	}
}
