// Package layers gives the images that a builder exports their canonical form.
//
// A builder's own layers bear the times at which their files were written, so no two are ever alike. BuildKit can rewrite them while it
// exports, but does so anew for every layer of every export, and compresses each again. Here the builder exports layers as they are,
// uncompressed; each is rewritten once (no time later than the epoch), remembered by its digest, and compressed once for both twins:
// what is compared is the rewritten content, and the encoder only ever sees content that is named by its digest. A layer of the base is
// not touched.
//
// The rewriting and the encoders are BuildKit's own (util/converter, util/compression), so that its `rewrite-timestamp=true` gives the
// same content and the same blobs.
package layers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/containerd/errdefs"
	"github.com/moby/buildkit/util/compression"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Version names the rules by which a layer is rewritten; it changes whenever they do.
const Version = "selfsame.layers/v1"

// Settings are what can move a layer's bytes.
type Settings struct {
	Epoch       time.Time
	Compression string // zstd, gzip or none, as in a recipe
}

// Layer is one layer in its canonical form.
type Layer struct {
	MediaType string        `json:"mediaType"`
	Digest    digest.Digest `json:"digest"` // of the blob
	Size      int64         `json:"size"`   // of the blob, in bytes
	DiffID    digest.Digest `json:"diffID"` // of the decompressed tar
}

// Export is one builder's image on its way out: the builder writes into it, Finish makes it canonical.
type Export struct {
	content.Store
	dir      string
	settings Settings
	kind     compression.Type
	cache    *Cache
	shared   *Shared
	mu       sync.Mutex
	known    map[digest.Digest]Layer // layers as exported that were rewritten before; their blobs are in dir
	done     map[digest.Digest]Layer // layers as exported that this export rewrote
	old      []digest.Digest
	base     Base
	checked  map[digest.Digest]digest.Digest
}

// Base is the image that an exported one starts from. Its layers stay as they are.
type Base struct {
	Layers map[digest.Digest]bool // blobs
	// Open reads a blob of the base; the reader fails at its end when the blob does not have its digest. The builder need not send what
	// can be read here.
	Open func(digest.Digest) (io.ReadCloser, int64, error)
}

// Remembered are the contents (diffIDs) of the layers that an earlier build made.
func (e *Export) Remembered() []digest.Digest { return e.old }

var kinds = map[string]compression.Type{"zstd": compression.Zstd, "gzip": compression.Gzip, "none": compression.Uncompressed}

// NewExport begins an export into dir, an OCI layout's folder. cache remembers layers between builds; shared has what the other
// builder of this build made.
func NewExport(dir string, s Settings, base Base, cache *Cache, shared *Shared) (*Export, error) {
	kind, ok := kinds[s.Compression]
	if !ok {
		return nil, fmt.Errorf("`%s` is no compression", s.Compression)
	}
	if err := os.MkdirAll(blobs(dir), 0o755); err != nil { //nolint:gosec // an image layout is for others to read
		return nil, fmt.Errorf("making the output folder: %w", err)
	}
	store, err := local.NewStore(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the output folder: %w", err)
	}
	return &Export{Store: store, dir: dir, settings: s, kind: kind, base: base, cache: cache, shared: shared,
		known: map[digest.Digest]Layer{}, done: map[digest.Digest]Layer{}, checked: map[digest.Digest]digest.Digest{}}, nil
}

// Writer tells the builder that a layer which was rewritten before is here already, so that it is not sent again.
func (e *Export) Writer(ctx context.Context, opts ...content.WriterOpt) (content.Writer, error) {
	var o content.WriterOpts
	for _, opt := range opts {
		if err := opt(&o); err != nil {
			return nil, err
		}
	}
	if raw := o.Desc.Digest; raw != "" && e.base.Layers[raw] && e.takeBase(raw) {
		return nil, fmt.Errorf("layer %s: %w", raw, errdefs.ErrAlreadyExists)
	} else if raw != "" {
		if l, ok := e.cache.fetch(raw, e.settings, e.dir); ok {
			e.mu.Lock()
			e.known[raw] = l
			e.mu.Unlock()
			return nil, fmt.Errorf("layer %s: %w", raw, errdefs.ErrAlreadyExists)
		}
	}
	return e.Store.Writer(ctx, opts...)
}

// Checked are the layers of the finished image whose blobs were hashed on their way into the layout and whose content is known: blob to
// diffID. They need not be read again.
func (e *Export) Checked() map[digest.Digest]digest.Digest { return e.checked }

// takeBase copies a layer of the base into the layout.
func (e *Export) takeBase(d digest.Digest) bool {
	if l, ok := e.shared.findBlob(d); ok && link(l, e.path(d)) == nil {
		e.learn(d)
		return true
	}
	if e.base.Open == nil {
		return false
	}
	r, _, err := e.base.Open(d)
	if err != nil {
		return false
	}
	defer r.Close()
	f, err := os.CreateTemp(blobs(e.dir), ".layer-")
	if err != nil {
		return false
	}
	defer os.Remove(f.Name())
	sum := digest.Canonical.Digester()
	_, err = io.Copy(io.MultiWriter(f, sum.Hash()), r)
	if errors.Join(err, f.Chmod(0o644), f.Close()) != nil || sum.Digest() != d || os.Rename(f.Name(), e.path(d)) != nil {
		return false // the builder has it too
	}
	e.shared.addBlob(d, e.path(d))
	e.learn(d)
	return true
}

// learn notes a base's layer as checked if its content is known.
func (e *Export) learn(d digest.Digest) {
	diffID, ok := e.cache.content(d)
	e.mu.Lock()
	defer e.mu.Unlock()
	if ok {
		e.checked[d] = diffID
	}
}

// Finish makes the exported image canonical and names its manifest.
func (e *Export) Finish(ctx context.Context, manifest digest.Digest) (digest.Digest, error) {
	var m ocispec.Manifest
	if err := e.readJSON(manifest, &m); err != nil {
		return "", fmt.Errorf("reading the exported manifest: %w", err)
	}
	config := map[string]json.RawMessage{}
	if err := e.readJSON(m.Config.Digest, &config); err != nil {
		return "", fmt.Errorf("reading the exported configuration: %w", err)
	}
	var fs ocispec.RootFS
	if err := json.Unmarshal(config["rootfs"], &fs); err != nil || len(fs.DiffIDs) != len(m.Layers) {
		return "", fmt.Errorf("reading the exported configuration: %d layers and %d diffIDs (%w)", len(m.Layers), len(fs.DiffIDs), err)
	}
	for i, d := range m.Layers {
		l := Layer{MediaType: d.MediaType, Digest: d.Digest, Size: d.Size, DiffID: fs.DiffIDs[i]}
		if !e.base.Layers[d.Digest] {
			var err error
			if l, err = e.layer(ctx, d); err != nil {
				return "", fmt.Errorf("rewriting layer %d: %w", i+1, err)
			}
			e.checked[l.Digest] = l.DiffID
		}
		m.Layers[i] = ocispec.Descriptor{MediaType: l.MediaType, Digest: l.Digest, Size: l.Size}
		fs.DiffIDs[i] = l.DiffID
	}
	return e.write(m, config, fs, manifest)
}

// write puts configuration and manifest in the place of the exported ones, encoded as BuildKit encodes them.
func (e *Export) write(m ocispec.Manifest, config map[string]json.RawMessage, fs ocispec.RootFS, old digest.Digest) (digest.Digest, error) {
	oldConfig := m.Config.Digest
	var err error
	if config["rootfs"], err = json.Marshal(fs); err != nil {
		return "", err
	}
	if lines, ok := config["history"]; ok {
		if config["history"], err = ownHistory(lines); err != nil {
			return "", err
		}
	}
	raw, err := json.Marshal(config)
	if err != nil {
		return "", err
	}
	m.Config.Digest, m.Config.Size = digest.FromBytes(raw), int64(len(raw))
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return "", err
	}
	manifest := digest.FromBytes(text)
	for d, data := range map[digest.Digest][]byte{m.Config.Digest: raw, manifest: text} {
		if err := os.WriteFile(e.path(d), data, 0o644); err != nil { //nolint:gosec // as above
			return "", fmt.Errorf("writing %s: %w", d, err)
		}
	}
	for now, before := range map[digest.Digest]digest.Digest{m.Config.Digest: oldConfig, manifest: old} {
		if now != before {
			_ = os.Remove(e.path(before))
		}
	}
	return manifest, nil
}

// invented marks the history of a layer about which the configuration says nothing: BuildKit makes a line up from its cache's records,
// which depend on what it was asked to build before (v0.34.2, exporter/containerimage normalizeLayersAndHistory).
const invented = "buildkit.exporter.image.v0"

// ownHistory says of such a layer the same every time.
func ownHistory(raw json.RawMessage) (json.RawMessage, error) {
	var lines []ocispec.History
	if err := json.Unmarshal(raw, &lines); err != nil {
		return nil, fmt.Errorf("reading the exported history: %w", err)
	}
	for i := range lines {
		if lines[i].Comment == invented {
			lines[i].CreatedBy, lines[i].Comment = "selfsame", ""
		}
	}
	return json.Marshal(lines)
}

func blobs(dir string) string { return filepath.Join(dir, "blobs", "sha256") }

func (e *Export) path(d digest.Digest) string { return filepath.Join(blobs(e.dir), d.Encoded()) }

// maxDocument is the most bytes of a manifest or configuration (as compare has it).
const maxDocument = 16 << 20

func (e *Export) readJSON(d digest.Digest, into any) error {
	if err := d.Validate(); err != nil {
		return err
	}
	st, err := os.Stat(e.path(d))
	if err != nil {
		return err
	}
	if st.Size() > maxDocument {
		return fmt.Errorf("%s has %d bytes, more than %d", d, st.Size(), maxDocument)
	}
	data, err := os.ReadFile(e.path(d))
	if err != nil {
		return err
	}
	return json.Unmarshal(data, into)
}
