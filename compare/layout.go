package compare

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"syscall"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// Image is one platform's image in an OCI layout: its manifest and config, read and checked. Layers are read on demand.
// It does not change after Open and may be shared.
type Image struct {
	dir      string
	digest   digest.Digest
	manifest []byte
	config   []byte
	platform string
	layers   []Layer
	brought  bool // see OpenBrought
	onRead   func(bytes int)
}

// Layer is one layer as the manifest and config describe it. The claims are checked when the layer is read.
type Layer struct {
	Index       int    // from 0
	MediaType   string // of the blob
	Digest      digest.Digest
	Size        int64         // of the blob, bytes
	DiffID      digest.Digest // sha256 of the decompressed tar
	Annotations map[string]string
}

// Open reads the image that manifest names from the OCI layout in dir. The digest must be of an image manifest, not of an
// index (see Manifests). It fails with a diagnostic (A0403) when a blob is missing, larger than its limit, not a regular
// file, or does not have the digest its name claims, or when config and manifest do not fit together.
func Open(dir string, manifest digest.Digest) (*Image, error) {
	img, err := open(dir, manifest)
	if err != nil {
		return nil, unreadable(fmt.Errorf("reading image %s in `%s`: %w", manifest, dir, err))
	}
	return img, nil
}

// OpenBrought opens an image whose layers were verified on their way into dir, and of which only those are there that a comparison needs
// (Needed). Such an image can be looked at (Options.ByBlob), and proves nothing.
func OpenBrought(dir string, manifest digest.Digest) (*Image, error) {
	img, err := Open(dir, manifest)
	if err == nil {
		img.brought = true
	}
	return img, err
}

func open(dir string, manifest digest.Digest) (*Image, error) {
	raw, err := readBlob(dir, manifest, -1, maxManifest)
	if err != nil {
		return nil, err
	}
	var m ocispec.Manifest
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, fmt.Errorf("decoding the manifest: %w", err)
	}
	if m.Config.Digest == "" {
		return nil, errors.New("decoding the manifest: it names no config, so it is no image manifest")
	}
	config, err := readBlob(dir, m.Config.Digest, m.Config.Size, maxConfig)
	if err != nil {
		return nil, fmt.Errorf("reading the config: %w", err)
	}
	var c ocispec.Image
	if err := json.Unmarshal(config, &c); err != nil {
		return nil, fmt.Errorf("decoding the config: %w", err)
	}
	layers, err := pairLayers(m.Layers, c.RootFS.DiffIDs)
	if err != nil {
		return nil, err
	}
	return &Image{dir: dir, digest: manifest, manifest: raw, config: config, platform: platform(c.Platform), layers: layers}, nil
}

func pairLayers(descs []ocispec.Descriptor, diffIDs []digest.Digest) ([]Layer, error) {
	if len(descs) != len(diffIDs) {
		return nil, fmt.Errorf("the manifest has %d layers and the config %d diffIDs", len(descs), len(diffIDs))
	}
	if len(descs) > maxLayers {
		return nil, fmt.Errorf("%d layers, more than %d", len(descs), maxLayers)
	}
	layers := make([]Layer, len(descs))
	for i, d := range descs {
		for _, id := range []digest.Digest{d.Digest, diffIDs[i]} {
			if err := checkDigest(id); err != nil {
				return nil, fmt.Errorf("layer %d: %w", i, err)
			}
		}
		if d.Size < 0 {
			return nil, fmt.Errorf("layer %d: size %d", i, d.Size)
		}
		layers[i] = Layer{Index: i, MediaType: d.MediaType, Digest: d.Digest, Size: d.Size, DiffID: diffIDs[i], Annotations: d.Annotations}
	}
	return layers, nil
}

// Dir is the layout's folder as given to Open.
func (i *Image) Dir() string { return i.dir }

// Manifest is the manifest's digest.
func (i *Image) Manifest() digest.Digest { return i.digest }

// ManifestBytes are the manifest's own bytes, a copy.
func (i *Image) ManifestBytes() []byte { return bytes.Clone(i.manifest) }

// ConfigBytes are the config's own bytes, a copy.
func (i *Image) ConfigBytes() []byte { return bytes.Clone(i.config) }

// Platform is os/arch[/variant] as the config says.
func (i *Image) Platform() string { return i.platform }

// Layers lists the layers, base first, a copy.
func (i *Image) Layers() []Layer { return slices.Clone(i.layers) }

// DiffIDs lists the digests of the decompressed layers, base first.
func (i *Image) DiffIDs() []digest.Digest {
	ids := make([]digest.Digest, len(i.layers))
	for n, l := range i.layers {
		ids[n] = l.DiffID
	}
	return ids
}

func platform(p ocispec.Platform) string {
	return path.Join(p.OS, p.Architecture, p.Variant)
}

// checkDigest admits sha256 only: the blob's path is made from it, and everything here is compared by it.
func checkDigest(d digest.Digest) error {
	if err := d.Validate(); err != nil {
		return fmt.Errorf("digest %q: %w", string(d), err)
	}
	if d.Algorithm() != digest.SHA256 {
		return fmt.Errorf("digest %q: only sha256 is supported", string(d))
	}
	return nil
}

// openBlob opens a blob without leaving the layout (a hostile one may hold links) and without waiting on a pipe.
func openBlob(dir string, d digest.Digest) (*os.File, int64, error) {
	if err := checkDigest(d); err != nil {
		return nil, 0, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, 0, err
	}
	defer root.Close()
	f, err := root.OpenFile(path.Join("blobs", "sha256", d.Encoded()), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, 0, err
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = fmt.Errorf("blob %s is not a regular file", d)
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, st.Size(), nil
}

// readBlob reads a small blob whole and checks its digest; size -1 means not known.
func readBlob(dir string, d digest.Digest, size, limit int64) ([]byte, error) {
	f, n, err := openBlob(dir, d)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if n > limit || size > limit {
		return nil, fmt.Errorf("blob %s has %d bytes, more than %d", d, max(n, size), limit)
	}
	if size >= 0 && size != n {
		return nil, fmt.Errorf("blob %s has %d bytes, its descriptor says %d", d, n, size)
	}
	raw, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if got := digest.FromBytes(raw); got != d {
		return nil, fmt.Errorf("blob %s has the digest %s", d, got)
	}
	return raw, nil
}

func unreadable(err error) error {
	return diag.Errorf(diag.CodeImageUnreadable, "%w", err)
}

// BlobStart gives up to n bytes (at most 4096) from the start of a layer's blob, unverified: enough to look at the
// compressor's own header.
func (i *Image) BlobStart(index, n int) ([]byte, error) {
	if index < 0 || index >= len(i.layers) {
		return nil, fmt.Errorf("no layer %d in an image of %d layers", index, len(i.layers))
	}
	f, _, err := openBlob(i.dir, i.layers[index].Digest)
	if err != nil {
		return nil, i.inLayer(index, err)
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, int64(min(n, 4096))))
	return raw, i.inLayer(index, err)
}
