package bring

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/selfsame-build/selfsame/internal/diag"
)

const (
	maxEntries = 1 << 16  // of an archive
	maxSmall   = 16 << 20 // bytes of index.json and manifest.json
)

// archive is a tar of which any file can be read at any time.
type archive struct {
	file  *os.File
	files map[string]span
	links map[string]string // symbolic and hard: old `docker save` writes one where a layer comes twice
}

// span is where a file's bytes stand.
type span struct{ offset, size int64 }

// openArchive opens an image's tar, plain or compressed. A compressed one is unpacked to dir first.
func openArchive(ctx context.Context, name, dir string) (content, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("opening the image: %w", err)
	}
	a := &archive{file: f, files: map[string]span{}, links: map[string]string{}}
	c, err := a.open(ctx, dir)
	if err != nil {
		return nil, errors.Join(named(ctx, name, err), a.file.Close())
	}
	return c, nil
}

func (a *archive) open(ctx context.Context, dir string) (content, error) {
	name := a.file.Name()
	if err := a.unpack(ctx, dir); err != nil {
		return nil, err
	}
	if err := a.scan(ctx); err != nil {
		return nil, err
	}
	switch {
	case a.has("oci-layout") && a.has("index.json"):
		return openOCI(a)
	case a.has("manifest.json"):
		return openDocker(ctx, a)
	}
	return nil, diag.Errorf(codeNoImage, "`%s` is no image: it has neither index.json nor manifest.json in it", name).WithHelp(help)
}

// unpack replaces the file by its decompressed content, if it is compressed.
func (a *archive) unpack(ctx context.Context, dir string) error {
	start := make([]byte, 4)
	if _, err := a.file.ReadAt(start, 0); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	var r io.Reader
	switch compression(start) {
	case "gzip":
		z, err := gzip.NewReader(bufio.NewReaderSize(a.file, 128<<10))
		if err != nil {
			return fmt.Errorf("starting gzip: %w", err)
		}
		defer z.Close()
		r = z
	case "zstd":
		z, err := zstd.NewReader(a.file, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(64<<20))
		if err != nil {
			return fmt.Errorf("starting zstd: %w", err)
		}
		defer z.Close()
		r = z
	default:
		return nil
	}
	out, err := os.Create(filepath.Join(dir, "unpacked.tar"))
	if err != nil {
		return err
	}
	n, err := io.Copy(out, io.LimitReader(counted{ctx, r, nil}, maxBlob+1))
	if err == nil && n > maxBlob {
		err = fmt.Errorf("it unpacks to more than %d bytes", int64(maxBlob))
	}
	if err != nil {
		return errors.Join(err, out.Close())
	}
	old := a.file
	a.file = out
	return old.Close()
}

// compression tells by its first bytes how a file is compressed; empty: not that we know.
func compression(start []byte) string {
	switch {
	case bytes.HasPrefix(start, []byte{0x1f, 0x8b}):
		return "gzip"
	case bytes.HasPrefix(start, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return "zstd"
	}
	return ""
}

// scan notes where each file stands. tar skips contents by seeking.
func (a *archive) scan(ctx context.Context) error {
	if _, err := a.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	t := tar.NewReader(a.file)
	for n := 0; ; n++ {
		h, err := t.Next()
		switch {
		case err == io.EOF:
			return nil
		case n == 0 && (errors.Is(err, tar.ErrHeader) || errors.Is(err, io.ErrUnexpectedEOF)):
			return diag.Errorf(codeNoImage, "`%s` is no tar", a.file.Name()).WithHelp(help)
		case err != nil && !errors.Is(err, tar.ErrInsecurePath): // names are looked up, never made
			return err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case n == maxEntries:
			return fmt.Errorf("more than %d entries", maxEntries)
		}
		name := path.Clean(strings.TrimPrefix(h.Name, "/"))
		switch h.Typeflag {
		case tar.TypeReg:
			at, err := a.file.Seek(0, io.SeekCurrent)
			if err != nil {
				return err
			}
			if _, twice := a.files[name]; twice && !strings.Contains(name, "/") {
				return fmt.Errorf("it has `%s` twice", name)
			}
			a.files[name] = span{at, h.Size}
		case tar.TypeSymlink:
			a.links[name] = path.Join(path.Dir(name), h.Linkname) //nolint:gosec // a name to look up among the tar's own; nothing is made on the disk
		case tar.TypeLink:
			a.links[name] = path.Clean(h.Linkname)
		}
	}
}

func (a *archive) has(name string) bool {
	_, err := a.find(name)
	return err == nil
}

// find gives the place of a file, through at most 8 links.
func (a *archive) find(name string) (span, error) {
	at := path.Clean(name)
	for range 8 {
		if s, ok := a.files[at]; ok {
			return s, nil
		}
		next, ok := a.links[at]
		if !ok {
			break
		}
		at = next
	}
	return span{}, fmt.Errorf("`%.200s` is not in it", name)
}

func (a *archive) at(s span) io.Reader { return io.NewSectionReader(a.file, s.offset, s.size) }

// small reads a file of at most limit bytes.
func (a *archive) small(name string, limit int64) ([]byte, error) {
	s, err := a.find(name)
	if err != nil {
		return nil, err
	}
	if s.size > limit {
		return nil, fmt.Errorf("`%.200s` has %d bytes, more than %d", name, s.size, limit)
	}
	raw, err := io.ReadAll(a.at(s))
	if err == nil && int64(len(raw)) != s.size {
		err = io.ErrUnexpectedEOF
	}
	return raw, err
}
