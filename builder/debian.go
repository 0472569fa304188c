package builder

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/builder/graph"
	"github.com/selfsame-build/selfsame/inputs/debian"
	"github.com/selfsame-build/selfsame/inputs/debian/archive"
	"github.com/selfsame-build/selfsame/internal/atomicfile"
	"github.com/selfsame-build/selfsame/recipes"
	"github.com/selfsame-build/selfsame/recipes/lock"
)

// baseName is what the lock calls a Debian base: its content, so that two uses of one base share their lines.
func baseName(d recipes.Debian) string {
	data, _ := json.Marshal(d) // a struct of strings cannot fail
	return "debian:" + d.Suite + "/" + digest.FromBytes(data).Encoded()[:8]
}

// debianConfig gives a base's configuration the one line of history that tells BuildKit it is no empty image.
func debianConfig(d recipes.Debian, arch string) ([]byte, error) {
	data, err := debian.Config(d, arch)
	if err != nil {
		return nil, err
	}
	var img ocispec.Image
	if err := json.Unmarshal(data, &img); err != nil {
		return nil, fmt.Errorf("reading the base's configuration: %w", err)
	}
	img.History = []ocispec.History{{CreatedBy: strings.TrimSpace("debian " + d.Suite + " " + strings.Join(d.Packages, " "))}}
	return json.Marshal(img)
}

// verifyDebian follows a base's chain again, from the archive's keys to each package, on the stored bytes; once for each set of
// lines, since neither they nor the bytes they name can change.
func (h *Host) verifyDebian(ctx context.Context, arch string, entries []lock.Entry) error {
	mark := filepath.Join(h.CacheDir, "verified", (&lock.Lock{Entries: entries}).Digest().Encoded())
	if _, err := os.Stat(mark); err == nil {
		return nil
	}
	if err := debian.Verify(ctx, h.Store, archive.DebianKeyring(), arch, entries); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(mark), 0o700); err != nil {
		return fmt.Errorf("remembering what was verified: %w", err)
	}
	return atomicfile.Write(mark, nil, 0o600)
}

// debianBase assembles a base from its lines of the lock.
func (h *Host) debianBase(ctx context.Context, epoch time.Time, d recipes.Debian, platform string, entries []lock.Entry) (graph.DebianBase, error) {
	arch := debian.Arch(platform)
	if err := h.verifyDebian(ctx, arch, entries); err != nil {
		return graph.DebianBase{}, err
	}
	out, err := debian.Assemble(ctx, h.Store, entries, debian.AssembleOptions{
		Arch: arch, Epoch: epoch, TempDir: h.TempDir, CacheDir: filepath.Join(h.CacheDir, "debian"),
	})
	if err != nil {
		return graph.DebianBase{}, err
	}
	script, err := debian.ConfigureScript(d)
	if err != nil {
		return graph.DebianBase{}, err
	}
	cfg, err := debianConfig(d, arch)
	if err != nil {
		return graph.DebianBase{}, err
	}
	return graph.DebianBase{Name: baseName(d), Rootfs: out.Rootfs.Digest, Debs: out.Debs.Digest, Script: script, Config: cfg}, nil
}
