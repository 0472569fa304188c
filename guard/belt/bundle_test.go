package belt

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestMountsOfLayers: the layers of images are found by whatever path of theirs a daemon writes into a bundle.
func TestMountsOfLayers(t *testing.T) {
	real := filepath.Join(t.TempDir(), "data")
	link := filepath.Join(t.TempDir(), "docker")
	if err := os.MkdirAll(real+"/overlay2/l", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(real, link); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		source, options string
		good            bool
	}{
		{"/home/ann", "rbind", true},
		{real + "/volumes/x", "rbind", true},
		{real + "/overlay2x", "rbind", true},
		{link + "/overlay2/l/ABC", "rbind", false},
		{real + "/overlay2/l/ABC", "rbind", false},
		{real + "/volumes/../overlay2/l/ABC", "rbind", false},
		{"overlay", "lowerdir=/x:" + real + "/overlay2/l/ABC", false},
		{"overlay", "lowerdir=" + link + "/overlay2/l/ABC", false},
	} {
		raw, err := json.Marshal(map[string]any{"mounts": []any{map[string]any{"destination": "/data", "source": test.source, "options": []string{test.options}}}})
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "config.json"), raw, 0o600); err != nil {
			t.Fatal(err)
		}
		b, err := readBundle(dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.mountsNone(filepath.Join(link, "overlay2")); (err == nil) != test.good {
			t.Errorf("%s %s: %v", test.source, test.options, err)
		}
		if err := b.mountsNone(filepath.Join(t.TempDir(), "none")); err != nil {
			t.Errorf("of another folder: %v", err)
		}
	}
}

// TestVolumeOfAnotherDigest: an image that is mounted by no sha256 digest cannot be asked about, and is refused; other mounts are no images.
func TestVolumeOfAnotherDigest(t *testing.T) {
	for source, good := range map[string]bool{
		"/run/containerd/image-volumes/" + strings.Repeat("a", 64) + "/" + strings.Repeat("b", 128): false,
		"/run/containerd/image-volumes/" + strings.Repeat("a", 64):                                  false,
		"/srv/image-volumes/ann/pictures":                                                           true,
		"/home/ann":                                                                                 true,
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(`{"mounts":[{"destination":"/data","source":"`+source+`"}]}`), 0o600); err != nil {
			t.Fatal(err)
		}
		all, err := askVolumes(t.Context(), nil, dir)
		if len(all) > 0 || (err == nil) != good || err != nil && !strings.Contains(err.Error(), "has no sha256 digest") {
			t.Errorf("%s: %v, %v", source, all, err)
		}
	}
}
