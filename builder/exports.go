package builder

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"sync"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/builder/graph"
	"github.com/selfsame-build/selfsame/builder/layers"
)

// exports is how the images of one build come out of its builders.
type exports struct {
	compression string
	cache       *layers.Cache
	shared      *layers.Shared

	mu  sync.Mutex
	old map[digest.Digest]bool // content of layers that an earlier build made
}

func (h *Host) exports(compression string) *exports {
	return &exports{compression: compression, cache: h.layerCache(), shared: layers.NewShared(), old: map[digest.Digest]bool{}}
}

func (h *Host) layerCache() *layers.Cache {
	return &layers.Cache{Dir: filepath.Join(h.CacheDir, "layers"), Limit: layers.DefaultLimit}
}

func (x *exports) begin(dir string, p *graph.Plan) (*layers.Export, error) {
	return layers.NewExport(dir, layers.Settings{Epoch: p.Epoch, Compression: x.compression}, x.cache, x.shared)
}

// remembered notes which layers an earlier build made.
func (x *exports) remembered(diffIDs []digest.Digest) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, d := range diffIDs {
		x.old[d] = true
	}
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
