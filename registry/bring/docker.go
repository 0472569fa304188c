package bring

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/internal/strictjson"
	"github.com/selfsame-build/selfsame/registry/artifact"
)

// saved is one image in manifest.json of a `docker save` tar.
type saved struct {
	Config string
	Layers []string // as many as the config has diffIDs, base first
}

// openDocker reads what `docker save` writes, and other tools in its form: manifest.json, configs, and layers, which docker leaves
// uncompressed and others compress. Such an image has no manifest of its own, so one is made for it.
func openDocker(ctx context.Context, a *archive) (content, error) {
	raw, err := a.small("manifest.json", maxSmall)
	if err != nil {
		return nil, err
	}
	var list []saved
	if err := strictjson.Unmarshal(raw, &list, strictjson.Limits{MaxBytes: maxSmall, AllowUnknown: true}); err != nil {
		return nil, fmt.Errorf("manifest.json: %w", err)
	}
	if len(list) == 0 || len(list) > maxNodes {
		return nil, fmt.Errorf("manifest.json lists %d images", len(list))
	}
	out := &archived{archive: a, made: map[digest.Digest][]byte{}, places: map[digest.Digest]span{}}
	for _, s := range list {
		if err := out.add(ctx, s); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (a *archived) add(ctx context.Context, s saved) error {
	config, err := a.small(s.Config, maxConfig)
	if err != nil {
		return fmt.Errorf("the config: %w", err)
	}
	var c v1.Image
	if err := json.Unmarshal(config, &c); err != nil {
		return fmt.Errorf("the config `%.200s`: %w", s.Config, err)
	}
	if len(s.Layers) != len(c.RootFS.DiffIDs) || len(s.Layers) > maxLayers {
		return fmt.Errorf("manifest.json lists %d layers and the config %d diffIDs, at most %d are read", len(s.Layers), len(c.RootFS.DiffIDs), maxLayers)
	}
	m := v1.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest, Layers: []v1.Descriptor{}}
	m.Config = v1.Descriptor{MediaType: v1.MediaTypeImageConfig, Digest: digest.FromBytes(config), Size: int64(len(config))}
	if a.places[m.Config.Digest], err = a.find(s.Config); err != nil {
		return err
	}
	for i, name := range s.Layers {
		d, err := a.describe(ctx, name, c.RootFS.DiffIDs[i])
		if err != nil {
			return fmt.Errorf("layer %d: %w", i+1, err)
		}
		m.Layers = append(m.Layers, d)
	}
	raw, err := json.Marshal(m)
	if err != nil {
		return err
	}
	d := v1.Descriptor{MediaType: v1.MediaTypeImageManifest, Digest: digest.FromBytes(raw), Size: int64(len(raw))}
	a.made[d.Digest] = raw
	a.list = append(a.list, d)
	return nil
}

// describe makes a layer's descriptor. An uncompressed layer has its diffID for a digest, which Fetch verifies; a compressed one is hashed.
func (a *archived) describe(ctx context.Context, name string, diffID digest.Digest) (artifact.Descriptor, error) {
	none := artifact.Descriptor{}
	if err := artifact.CheckDigest(diffID); err != nil {
		return none, err
	}
	s, err := a.find(name)
	if err != nil {
		return none, err
	}
	start := make([]byte, 4)
	if _, err := io.ReadFull(a.at(s), start); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return none, err
	}
	d := artifact.Descriptor{MediaType: v1.MediaTypeImageLayer, Digest: diffID, Size: s.size}
	if c := compression(start); c != "" {
		d.MediaType += "+" + c
		if d.Digest, err = (sink{}).Put(ctx, a.at(s), s.size); err != nil {
			return none, err
		}
	}
	a.places[d.Digest] = s
	return d, nil
}
