package builder

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/builder/daemon"
	"github.com/selfsame-build/selfsame/builder/graph"
	"github.com/selfsame-build/selfsame/inputs"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/recipes"
	"github.com/selfsame-build/selfsame/recipes/lock"
)

// making is a resolver that makes a base each time that it is asked for one.
type making struct {
	resolver
	h    *Host
	made int
}

func (m *making) debian(ctx context.Context, _ recipes.Debian, _ string) (graph.Image, error) {
	m.made++
	layer, err := m.h.Store.PutBytes(ctx, []byte("the files of a base"))
	if err != nil {
		return graph.Image{}, err
	}
	d := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayer, Digest: layer.Digest, Size: layer.Size}
	img, err := m.h.Store.PutImage(ctx, ocispec.Image{Platform: ocispec.Platform{OS: "linux", Architecture: "amd64"}}, []ocispec.Descriptor{d}, nil)
	return graph.Image{Digest: img.Digest}, err
}

// oneAudit is what can differ between two audits.
type oneAudit struct {
	program, daemon, line string
	epoch                 int64
	twice, none           bool
	platform              string
}

// run asks for one base, in a place of its own, and says whether it was made or found.
func (a oneAudit) run(t *testing.T, kept string) (made bool) {
	t.Helper()
	dir := t.TempDir()
	store, err := inputs.Open(filepath.Join(dir, "store"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	h := &Host{Store: store, CacheDir: dir, Daemons: &daemon.Manager{}, Selfsame: provenance.Program{Digest: digest.Digest(a.program)}}
	for name, to := range map[string]*string{"buildkitd": &h.Daemons.Binaries.Buildkitd, "runc": &h.Daemons.Binaries.Runc, "vary": &h.Daemons.Binaries.Vary} {
		*to = filepath.Join(dir, name)
		if err := os.WriteFile(*to, []byte(name+a.daemon), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	spec := recipes.Debian{Suite: "trixie"}
	r := &Restored{restored: &restored{
		project: &project{epoch: time.Unix(a.epoch, 0)},
		lock:    &lock.Lock{Entries: []lock.Entry{{Kind: lock.KindDeb, Platform: a.platform, Step: baseName(spec), Key: "a.deb", Digest: digest.FromString(a.line)}}},
	}}
	if len(r.lock.Step(a.platform, baseName(spec))) != 1 {
		t.Fatal("the lock has no line of the base")
	}
	bases, err := OpenKeptBases(kept)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := bases.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	m, out := &making{h: h}, &Repetition{}
	o := RepeatOptions{Twice: a.twice, Bases: bases}
	if a.none {
		o.Bases = nil
	}
	img, err := h.keeping(m, r, o, out).debian(t.Context(), spec, a.platform)
	if err != nil || !h.hasImage(img.Digest) {
		t.Fatalf("the base %s is not in the store: %v", img.Digest, err)
	}
	if (m.made == 0) != (len(out.KeptBases()) == 1) {
		t.Errorf("made %d, and said to be kept: %v", m.made, out.KeptBases())
	}
	return m.made == 1
}

// TestKeptBases: a base is made once, and again as soon as anything that decides it is another.
func TestKeptBases(t *testing.T) {
	kept := filepath.Join(t.TempDir(), "kept")
	first := oneAudit{program: "sha256:1", daemon: "1", line: "deb", epoch: 1, platform: "linux/amd64"}
	if !first.run(t, kept) {
		t.Error("found where nothing was kept")
	}
	if first.run(t, kept) {
		t.Error("made again, though it was kept")
	}
	other := func(change func(*oneAudit)) oneAudit {
		a := first
		change(&a)
		return a
	}
	for name, a := range map[string]oneAudit{
		"another version of ours": other(func(a *oneAudit) { a.program = "sha256:2" }),
		"another BuildKit":        other(func(a *oneAudit) { a.daemon = "2" }),
		"another package":         other(func(a *oneAudit) { a.line = "other" }),
		"another epoch":           other(func(a *oneAudit) { a.epoch = 2 }),
		"another platform":        other(func(a *oneAudit) { a.platform = "linux/arm64" }),
		"on two builders":         other(func(a *oneAudit) { a.twice = true }),
		"nothing is to be kept":   other(func(a *oneAudit) { a.none = true }),
	} {
		if !a.run(t, kept) {
			t.Errorf("%s: found, though another base was kept", name)
		}
	}
	unknown := other(func(a *oneAudit) { a.program = "" })
	for range 2 {
		if !unknown.run(t, kept) {
			t.Error("kept by a program that does not know which it is")
		}
	}
}

// TestDamagedKeptBase: what is not whole any more is made again, and kept again.
func TestDamagedKeptBase(t *testing.T) {
	kept := filepath.Join(t.TempDir(), "kept")
	a := oneAudit{program: "sha256:1", line: "deb", epoch: 1, platform: "linux/amd64"}
	layer := filepath.Join(kept, "blobs", "sha256", digest.FromString("the files of a base").Encoded())
	for name, damage := range map[string]func() error{
		"other bytes": func() error {
			if err := os.Chmod(layer, 0o600); err != nil {
				return err
			}
			return os.WriteFile(layer, []byte("the files of a bose"), 0o600)
		},
		"no layer": func() error { return os.Remove(layer) },
	} {
		a.run(t, kept)
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		if !a.run(t, kept) || a.run(t, kept) {
			t.Errorf("%s: it was not made again and kept", name)
		}
	}
}

// TestKeptBasesAreTidied: with a base goes the mark that says that it is there, or marks would pile up, one for each version of anything.
func TestKeptBasesAreTidied(t *testing.T) {
	kept := filepath.Join(t.TempDir(), "[kept") // no pattern
	a := oneAudit{program: "sha256:1", line: "deb", epoch: 1, platform: "linux/amd64"}
	a.run(t, kept)
	bases, err := OpenKeptBases(kept)
	if err != nil {
		t.Fatal(err)
	}
	defer bases.Close(t.Context())
	broken := filepath.Join(kept, "bases", "broken")
	if err := os.WriteFile(broken, []byte("no digest"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		bytes int64
		marks int
	}{{maxKeptBases, 1}, {0, 0}} {
		err := bases.tidy(t.Context(), c.bytes)
		if left, _ := os.ReadDir(filepath.Join(kept, "bases")); err != nil || len(left) != c.marks {
			t.Errorf("%d bytes: %d marks are left, want %d; %v", c.bytes, len(left), c.marks, err)
		}
	}
}
