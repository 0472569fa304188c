package sbom

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/internal/atomicfile"
)

// Memory remembers what was found in layers, so that an image which shares its lower layers with one that was listed before only has
// its upper ones read. The zero value remembers nothing.
type Memory struct {
	Dir string
	// Reader names the program that reads: another one may find other things in the same layers.
	Reader string
}

// chain is what was found in a number of layers, one laid over the other.
type chain struct {
	Files       []chainFile `json:"files"`
	BytesLeft   int64       `json:"bytesLeft"`
	EntriesLeft int         `json:"entriesLeft"`
}

type chainFile struct {
	Path       string    `json:"path"`
	Layer      int       `json:"layer"`
	Packages   []Package `json:"packages,omitempty"`
	Release    []string  `json:"release,omitempty"`
	Unreadable string    `json:"unreadable,omitempty"`
}

// path is where the content of layers is remembered; the limits count, because they decide what is read.
func (m Memory) path(layers []ocispec.Descriptor, l Limits) string {
	key := []any{m.Reader, l}
	for _, d := range layers {
		key = append(key, d.MediaType, d.Digest)
	}
	data, _ := json.Marshal(key) // text and numbers cannot fail
	return filepath.Join(m.Dir, digest.FromBytes(data).Encoded())
}

// recall gives what is known of the longest run of lower layers, and how many these are.
func (m Memory) recall(layers []ocispec.Descriptor, o Options) (*tree, int) {
	for n := len(layers); n > 0 && m.Dir != ""; n-- {
		data, err := os.ReadFile(m.path(layers[:n], o.Limits))
		if err != nil {
			continue
		}
		var c chain
		if json.Unmarshal(data, &c) != nil {
			continue
		}
		if t, err := c.tree(o); err == nil {
			return t, n
		}
	}
	return newTree(o), 0
}

// remember keeps what was found in layers.
func (m Memory) remember(layers []ocispec.Descriptor, t *tree) error {
	if m.Dir == "" {
		return nil
	}
	data, err := json.Marshal(t.chain())
	if err != nil {
		return fmt.Errorf("remembering what is in the layers: %w", err)
	}
	if err := os.MkdirAll(m.Dir, 0o700); err != nil {
		return fmt.Errorf("remembering what is in the layers: %w", err)
	}
	return atomicfile.Write(m.path(layers, t.options.Limits), data, 0o600)
}

func (t *tree) chain() chain {
	c := chain{BytesLeft: t.bytesLeft, EntriesLeft: t.entriesLeft}
	for _, name := range t.paths() {
		f := t.files[name]
		cf := chainFile{Path: name, Layer: f.layer, Packages: f.packages, Unreadable: f.unreadable}
		if f.release != (release{}) {
			cf.Release = []string{f.release.id, f.release.version}
		}
		c.Files = append(c.Files, cf)
	}
	return c
}

func (c chain) tree(o Options) (*tree, error) {
	t := newTree(o)
	t.bytesLeft, t.entriesLeft = c.BytesLeft, c.EntriesLeft
	for _, f := range c.Files {
		of := file{layer: f.Layer, packages: f.Packages, unreadable: f.Unreadable}
		if len(f.Release) == 2 {
			of.release = release{id: f.Release[0], version: f.Release[1]}
		}
		if err := t.put(f.Path, of); err != nil {
			return nil, err
		}
	}
	return t, nil
}
