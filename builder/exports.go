package builder

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"sync"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/builder/graph"
	"github.com/selfsame-build/selfsame/builder/layers"
	"github.com/selfsame-build/selfsame/compare"
	"github.com/selfsame-build/selfsame/compare/inside"
)

// exports is how the images of one build come out of its builders.
type exports struct {
	compression string
	cache       *layers.Cache
	shared      *layers.Shared

	mu      sync.Mutex
	old     map[digest.Digest]bool          // content of layers that an earlier build made
	checked map[digest.Digest]digest.Digest // blob to content
	scratch string                          // folder for what a comparison unpacks
}

func (h *Host) exports(compression string) *exports {
	return &exports{compression: compression, cache: h.layerCache(), shared: layers.NewShared(), old: map[digest.Digest]bool{}, checked: map[digest.Digest]digest.Digest{}, scratch: h.TempDir}
}

func (h *Host) layerCache() *layers.Cache {
	return &layers.Cache{Dir: filepath.Join(h.CacheDir, "layers"), Limit: layers.DefaultLimit}
}

// begin starts the export of one platform from one builder.
func (x *exports) begin(h *Host, dir string, p *graph.Plan) (*layers.Export, error) {
	kept, err := h.layersOf(p.Base)
	if err != nil {
		return nil, err
	}
	base := layers.Base{Layers: kept, Open: h.Store.Open}
	return layers.NewExport(dir, layers.Settings{Epoch: p.Epoch, Compression: x.compression}, base, x.cache, x.shared)
}

// finish makes the image of one builder canonical.
func (x *exports) finish(ctx context.Context, e *layers.Export, exported digest.Digest) (digest.Digest, error) {
	manifest, err := e.Finish(ctx, exported)
	if err != nil {
		return "", err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, d := range e.Remembered() {
		x.old[d] = true
	}
	for blob, diffID := range e.Checked() {
		x.checked[blob] = diffID
	}
	return manifest, nil
}

// prove compares the images of both builders, and remembers what it has read.
func (x *exports) prove(ctx context.Context, pairs []compare.Pair) (compare.Proof, []compare.Report, error) {
	proof, reports, err := compare.Prove(ctx, pairs, compare.Options{Checked: x.checked, Inside: &inside.Options{Scratch: x.scratch}})
	if err != nil {
		return proof, reports, err
	}
	for _, platform := range proof.Platforms() {
		img, _ := proof.Image(platform)
		for _, l := range img.Layers() {
			if err := x.cache.Learn(l.Digest, l.DiffID); err != nil {
				return compare.Proof{}, nil, err
			}
		}
	}
	return proof, reports, x.cache.Trim()
}

// layersOf are the blobs of an image in the store.
func (h *Host) layersOf(manifest digest.Digest) (map[digest.Digest]bool, error) {
	if manifest == "" {
		return nil, nil
	}
	data, err := h.blob(manifest, 4<<20)
	if err != nil {
		return nil, fmt.Errorf("reading the base's manifest: %w", err)
	}
	var m ocispec.Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("reading the base's manifest: %w", err)
	}
	out := map[digest.Digest]bool{}
	for _, l := range m.Layers {
		out[l.Digest] = true
	}
	return out, nil
}

// madeBefore says whether an earlier build made the layer.
func (x *exports) madeBefore(diffID digest.Digest) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.old[diffID]
}
