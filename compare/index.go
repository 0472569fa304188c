package compare

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
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

// Listing is what an index leads to.
type Listing struct {
	// Digest and Index are of the index that holds the images; empty where there is none, because the layout lists one image, or several.
	Digest digest.Digest
	Index  []byte
	Images []PlatformManifest // sorted by platform
	// Attestations are BuildKit's, Artifacts evidence and the like: neither is an image.
	Attestations, Artifacts []digest.Digest
}

// List lists the images that root leads to, or, where that is empty, the layout's index.json: directly or through indexes. With platforms only
// those are looked at. Two images for one platform are an error: it would be a guess which one is meant.
func List(dir string, root digest.Digest, platforms []string) (Listing, error) {
	w := indexWalk{dir: dir, platforms: platforms, found: map[string]digest.Digest{}}
	if err := w.from(root); err != nil {
		return Listing{}, unreadable(fmt.Errorf("reading the index of `%s`: %w", dir, err))
	}
	if w.roots != 1 { // several side by side: no index holds them all
		w.list.Digest, w.list.Index = "", nil
	}
	for p, d := range w.found {
		w.list.Images = append(w.list.Images, PlatformManifest{p, d})
	}
	slices.SortFunc(w.list.Images, func(a, b PlatformManifest) int { return strings.Compare(a.Platform, b.Platform) })
	return w.list, nil
}

type indexWalk struct {
	dir       string
	platforms []string
	seen      int
	roots     int // images and indexes that nothing else leads to
	found     map[string]digest.Digest
	list      Listing
}

// from starts the walk. index.json is a list of what is in the folder, no part of the image: where it names one index, that is the image's.
func (w *indexWalk) from(root digest.Digest) error {
	if root != "" {
		return w.visit(ocispec.Descriptor{Digest: root, Size: -1}, 0)
	}
	raw, err := readIndexFile(w.dir)
	if err != nil {
		return err
	}
	return w.walk(raw, 0)
}

func (w *indexWalk) walk(raw []byte, depth int) error {
	if depth > maxIndexDepth {
		return fmt.Errorf("indexes nest deeper than %d", maxIndexDepth)
	}
	var ix ocispec.Index
	if err := json.Unmarshal(raw, &ix); err != nil {
		return err
	}
	done := map[digest.Digest]bool{} // an image with two tags is listed twice
	for _, d := range ix.Manifests {
		if w.seen++; w.seen > maxImages {
			return fmt.Errorf("more than %d manifests", maxImages)
		}
		if done[d.Digest] {
			continue
		}
		done[d.Digest] = true
		if p := DescriptorPlatform(d); len(w.platforms) > 0 && p != "" && p != unknownPlatform && !MatchPlatform(w.platforms, p) {
			continue
		}
		if err := w.visit(d, depth); err != nil {
			return err
		}
	}
	return nil
}

func (w *indexWalk) visit(d ocispec.Descriptor, depth int) error {
	mediaType := d.MediaType
	if d.Size < 0 { // the root: what it is, it says itself
		raw, err := readBlob(w.dir, d.Digest, -1, maxManifest)
		if err != nil {
			return err
		}
		d.Size, mediaType = int64(len(raw)), rootType(raw)
	}
	switch mediaType {
	case ocispec.MediaTypeImageIndex, dockerList:
		raw, err := readBlob(w.dir, d.Digest, d.Size, maxManifest)
		if err != nil {
			return err
		}
		if depth == 0 {
			w.roots++
			w.list.Digest, w.list.Index = d.Digest, raw
		}
		return w.walk(raw, depth+1)
	case ocispec.MediaTypeImageManifest, dockerManifest:
	default:
		return fmt.Errorf("manifest %s has the media type %q", d.Digest, mediaType)
	}
	return w.image(d, depth)
}

func (w *indexWalk) image(d ocispec.Descriptor, depth int) error {
	switch {
	case IsAttestation(d):
		w.list.Attestations = append(w.list.Attestations, d.Digest)
		return nil
	case d.ArtifactType != "":
		w.list.Artifacts = append(w.list.Artifacts, d.Digest)
		return nil
	}
	if depth == 0 {
		w.roots++
	}
	img, err := open(w.dir, d.Digest)
	if err != nil {
		return err
	}
	if len(w.platforms) > 0 && !MatchPlatform(w.platforms, img.platform) {
		return nil
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
