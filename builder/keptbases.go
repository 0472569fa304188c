package builder

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/builder/graph"
	"github.com/selfsame-build/selfsame/inputs"
	"github.com/selfsame-build/selfsame/internal/atomicfile"
	"github.com/selfsame-build/selfsame/recipes"
)

// KeptBases are the Debian bases that earlier audits on this machine have made, in a folder of their own: what a build has proven is not
// among them, for whoever audits must have made it himself. A base is known by everything that decides it: its lines of the lock, its recipe, the
// epoch, the programs, and whether one builder made it or two that agreed. Its bytes are checked when they are read. No step of a
// recipe ran on a builder before it made its bases.
type KeptBases struct{ store *inputs.Store }

// maxKeptBases is how many bytes of bases are kept; those unused for longest go first.
const maxKeptBases = 4 << 30

// OpenKeptBases opens the folder, and makes it where there is none. Close lets it go.
func OpenKeptBases(dir string) (*KeptBases, error) {
	s, err := inputs.Open(dir)
	if err == nil {
		err = os.MkdirAll(filepath.Join(s.Dir(), "bases"), 0o700)
	}
	if err != nil {
		return nil, fmt.Errorf("opening the bases of earlier audits: %w", err)
	}
	return &KeptBases{s}, nil
}

// Close removes what is too much, unless another audit is reading there, and lets the folder go. It does so when ctx has ended, too.
func (k *KeptBases) Close(ctx context.Context) error {
	return errors.Join(k.tidy(context.WithoutCancel(ctx), maxKeptBases), k.store.Close())
}

// tidy keeps at most so many bytes of bases, and no mark of one that is gone.
func (k *KeptBases) tidy(ctx context.Context, maxBytes int64) error {
	switch _, err := k.store.GC(ctx, nil, maxBytes); {
	case errors.Is(err, inputs.ErrBusy):
		return nil
	case err != nil:
		return err
	}
	dir := filepath.Join(k.store.Dir(), "bases")
	marks, err := os.ReadDir(dir)
	for _, m := range marks {
		path := filepath.Join(dir, m.Name())
		if manifest, ok := marked(path); ok && k.store.Has(manifest) || strings.HasPrefix(m.Name(), ".") { // or being written
			continue
		}
		if failed := os.Remove(path); !errors.Is(failed, fs.ErrNotExist) { // another audit tidies, too
			err = errors.Join(err, failed)
		}
	}
	return err
}

// marked reads which image a base is.
func marked(mark string) (manifest digest.Digest, ok bool) {
	data, err := os.ReadFile(mark) //nolint:gosec // below our own cache folder
	manifest = digest.Digest(strings.TrimSpace(string(data)))
	return manifest, err == nil && manifest.Validate() == nil
}

// keeper is a resolver that starts from a base of an earlier audit where there is one, and keeps the others.
type keeper struct {
	resolver
	h     *Host
	of    *Restored
	kept  *KeptBases
	twice bool
	found map[string]bool // names of the bases that were there
}

// keeping wraps the resolver of a repeated build; without a folder it is left as it is.
func (h *Host) keeping(res resolver, r *Restored, o RepeatOptions, out *Repetition) resolver {
	if o.Bases == nil || h.Selfsame.Digest == "" { // nobody could say what made a base
		return res
	}
	out.keptBases = map[string]bool{}
	return &keeper{res, h, r, o.Bases, o.Twice, out.keptBases}
}

func (k *keeper) debian(ctx context.Context, d recipes.Debian, platform string) (graph.Image, error) {
	mark, err := k.mark(d, platform)
	if err != nil {
		return graph.Image{}, err
	}
	if manifest, ok := k.find(ctx, mark); ok {
		k.h.notice("%s: an earlier audit has built the base", baseName(d))
		k.found[baseName(d)] = true
		cfg, err := k.h.imageConfig(manifest)
		return graph.Image{Digest: manifest, Config: cfg}, err
	}
	img, err := k.resolver.debian(ctx, d, platform)
	if err != nil {
		return img, err
	}
	if err := k.keep(ctx, mark, img.Digest); err != nil {
		k.h.notice("the base is not kept for later audits: %v", err)
	}
	return img, nil
}

func (k *keeper) keep(ctx context.Context, mark string, manifest digest.Digest) error {
	if err := copyStored(ctx, k.h.Store, k.kept.store, manifest); err != nil {
		return err
	}
	return atomicfile.Write(mark, []byte(manifest), 0o600)
}

// mark is the file that says which image a base is.
func (k *keeper) mark(d recipes.Debian, platform string) (string, error) {
	bins := k.h.Daemons.Binaries
	by := []digest.Digest{k.h.Selfsame.Digest}
	for _, path := range []string{bins.Buildkitd, bins.Runc, bins.Vary} {
		program, err := FileDigest(k.h.CacheDir, path)
		if err != nil {
			return "", err
		}
		by = append(by, program)
	}
	key, err := json.Marshal([]any{"audited base v1", by, k.twice, d, platform, k.of.project.epoch.Unix(), k.of.lock.Step(platform, baseName(d))})
	return filepath.Join(k.kept.store.Dir(), "bases", digest.FromBytes(key).Encoded()), err
}

// find brings a kept base into the store. One that is not whole any more is made again.
func (k *keeper) find(ctx context.Context, mark string) (digest.Digest, bool) {
	manifest, ok := marked(mark)
	if !ok || copyStored(ctx, k.kept.store, k.h.Store, manifest) != nil {
		return "", false
	}
	return manifest, true
}

// copyStored copies an image with all that it names from one store to another; both check the bytes.
func copyStored(ctx context.Context, from, to *inputs.Store, manifest digest.Digest) error {
	c := collect(from)
	if err := c.image(manifest, ""); err != nil {
		return err
	}
	for _, b := range c.list {
		if err := copyBlob(ctx, from, to, b.Digest); err != nil {
			return err
		}
	}
	return nil
}

func copyBlob(ctx context.Context, from, to *inputs.Store, d digest.Digest) error {
	r, size, err := from.Open(d)
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = to.Put(ctx, r, size)
	return err
}
