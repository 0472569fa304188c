package builder

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/builder/graph"
	"github.com/selfsame-build/selfsame/builder/layers"
	"github.com/selfsame-build/selfsame/builder/solver"
	"github.com/selfsame-build/selfsame/internal/atomicfile"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/recipes"
	"github.com/selfsame-build/selfsame/recipes/lock"
)

// baseOptions say how a base is made.
type baseOptions struct {
	again bool  // though it was made before
	bytes int64 // that a builder may write, as RepeatOptions.RootBytes
}

// provenBase is a Debian base as an image in the store. The base is built as an image of its own, by both twins, and enters the
// store only if they agree; later builds from the same packages start from it. It is made this way every time, remembered or
// not, so that remembering cannot change a byte.
func (h *Host) provenBase(ctx context.Context, epoch time.Time, d recipes.Debian, platform string, entries []lock.Entry, o baseOptions) (graph.Image, error) {
	base, err := h.debianBase(ctx, epoch, d, platform, entries)
	if err != nil {
		return graph.Image{}, err
	}
	mark := filepath.Join(h.CacheDir, "bases", baseKey(base, epoch).Encoded())
	if img, ok := h.rememberedBase(mark); ok && !o.again {
		return img, nil
	}
	h.notice("%s: building the base twice", base.Name)
	manifest, err := h.proveBase(ctx, base, platform, epoch, o)
	if err != nil {
		return graph.Image{}, err
	}
	if err := os.MkdirAll(filepath.Dir(mark), 0o700); err != nil {
		return graph.Image{}, fmt.Errorf("remembering the base: %w", err)
	}
	if err := atomicfile.Write(mark, []byte(manifest), 0o600); err != nil {
		return graph.Image{}, err
	}
	cfg, err := h.imageConfig(manifest)
	return graph.Image{Digest: manifest, Config: cfg}, err
}

// baseKey names all that can move a byte of a base. Its version goes up when the twins differ in more, so that no base counts as proven
// that was never built in such surroundings.
func baseKey(b graph.DebianBase, epoch time.Time) digest.Digest {
	data, _ := json.Marshal([]any{ // text and numbers cannot fail
		"base v2", b.Name, b.Rootfs, b.Debs, b.Script, string(b.Config), epoch.Unix(), BuildKitVersion, solver.ExporterAttrs(epoch), layers.Version, "zstd",
	})
	return digest.FromBytes(data)
}

// rememberedBase is a base that was proven before and is still whole in the store.
func (h *Host) rememberedBase(mark string) (graph.Image, bool) {
	data, err := os.ReadFile(mark) //nolint:gosec // below our own cache folder
	if err != nil {
		return graph.Image{}, false
	}
	manifest := digest.Digest(strings.TrimSpace(string(data)))
	if manifest.Validate() != nil {
		return graph.Image{}, false
	}
	c := collect(h.Store)
	if c.image(manifest, "") != nil {
		return graph.Image{}, false
	}
	for _, b := range c.list {
		if !h.Store.Has(b.Digest) {
			return graph.Image{}, false
		}
	}
	cfg, err := h.imageConfig(manifest)
	return graph.Image{Digest: manifest, Config: cfg}, err == nil
}

// proveBase builds a base on both twins and brings it into the store if they agree.
func (h *Host) proveBase(ctx context.Context, base graph.DebianBase, platform string, epoch time.Time, o baseOptions) (digest.Digest, error) {
	work, err := newWorkDir(h.TempDir)
	if err != nil {
		return "", err
	}
	defer work.close()
	draft, err := graph.CompileBase(ctx, base, platform, epoch)
	if err != nil {
		return "", err
	}
	run := &twinRun{
		host: h, lock: &lock.Lock{}, drafts: map[string]*graph.Draft{platform: draft}, exports: h.exports("zstd"),
		opt: Options{NoCache: o.again}, work: work.path, bytes: o.bytes,
	}
	defer run.close()
	if err := run.build(ctx); err != nil {
		return "", err
	}
	proof, _, err := run.prove(ctx)
	if err != nil {
		return "", err
	}
	if !proof.Valid() {
		return "", diag.Errorf("A0341", "base `%s` is not reproducible", base.Name).
			WithWhy("two builders configured the same packages differently").
			WithHelp("leave out one package after the other to find the one whose scripts differ")
	}
	manifest, _ := proof.Manifest(platform)
	return manifest, h.adopt(ctx, proof.Dir(), manifest)
}

// adopt copies an image's blobs from a layout into the store, which checks their digests.
func (h *Host) adopt(ctx context.Context, dir string, manifest digest.Digest) error {
	data, err := os.ReadFile(filepath.Join(dir, "blobs", "sha256", manifest.Encoded()))
	if err != nil {
		return fmt.Errorf("reading the base: %w", err)
	}
	var m ocispec.Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return fmt.Errorf("reading the base: %w", err)
	}
	for _, d := range append([]ocispec.Descriptor{{Digest: manifest, Size: int64(len(data))}, m.Config}, m.Layers...) {
		if err := h.adoptBlob(ctx, dir, d); err != nil {
			return err
		}
	}
	return nil
}

func (h *Host) adoptBlob(ctx context.Context, dir string, d ocispec.Descriptor) error {
	f, err := os.Open(filepath.Join(dir, "blobs", "sha256", d.Digest.Encoded()))
	if err != nil {
		return fmt.Errorf("reading the base: %w", err)
	}
	defer f.Close()
	got, err := h.Store.Put(ctx, io.Reader(f), d.Size)
	if err != nil {
		return err
	}
	if got.Digest != d.Digest {
		return fmt.Errorf("blob %s of the base changed while it was read", d.Digest)
	}
	return nil
}
