package sbom

import (
	"archive/tar"
	"bytes"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

const (
	minBinary    = 100 << 10 // bytes; the smallest Go program has about 1 MiB
	inMemory     = 32 << 20  // bytes of a binary that are held in memory; larger ones go to the scratch folder
	maxBuildInfo = 64 << 20  // bytes that may be read while looking for the build information
)

var elfMagic = []byte("\x7fELF")

// goBinary looks for Go's build information in an ELF file of any mode (a plug-in is not executable) and gives nil when
// there is none.
func (t *tree) goBinary(h *tar.Header, r io.Reader) (*file, error) {
	if h.Size < minBinary {
		return nil, nil
	}
	head := make([]byte, len(elfMagic))
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	if !bytes.Equal(head, elfMagic) {
		return nil, nil
	}
	if h.Size > t.options.Limits.Binary {
		return &file{unreadable: fmt.Sprintf("a binary of %d bytes", h.Size)}, nil
	}
	whole := io.MultiReader(bytes.NewReader(head), r)
	if h.Size > inMemory {
		return t.goFile(whole)
	}
	if int64(cap(t.buffer)) < h.Size {
		t.buffer = make([]byte, h.Size)
	}
	t.buffer = t.buffer[:h.Size]
	if _, err := io.ReadFull(whole, t.buffer); err != nil {
		return nil, err
	}
	return readBuildInfo(bytes.NewReader(t.buffer)), nil
}

func (t *tree) goFile(r io.Reader) (*file, error) {
	f, err := os.CreateTemp(t.options.Scratch, "binary-*")
	if err != nil {
		return nil, fmt.Errorf("making a temporary copy of a binary: %w", err)
	}
	defer func() {
		_ = f.Close()
		_ = os.Remove(f.Name())
	}()
	if _, err := io.Copy(f, r); err != nil {
		return nil, fmt.Errorf("making a temporary copy of a binary: %w", err)
	}
	return readBuildInfo(f), nil
}

// readBuildInfo turns build information into packages: the main module, what it was linked with, and the standard library.
func readBuildInfo(r io.ReaderAt) (out *file) {
	defer func() {
		// debug/elf is "not designed to be hardened against adversarial inputs"; a build step could have written this one.
		if recover() != nil {
			out = &file{unreadable: "a damaged binary"}
		}
	}()
	limited := &limitedReaderAt{r: r, left: maxBuildInfo}
	info, err := buildinfo.Read(limited)
	if limited.left < 0 {
		return &file{unreadable: "a binary whose build information is too large"}
	}
	if err != nil {
		return nil // no Go binary
	}
	found := []Package{}
	if v, ok := strings.CutPrefix(info.GoVersion, "go"); ok {
		v, _, _ = strings.Cut(v, " ") // "go1.26.8 X:experiment"
		found = append(found, Package{Type: "golang", Name: "stdlib", Version: v})
	}
	if info.Main.Path != "" {
		found = append(found, module(info.Main.Path, info.Main.Version))
	}
	for _, d := range info.Deps {
		if d.Replace != nil {
			d = d.Replace
		}
		found = append(found, module(d.Path, d.Version))
	}
	f := newFile(0, found, nil)
	return &f
}

// module splits a module path as package URLs do. A main module built from a work tree has no version.
func module(modulePath, version string) Package {
	if version == "(devel)" {
		version = ""
	}
	p := Package{Type: "golang", Name: modulePath, Version: version}
	if i := strings.LastIndex(modulePath, "/"); i >= 0 {
		p.Namespace, p.Name = modulePath[:i], modulePath[i+1:]
	}
	return p
}

// limitedReaderAt fails when more than left bytes are read in all.
type limitedReaderAt struct {
	r    io.ReaderAt
	left int64
}

// ReadAt implements io.ReaderAt.
func (l *limitedReaderAt) ReadAt(p []byte, off int64) (int, error) {
	if l.left < int64(len(p)) {
		l.left = -1
		return 0, errors.New("the limit is reached")
	}
	l.left -= int64(len(p))
	return l.r.ReadAt(p, off)
}
