package faults

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// entry is one file of an image.
type entry struct {
	*tar.Header
	body string
}

// entries reads every layer of a layout's first image, lowest first; a later entry hides an earlier one of its name.
func entries(t *testing.T, layout string) map[string]entry {
	t.Helper()
	out := map[string]entry{}
	var m struct {
		Manifests, Layers []struct{ Digest string }
	}
	for at := filepath.Join(layout, "index.json"); len(m.Layers) == 0; {
		m.Manifests = nil
		if err := json.Unmarshal([]byte(read(t, at)), &m); err != nil {
			t.Fatal(err)
		}
		if len(m.Layers) == 0 {
			at = filepath.Join(layout, "blobs", strings.Replace(m.Manifests[0].Digest, ":", "/", 1))
		}
	}
	for _, l := range m.Layers {
		f, err := os.Open(filepath.Join(layout, "blobs", strings.Replace(l.Digest, ":", "/", 1)))
		if err != nil {
			t.Fatal(err)
		}
		z, err := zstd.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		for r := tar.NewReader(z); ; {
			h, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			out["/"+strings.Trim(h.Name, "/")] = entry{h, string(body)}
		}
		z.Close()
		_ = f.Close()
	}
	return out
}

func fileOf(t *testing.T, layout, path string) string {
	t.Helper()
	e, ok := entries(t, layout)[path]
	if !ok {
		t.Fatalf("the image has no %s", path)
	}
	return e.body
}
