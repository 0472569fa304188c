package cli

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/selfsame-build/selfsame/compare/layouttest"
)

func TestOnDisk(t *testing.T) {
	dir, root := layouttest.Of(t, entries{layouttest.File("a", "1")}).Write(t)
	t.Chdir(filepath.Dir(dir))
	name := filepath.Base(dir)
	host := filepath.Join("registry.example.com", "shop") // a folder that is called as an image is
	if err := os.MkdirAll(filepath.Dir(host), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(dir, host); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(name, "index.json")
	at := "@" + root.String()
	if err := errors.Join(os.Symlink(dir, host+at), os.Symlink(filepath.Dir(dir), "localhost")); err != nil { // folders that are called as references are
		t.Fatal(err)
	}
	other := "@sha256:" + strings.Repeat("0", 64)
	for ref, fails := range map[string]string{
		name: "", name + at: "", dir + at: "", "./" + name + at: "",
		file: "is a file, not a folder", "./gone": "there is nothing at", "/gone" + at: "there is nothing at", name + other: "has no image sha256:0000",
		name + "@sha256:abc": "has no image sha256:abc", "registry.example.com": "opening the image layout",
	} {
		l, got, err := onDisk(t.Context(), ref)
		if fails != "" {
			if err == nil || !strings.Contains(err.Error(), fails) {
				t.Errorf("%s: %v, want %s", ref, err, fails)
			}
			continue
		}
		if err != nil || l == nil || got.Digest != root {
			t.Errorf("%s: %v, %s", ref, err, got.Digest)
		}
	}
	for _, ref := range []string{"gone", "team/shop:v1", "team/shop" + at, host + at, "127.0.0.1:5000/shop" + at, "localhost/" + name + at} {
		if l, _, err := onDisk(t.Context(), ref); err != nil || l != nil {
			t.Errorf("%s: a layout, or %v; want a registry's", ref, err)
		}
	}
}
