package compare

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sort"
	"syscall"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// PlatformManifest is one image of a layout.
type PlatformManifest struct {
	Platform string // os/arch[/variant] as the image's own config says
	Manifest digest.Digest
}

// maxImages bounds the images of one layout, attestations included, and maxIndexDepth how deep indexes may nest.
const (
	maxImages     = 256
	maxIndexDepth = 3
)

// Manifests lists the images that a layout's index.json leads to, directly or through indexes, sorted by platform.
// BuildKit's attestation manifests and attached artifacts are left out. Two images for one platform are an error: it would be a guess which one
// is meant.
func Manifests(dir string) ([]PlatformManifest, error) {
	raw, err := readIndexFile(dir)
	if err != nil {
		return nil, unreadable(fmt.Errorf("reading the layout in `%s`: %w", dir, err))
	}
	w := indexWalk{dir: dir, found: map[string]digest.Digest{}}
	if err := w.walk(raw, 0); err != nil {
		return nil, unreadable(fmt.Errorf("reading the index of `%s`: %w", dir, err))
	}
	list := make([]PlatformManifest, 0, len(w.found))
	for p, d := range w.found {
		list = append(list, PlatformManifest{p, d})
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Platform < list[j].Platform })
	return list, nil
}

type indexWalk struct {
	dir   string
	seen  int
	found map[string]digest.Digest
}

func (w *indexWalk) walk(raw []byte, depth int) error {
	if depth > maxIndexDepth {
		return fmt.Errorf("indexes nest deeper than %d", maxIndexDepth)
	}
	var ix ocispec.Index
	if err := json.Unmarshal(raw, &ix); err != nil {
		return err
	}
	for _, d := range ix.Manifests {
		if w.seen++; w.seen > maxImages {
			return fmt.Errorf("more than %d manifests", maxImages)
		}
		if err := w.visit(d, depth); err != nil {
			return err
		}
	}
	return nil
}

func (w *indexWalk) visit(d ocispec.Descriptor, depth int) error {
	switch d.MediaType {
	case ocispec.MediaTypeImageIndex, "application/vnd.docker.distribution.manifest.list.v2+json":
		raw, err := readBlob(w.dir, d.Digest, d.Size, maxManifest)
		if err != nil {
			return err
		}
		return w.walk(raw, depth+1)
	case ocispec.MediaTypeImageManifest, "application/vnd.docker.distribution.manifest.v2+json":
		// BuildKit's attestations, and evidence that is attached to an image (OCI 1.1 artifacts), are no images.
		if d.Annotations["vnd.docker.reference.type"] == "attestation-manifest" || d.ArtifactType != "" {
			return nil
		}
	default:
		return fmt.Errorf("manifest %s has the media type %q", d.Digest, d.MediaType)
	}
	img, err := open(w.dir, d.Digest)
	if err != nil {
		return err
	}
	if old, ok := w.found[img.platform]; ok && old != d.Digest {
		return fmt.Errorf("two images for %s: %s and %s", img.platform, old, d.Digest)
	}
	w.found[img.platform] = d.Digest
	return nil
}

func readIndexFile(dir string) ([]byte, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	f, err := root.OpenFile("index.json", os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		return nil, errors.Join(errors.New("index.json is not a regular file"), err)
	}
	raw, err := io.ReadAll(io.LimitReader(f, maxManifest+1))
	if err == nil && len(raw) > maxManifest {
		err = fmt.Errorf("index.json is larger than %d bytes", maxManifest)
	}
	return raw, err
}
