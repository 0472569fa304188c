package layouttest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Member is one image of an index.
type Member struct {
	Platform string // os/arch[/variant]; goes into the config too
	Image    Image
}

// WriteIndex makes a layout of one index over the members, in their order, and gives it and the index's digest.
func WriteIndex(t testing.TB, change func(*ocispec.Index), members ...Member) (string, digest.Digest) {
	t.Helper()
	dir := t.TempDir()
	index := ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex}
	for _, m := range members {
		p := strings.SplitN(m.Platform+"/", "/", 4)
		platform := ocispec.Platform{OS: p[0], Architecture: p[1], Variant: p[2]}
		before := m.Image.Config
		m.Image.Config = func(c *ocispec.Image) {
			c.Platform = platform
			if before != nil {
				before(c)
			}
		}
		from, d := m.Image.Write(t)
		blobs, err := filepath.Glob(filepath.Join(from, "blobs", "sha256", "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range blobs { // members may share blobs
			raw, err := os.ReadFile(b)
			if err != nil {
				t.Fatal(err)
			}
			put(t, dir, raw)
		}
		st, err := os.Stat(BlobPath(dir, d))
		if err != nil {
			t.Fatal(err)
		}
		index.Manifests = append(index.Manifests, ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: d, Size: st.Size(), Platform: &platform})
	}
	if change != nil {
		change(&index)
	}
	raw := encode(t, index, nil)
	root := put(t, dir, raw)
	list := ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, Manifests: []ocispec.Descriptor{
		{MediaType: ocispec.MediaTypeImageIndex, Digest: root, Size: int64(len(raw))}}}
	write(t, filepath.Join(dir, "index.json"), encode(t, list, nil))
	write(t, filepath.Join(dir, "oci-layout"), []byte(`{"imageLayoutVersion":"1.0.0"}`))
	return dir, root
}
