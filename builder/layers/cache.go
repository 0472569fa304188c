package layers

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/internal/atomicfile"
)

// Cache remembers, across builds, what layers became when they were rewritten. It is a function written down: for the digest of a
// layer as a builder exported it, and the settings, the rewritten layer. Nothing in it says who asks, so both builders may use it.
type Cache struct {
	Dir   string
	Limit int64 // bytes of blobs to keep; the longest unused go first
}

// DefaultLimit is for Cache.Limit.
const DefaultLimit = 10 << 30

func (c *Cache) entry(raw digest.Digest, s Settings) string {
	key, _ := json.Marshal([]any{Version, raw, s.Epoch.Unix(), s.Compression}) // text and numbers cannot fail
	return filepath.Join(c.Dir, "made", digest.FromBytes(key).Encoded())
}

func (c *Cache) blob(d digest.Digest) string { return filepath.Join(c.Dir, "blobs", d.Encoded()) }

// fetch brings the layer that raw became into the layout at dir. A remembered blob that is gone or damaged is forgotten.
func (c *Cache) fetch(raw digest.Digest, s Settings, dir string) (Layer, bool) {
	if c == nil || raw.Validate() != nil {
		return Layer{}, false
	}
	data, err := os.ReadFile(c.entry(raw, s))
	if err != nil {
		return Layer{}, false
	}
	var l Layer
	if json.Unmarshal(data, &l) != nil || l.Digest.Validate() != nil || l.DiffID.Validate() != nil {
		return Layer{}, false
	}
	path := c.blob(l.Digest)
	if !intact(path, l) {
		_ = os.Remove(path)
		return Layer{}, false
	}
	now := time.Now() //nolint:forbidigo // when a file was last used is no part of any result
	_ = os.Chtimes(path, now, now)
	return l, link(path, filepath.Join(blobs(dir), l.Digest.Encoded())) == nil
}

func intact(path string, l Layer) bool {
	f, err := os.Open(path) //nolint:gosec // below our own cache folder
	if err != nil {
		return false
	}
	defer f.Close()
	sum := digest.Canonical.Digester()
	n, err := io.Copy(sum.Hash(), f)
	return err == nil && n == l.Size && sum.Digest() == l.Digest
}

// keep remembers that raw became l, whose blob is at path.
func (c *Cache) keep(raw digest.Digest, s Settings, l Layer, path string) error {
	if c == nil {
		return nil
	}
	for _, dir := range []string{"made", "blobs"} {
		if err := os.MkdirAll(filepath.Join(c.Dir, dir), 0o700); err != nil {
			return fmt.Errorf("remembering a layer: %w", err)
		}
	}
	if err := link(path, c.blob(l.Digest)); err != nil {
		return err
	}
	data, err := json.Marshal(l)
	if err != nil {
		return err
	}
	return atomicfile.Write(c.entry(raw, s), data, 0o600)
}

func (c *Cache) contentPath(blob digest.Digest) string {
	return filepath.Join(c.Dir, "contents", blob.Encoded())
}

// content is what a layer's blob decompresses to, if that was checked before.
func (c *Cache) content(blob digest.Digest) (digest.Digest, bool) {
	data, err := os.ReadFile(c.contentPath(blob))
	d := digest.Digest(data)
	return d, err == nil && d.Validate() == nil
}

// Learn remembers that a blob was read and has this content.
func (c *Cache) Learn(blob, diffID digest.Digest) error {
	if have, ok := c.content(blob); ok && have == diffID {
		return nil
	}
	if err := os.MkdirAll(filepath.Join(c.Dir, "contents"), 0o700); err != nil {
		return fmt.Errorf("remembering a layer: %w", err)
	}
	return atomicfile.Write(c.contentPath(blob), []byte(diffID), 0o600)
}

// Trim removes the longest unused blobs until the limit is kept. What was made of a removed blob is made again when it is wanted.
func (c *Cache) Trim() error {
	files, err := os.ReadDir(filepath.Join(c.Dir, "blobs"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("trimming the layers: %w", err)
	}
	var infos []fs.FileInfo
	var total int64
	for _, f := range files {
		if info, err := f.Info(); err == nil {
			infos, total = append(infos, info), total+info.Size()
		}
	}
	slices.SortFunc(infos, func(a, b fs.FileInfo) int { return a.ModTime().Compare(b.ModTime()) })
	for _, info := range infos {
		if total <= c.Limit {
			break
		}
		if os.Remove(filepath.Join(c.Dir, "blobs", info.Name())) == nil {
			total -= info.Size()
		}
	}
	return nil
}
