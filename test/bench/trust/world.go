package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/recipes/lock"
	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/registry/layout"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/trust"
)

// keys are a pair in files, as `key new` makes them.
type keys struct {
	signer          *signing.Signer
	public, private string // paths of the halves
}

func newKeys(dir string) (keys, error) {
	private, public, err := signing.NewKey(nil)
	if err != nil {
		return keys{}, err
	}
	k := keys{public: filepath.Join(dir, "release.pub"), private: filepath.Join(dir, "release.key")}
	if err := errors.Join(os.WriteFile(k.public, public, 0o600), os.WriteFile(k.private, private, 0o600)); err != nil {
		return k, err
	}
	if k.signer, err = signing.LoadSigner(private, nil); err != nil {
		return k, err
	}
	k.signer = k.signer.For(trust.Release)
	return k, nil
}

// publish pushes an image of one platform with all the evidence that a build attaches: provenance and a rebuild statement about the index
// and about the manifest, and a list of contents. n makes it differ from the others.
func publish(ctx context.Context, c config, k keys, client *registry.Client, repository string, n int) (string, error) {
	dir := filepath.Join(c.work, "layout")
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	l, err := layout.Create(dir)
	if err != nil {
		return "", err
	}
	index, image, err := store(ctx, l, n)
	if err != nil {
		return "", err
	}
	b := describe(repository, index, image, c.inputs)
	statements, err := provenance.Statements(b)
	if err != nil {
		return "", err
	}
	sbom, err := provenance.SBOMStatement(repository, image.Manifest, []byte(`{"spdxVersion":"SPDX-2.3"}`))
	if err != nil {
		return "", err
	}
	for _, s := range append(statements, sbom) {
		bundle, err := signing.Sign(ctx, k.signer, s.Payload)
		if err != nil {
			return "", err
		}
		if _, err := l.Attach(ctx, s.Subject, artifact.Bundle(signing.BundleMediaType, bundle, s.PredicateType)); err != nil {
			return "", err
		}
	}
	pushed, err := client.Push(ctx, dir, index.Digest, repository+"@"+index.Digest.String(), nil)
	return pushed.Pinned(), err
}

// store writes an index of one manifest into a layout.
func store(ctx context.Context, l *layout.Layout, n int) (v1.Descriptor, provenance.Image, error) {
	put := func(mediaType string, v any) (v1.Descriptor, []byte, error) {
		raw, err := json.Marshal(v)
		if err != nil {
			return v1.Descriptor{}, nil, err
		}
		d := v1.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(raw), Size: int64(len(raw))}
		return d, raw, l.PutBlob(ctx, d, bytes.NewReader(raw))
	}
	versioned := specs.Versioned{SchemaVersion: 2}
	config, _, err := put(v1.MediaTypeImageConfig, map[string]any{"architecture": "amd64", "os": "linux", "n": n})
	if err != nil {
		return config, provenance.Image{}, err
	}
	manifest, _, err := put(v1.MediaTypeImageManifest, v1.Manifest{Versioned: versioned, MediaType: v1.MediaTypeImageManifest, Config: config, Layers: []v1.Descriptor{}})
	if err != nil {
		return manifest, provenance.Image{}, err
	}
	listed := manifest
	listed.Platform = &v1.Platform{OS: "linux", Architecture: "amd64"}
	index, raw, err := put(v1.MediaTypeImageIndex, v1.Index{Versioned: versioned, MediaType: v1.MediaTypeImageIndex, Manifests: []v1.Descriptor{listed}})
	if err == nil {
		err = l.Add(ctx, index, raw)
	}
	return index, provenance.Image{Platform: "linux/amd64", Manifest: manifest, Twin: manifest.Digest, DiffIDs: []digest.Digest{digest.FromString("layer")}}, err
}

func describe(name string, index v1.Descriptor, image provenance.Image, inputs int) provenance.Build {
	sum := digest.FromString
	b := provenance.Build{
		Name: name, Index: index, IndexTwin: index.Digest, Images: []provenance.Image{image},
		Recipe:   provenance.Recipe{Path: "recipe.yaml", Digest: sum("recipe"), Canonical: sum("canonical")},
		Lock:     provenance.Lock{Path: "selfsame.lock", Digest: sum("lock")},
		Source:   provenance.Source{Git: "https://git.example.com/shop.git", Commit: strings.Repeat("ab", 20), Context: sum("context")},
		Settings: provenance.Settings{BuildKit: "v0.34.2", Compression: "zstd", Epoch: 1, Frontend: "dockerfile.v0@v0.34.2"},
		Twins:    []provenance.Twin{{Name: "A", BuildKit: "v0.34.2"}, {Name: "B", BuildKit: "v0.34.2"}},
		Axes: []provenance.Axis{
			{Name: "clock", State: provenance.AxisMeasured, A: "2026", B: "2027"}, {Name: "cpus", State: provenance.AxisMeasured, A: "2", B: "1"},
		},
		Independence: provenance.SameHost, BuilderID: provenance.BuilderID(provenance.ModeLocal),
		Selfsame: provenance.Program{Version: "v0.1.0"}, InvocationID: "run-1", Started: time.Unix(1000, 0), Finished: time.Unix(1060, 0),
	}
	for i := range inputs {
		b.Lock.Entries = append(b.Lock.Entries, lock.Entry{
			Kind: lock.KindResponse, Platform: "linux/amd64", Step: "Dockerfile:3", Digest: sum(fmt.Sprint("input", i)), Size: 1000, Status: 200,
			Key: fmt.Sprintf("https://mirror.example.com/pool/p/package%d.deb", i), PURL: fmt.Sprintf("pkg:deb/debian/package%d@1.0-%d?arch=amd64", i, i),
		})
	}
	return b
}
