package debian

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/selfsame-build/selfsame/inputs"
	"github.com/selfsame-build/selfsame/inputs/debian/deb"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/recipes/lock"
)

// maxLayer bounds a layer in bytes; all of Debian's desktop tasks together stay below it.
const maxLayer = 256 << 30

// Assemble lays the packages of the entries (lines of other kinds are passed over) that dpkg needs in order to run (core) over each other, and
// writes the two images. Equal entries and options give equal digests, in any order and on any machine. A malformed package is A0718; one
// that is not in the store is inputs.ErrMissing, one whose stored bytes are damaged inputs.ErrCorrupt.
//
// The root filesystem is what unpacking leaves: no package is configured, dpkg's database is empty, and dpkg unpacks all
// packages, these once more, when ConfigureScript runs. So a copy of the result, rather than this layer with the next on top,
// makes the smaller image.
func Assemble(ctx context.Context, store Store, entries []lock.Entry, o AssembleOptions) (Assembled, error) {
	debs, err := packages(entries)
	if err != nil {
		return Assembled{}, err
	}
	memory := cache{o.CacheDir, debs, o.Arch, o.Epoch}
	if a, ok := memory.find(store); ok {
		return a, nil
	}
	if o.TempDir == "" {
		return Assembled{}, errors.New("assembling Debian base: no folder for temporary files")
	}
	a := Assembled{}
	g, gctx := errgroup.WithContext(ctx)
	var newest time.Time
	g.Go(func() (err error) { a.Rootfs, newest, err = rootfs(gctx, store, debs, o); return err })
	g.Go(func() (err error) { a.Debs, err = debsImage(gctx, store, debs, o.Arch); return err })
	if err := g.Wait(); err != nil {
		return Assembled{}, fmt.Errorf("assembling Debian base: %w", err)
	}
	return a, memory.remember(a, newest)
}

// file is one package by its file name.
type file struct {
	name   string
	digest digest.Digest
	size   int64
}

// packages are the deb lines in the order of unpacking: base-files first, for it lays out the folders and the links between
// them, then by name.
func packages(entries []lock.Entry) ([]file, error) {
	var all []file
	for _, e := range entries {
		if e.Kind != lock.KindDeb {
			continue
		}
		name := path.Base(e.Key)
		if !strings.HasSuffix(name, ".deb") || strings.ContainsAny(name, "\x00\n") {
			return nil, diag.Errorf(codeMalformed, "the lock names a package `%s`", name).WithHelp("selfsame lock")
		}
		f := file{name, e.Digest, e.Size}
		if slices.Contains(all, f) {
			continue // another base's line for the same package
		}
		all = append(all, f)
	}
	if len(all) == 0 {
		return nil, errors.New("assembling Debian base: no packages in the lock")
	}
	slices.SortFunc(all, func(a, b file) int {
		if d := first(a) - first(b); d != 0 {
			return d
		}
		return strings.Compare(a.name, b.name)
	})
	for i := range all[1:] {
		if all[i].name == all[i+1].name {
			return nil, diag.Errorf(codeMalformed, "the lock has two packages `%s`", all[i].name).WithHelp("selfsame lock")
		}
	}
	return all, nil
}

func first(f file) int {
	if strings.HasPrefix(f.name, "base-files_") {
		return 0
	}
	return 1
}

// workers is how many packages are read at once.
func (o AssembleOptions) workers() int {
	if o.Workers <= 0 {
		return 2
	}
	return o.Workers
}

// rootfs writes the image with the core packages' files and says how new the newest of them is.
func rootfs(ctx context.Context, store Store, debs []file, o AssembleOptions) (ocispec.Descriptor, time.Time, error) {
	f, err := os.CreateTemp(o.TempDir, "debian-*")
	if err != nil {
		return ocispec.Descriptor{}, time.Time{}, err
	}
	defer f.Close()
	if err := os.Remove(f.Name()); err != nil { // it lives on without a name until it is closed
		return ocispec.Descriptor{}, time.Time{}, err
	}
	spool := deb.NewSpool(f)
	debs, err = core(ctx, store, debs, o.workers())
	if err != nil {
		return ocispec.Descriptor{}, time.Time{}, err
	}
	tree, err := overlay(ctx, store, debs, spool, o)
	if err != nil {
		return ocispec.Descriptor{}, time.Time{}, err
	}
	d, err := image(ctx, store, o.Arch, func(w io.Writer) error { return tree.WriteLayer(w, spool, o.Epoch) })
	return d, tree.Newest(), err
}

// overlay unpacks in parallel and lays the contents over each other in order.
func overlay(ctx context.Context, store Store, debs []file, spool *deb.Spool, o AssembleOptions) (*deb.Tree, error) {
	all := make([]*deb.Contents, len(debs))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(o.workers())
	for i, d := range debs {
		g.Go(func() (err error) {
			if err := gctx.Err(); err != nil {
				return err
			}
			all[i], err = unpack(store, d, spool)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	tree := deb.NewTree()
	if first(debs[0]) != 0 || !all[0].Brings("bin") {
		if err := tree.MergeUsr(o.Arch, all[0].Newest()); err != nil {
			return nil, err
		}
	}
	for i, c := range all {
		if err := tree.Overlay(c); err != nil {
			return nil, malformed(debs[i].name, err)
		}
	}
	return tree, nil
}

func unpack(store Store, d file, spool *deb.Spool) (*deb.Contents, error) {
	r, _, err := store.Open(d.digest)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", d.name, err)
	}
	defer r.Close()
	c, err := deb.Unpack(r, spool)
	if err != nil {
		return nil, malformed(d.name, err)
	}
	return c, nil
}

// debsImage writes the image with the packages as files. Its times are zero: nobody sees them but the configuring step.
func debsImage(ctx context.Context, store Store, debs []file, arch string) (ocispec.Descriptor, error) {
	return image(ctx, store, arch, func(w io.Writer) error {
		out := tar.NewWriter(w)
		dir := strings.TrimPrefix(DebsDir, "/") + "/"
		if err := out.WriteHeader(&tar.Header{Name: dir, Typeflag: tar.TypeDir, Mode: 0o755, ModTime: time.Unix(0, 0)}); err != nil {
			return err
		}
		sorted := slices.SortedFunc(slices.Values(debs), func(a, b file) int { return strings.Compare(a.name, b.name) })
		for _, d := range sorted {
			if err := writeDeb(out, store, dir, d); err != nil {
				return fmt.Errorf("%s: %w", d.name, err)
			}
		}
		return out.Close()
	})
}

func writeDeb(out *tar.Writer, store Store, dir string, d file) error {
	r, size, err := store.Open(d.digest)
	if err != nil {
		return err
	}
	defer r.Close()
	if size != d.size {
		return fmt.Errorf("%w (%d bytes, not %d)", inputs.ErrCorrupt, size, d.size)
	}
	h := &tar.Header{Name: dir + d.name, Typeflag: tar.TypeReg, Mode: 0o644, Size: size, ModTime: time.Unix(0, 0)}
	if err := out.WriteHeader(h); err != nil {
		return err
	}
	_, err = io.Copy(out, r) // ends in an error if the digest differs
	return err
}

// image stores what write makes as the one layer of an image.
func image(ctx context.Context, store Store, arch string, write func(io.Writer) error) (ocispec.Descriptor, error) {
	r, w := io.Pipe()
	go func() { w.CloseWithError(write(w)) }()
	b, err := store.Put(ctx, r, maxLayer)
	_ = r.CloseWithError(io.ErrClosedPipe) // so that the writer ends too when the store has failed
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	layer := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayer, Digest: b.Digest, Size: b.Size}
	return store.PutImage(ctx, configOf(arch, []digest.Digest{b.Digest}), []ocispec.Descriptor{layer}, nil)
}
