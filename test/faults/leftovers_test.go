package faults

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/selfsame-build/selfsame/recipes/lock"
)

func absent(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Lstat(path); err == nil {
		t.Errorf("%s is there", path)
	}
}

// clean fails for anything half done in a project: a lock that cannot be read, work folders, half an image.
func clean(t *testing.T, dir string) {
	t.Helper()
	if _, err := lock.ReadFile(filepath.Join(dir, "selfsame.lock")); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the lock is half written: %v", err)
	}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if name := d.Name(); err == nil && (strings.HasPrefix(name, ".selfsame-work-") || strings.Contains(name, ".tmp-") || strings.HasSuffix(name, ".old")) {
			t.Errorf("%s is left behind", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	if image := filepath.Join(dir, "selfsame-out", "image"); exists(image) {
		whole(t, image)
	}
}

func exists(path string) bool { _, err := os.Lstat(path); return err == nil }

// whole follows every digest of a layout.
func whole(t *testing.T, layout string) {
	t.Helper()
	var follow func(path string)
	follow = func(path string) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Errorf("the layout is half written: %v", err)
			return
		}
		var m struct {
			Manifests, Layers []struct{ Digest string }
			Config            struct{ Digest string }
		}
		if json.Unmarshal(data, &m) != nil {
			return
		}
		for _, d := range append(append(m.Manifests, m.Layers...), m.Config) {
			if d.Digest != "" {
				follow(filepath.Join(layout, "blobs", strings.Replace(d.Digest, ":", "/", 1)))
			}
		}
	}
	follow(filepath.Join(layout, "index.json"))
}

// builder is one line of `selfsame builders ls --json`.
type builder struct {
	Name string
	PID  int
}

func (m *machine) builders() []builder {
	m.t.Helper()
	r := m.must(0, ".", words("builders ls --json"))
	var out struct{ Builders []builder }
	if err := json.Unmarshal([]byte(r.out), &out); err != nil {
		m.t.Fatalf("reading the list of builders: %v\n%s", err, r.out)
	}
	return out.Builders
}
