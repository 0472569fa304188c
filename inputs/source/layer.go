package source

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// write streams the layer's tar.
func (t *tree) write(w io.Writer, o Options, c *Context) error {
	tw := tar.NewWriter(w)
	root := &tar.Header{Typeflag: tar.TypeDir, Name: "./", Mode: 0o755}
	if err := tw.WriteHeader(normal(root, o)); err != nil {
		return err
	}
	for _, p := range t.paths {
		if err := t.writeOne(tw, p, o, c); err != nil {
			return err
		}
	}
	return tw.Close()
}

// normal sets what is the same for every entry. PAX is the only format that holds any name and size; it adds records
// only where the old format cannot.
func normal(h *tar.Header, o Options) *tar.Header {
	h.ModTime, h.Format = o.Epoch, tar.FormatPAX
	return h
}

// writeOne adds one path.
func (t *tree) writeOne(tw *tar.Writer, p string, o Options, c *Context) error {
	fi, err := t.root.Lstat(p)
	if errors.Is(err, fs.ErrNotExist) || isNotDir(err) {
		return fmt.Errorf("`%s` %w", p, errChanged)
	}
	if err != nil {
		return unreadable(err)
	}
	switch fi.Mode().Type() {
	case fs.ModeDir:
		return tw.WriteHeader(normal(&tar.Header{Typeflag: tar.TypeDir, Name: p + "/", Mode: 0o755}, o))
	case fs.ModeSymlink:
		target, err := t.root.Readlink(p)
		if err != nil {
			return unreadable(err)
		}
		c.Files++
		return tw.WriteHeader(normal(&tar.Header{Typeflag: tar.TypeSymlink, Name: p, Linkname: target, Mode: 0o777}, o))
	case 0:
		return t.writeFile(tw, p, fi, o, c)
	default:
		return diag.Errorf(diag.SourceSpecial, "`%s` is neither file, folder nor link (%s)", p, fi.Mode().Type()).
			WithWhy("it has no bytes of its own").WithHelp("remove it, or add it to .dockerignore")
	}
}

// pointer begins every git LFS pointer (git-lfs docs/spec.md); such a file has less than 1024 bytes.
var pointer = []byte("version https://git-lfs.github.com/spec/")

// signingKeys begin the files of cosign's format for private keys, which `selfsame key new` writes too. Such a key signs images and is never a
// part of one, so it is left out, by what it is and not by its name: whoever keeps it beside the recipe must not hand it to every step.
var signingKeys = [][]byte{[]byte("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----"), []byte("-----BEGIN ENCRYPTED COSIGN PRIVATE KEY-----")}

// signingKey tells whether the file begins as a signing key.
func signingKey(f *os.File) bool {
	var head [48]byte
	n, _ := f.ReadAt(head[:], 0) //nolint:errcheck // a file that cannot be read fails below
	return slices.ContainsFunc(signingKeys, func(k []byte) bool { return bytes.HasPrefix(head[:n], k) })
}

// writeFile adds a file, unless it is a signing key, and makes sure that what was read is one state of it.
func (t *tree) writeFile(tw *tar.Writer, p string, want fs.FileInfo, o Options, c *Context) error {
	// O_NONBLOCK: should it have become a pipe since, opening must not wait for a writer.
	f, err := t.root.OpenFile(p, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return unreadable(err)
	}
	defer f.Close()
	if err := unchanged(f, want, p); err != nil {
		return err
	}
	if signingKey(f) {
		note(&c.Keys, p)
		return nil
	}
	c.Files++
	mode := int64(0o644)
	if want.Mode()&0o100 != 0 {
		mode = 0o755
	}
	if err := tw.WriteHeader(normal(&tar.Header{Typeflag: tar.TypeReg, Name: p, Size: want.Size(), Mode: mode}, o)); err != nil {
		return err
	}
	if o.opened != nil {
		o.opened(p)
	}
	head := &prefix{max: len(pointer)}
	n, err := io.Copy(tw, io.TeeReader(io.LimitReader(f, want.Size()), head))
	if err != nil {
		return unreadable(err)
	}
	if n != want.Size() {
		return fmt.Errorf("`%s` %w", p, errChanged)
	}
	if want.Size() < 1024 && bytes.Equal(head.data, pointer) {
		note(&c.Pointers, p)
	}
	c.Bytes += n
	return unchanged(f, want, p)
}

// unchanged compares an open file with what it was.
func unchanged(f *os.File, want fs.FileInfo, p string) error {
	fi, err := f.Stat()
	if err != nil {
		return unreadable(err)
	}
	if !os.SameFile(fi, want) || fi.Size() != want.Size() || !fi.ModTime().Equal(want.ModTime()) || fi.Mode() != want.Mode() {
		return fmt.Errorf("`%s` %w", p, errChanged)
	}
	return nil
}

// prefix keeps the first max bytes written to it.
type prefix struct {
	data []byte
	max  int
}

func (b *prefix) Write(p []byte) (int, error) {
	if room := b.max - len(b.data); room > 0 {
		b.data = append(b.data, p[:min(room, len(p))]...)
	}
	return len(p), nil
}

// isNotDir is the error of a path whose parent is a file.
func isNotDir(err error) bool { return errors.Is(err, syscall.ENOTDIR) }
