package debian

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/internal/atomicfile"
)

// assembly is the version of what Assemble does with its packages. Raise it whenever the same packages give other bytes, or
// an old result would be taken for a new one.
const assembly = 2

// cache remembers which images packages gave. The epoch matters only to packages with newer files than it, which is rare;
// so there is one entry for the packages alone and, if need be, one for each epoch.
type cache struct {
	dir   string
	debs  []file
	arch  string
	epoch time.Time
}

// record is what is remembered.
type record struct {
	Rootfs, Debs ocispec.Descriptor
	// Newest is the newest time among the packages' files: with an earlier epoch the result would be another.
	Newest time.Time
}

func (c cache) path(epoch string) string {
	id := fmt.Sprintf("assembly %d %s %s\n", assembly, c.arch, epoch)
	for _, d := range c.debs {
		id += d.name + " " + d.digest.String() + "\n"
	}
	return filepath.Join(c.dir, digest.FromString(id).Encoded()+".json")
}

func (c cache) find(store Store) (Assembled, bool) {
	if c.dir == "" {
		return Assembled{}, false
	}
	for _, epoch := range []string{"", c.epoch.UTC().Format(time.RFC3339)} {
		data, err := os.ReadFile(c.path(epoch))
		if err != nil {
			continue
		}
		var r record
		if json.Unmarshal(data, &r) != nil || epoch == "" && r.Newest.After(c.epoch) {
			continue
		}
		if complete(store, r.Rootfs) && complete(store, r.Debs) {
			return Assembled{Rootfs: r.Rootfs, Debs: r.Debs, Cached: true}, true
		}
	}
	return Assembled{}, false
}

// complete says whether an image and all it names are in the store.
func complete(store Store, image ocispec.Descriptor) bool {
	m, err := manifestOf(store, image)
	return err == nil && store.Has(m.Config.Digest) && store.Has(m.Layers[0].Digest)
}

// manifestOf reads a one-layer image's manifest.
func manifestOf(store Store, image ocispec.Descriptor) (ocispec.Manifest, error) {
	var m ocispec.Manifest
	data, err := readBlob(store, image.Digest, 1<<20)
	if err == nil {
		err = json.Unmarshal(data, &m)
	}
	if err == nil && len(m.Layers) != 1 {
		err = fmt.Errorf("image %s has %d layers", image.Digest, len(m.Layers))
	}
	return m, err
}

func (c cache) remember(a Assembled, newest time.Time) error {
	if c.dir == "" {
		return nil
	}
	epoch := ""
	if newest.After(c.epoch) {
		epoch = c.epoch.UTC().Format(time.RFC3339)
	}
	data, err := json.Marshal(record{a.Rootfs, a.Debs, newest})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return fmt.Errorf("remembering Debian base: %w", err)
	}
	if err := atomicfile.Write(c.path(epoch), data, 0o600); err != nil {
		return fmt.Errorf("remembering Debian base: %w", err)
	}
	return nil
}
