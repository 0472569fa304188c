package archive

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"

	digest "github.com/opencontainers/go-digest"
	"github.com/ulikunitz/xz"

	"github.com/selfsame-build/selfsame/inputs/debian/control"
)

// The bounds of a package index. Trixie's main has 57 MB and 69,000 packages.
const (
	MaxIndex     = 512 << 20 // bytes, packed
	maxIndexText = 2 << 30   // bytes, unpacked
	maxPackages  = 1 << 20
	maxDeb       = 8 << 30 // bytes that an index may claim for one package
)

// Package is one entry of an index: what is needed to choose, fetch and check it.
type Package struct {
	Name, Version, Arch string
	Essential           bool
	// Rank is the Priority field as a number: 0 required, 1 important, 2 standard, 3 all others. It decides between packages
	// that provide the same virtual one.
	Rank int
	// Relations are kept as text, because few of an index's packages are ever looked at: see control.ParseRelations.
	PreDepends, Depends, Provides, Conflicts, Breaks string
	// Filename is the path below the archive's root.
	Filename string
	Digest   digest.Digest
	Size     int64 // bytes
}

// Unpack gives the text of an index whose name ends in .xz or .gz, bounded.
func Unpack(name string, r io.Reader) (io.Reader, error) {
	// Without a buffer the xz reader asks for one byte at a time, of a file that is 9 million system calls.
	r = bufio.NewReaderSize(r, 256<<10)
	var err error
	switch path.Ext(name) {
	case ".xz":
		r, err = xz.NewReader(r)
	case ".gz":
		r, err = gzip.NewReader(r)
	}
	if err != nil {
		return nil, fmt.Errorf("unpacking %s: %w", name, err)
	}
	return &bounded{r: r, left: maxIndexText}, nil
}

// bounded fails, rather than ends, when there is more than left bytes.
type bounded struct {
	r    io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, fmt.Errorf("more than %d bytes", int64(maxIndexText))
	}
	return n, err
}

// ReadPackages calls visit for each package of an unpacked index that fits arch (or is "all"). Entries are checked for
// form; a wrong one is an error, as the whole index is vouched for by one signature.
func ReadPackages(r io.Reader, arch string, visit func(Package) error) error {
	in := control.NewReader(r, "Package", "Version", "Architecture", "Essential", "Priority", "Pre-Depends", "Depends", "Provides",
		"Conflicts", "Breaks", "Filename", "Size", "SHA256")
	for n := 0; ; n++ {
		s, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading package index: %w", err)
		}
		if n == maxPackages {
			return fmt.Errorf("reading package index: more than %d packages", maxPackages)
		}
		p, err := readPackage(s)
		if err != nil {
			return fmt.Errorf("reading package index: package %q: %w", s["package"], err)
		}
		if p.Arch != arch && p.Arch != "all" {
			continue
		}
		if err := visit(p); err != nil {
			return err
		}
	}
}

func readPackage(s control.Stanza) (Package, error) {
	p := Package{
		Name: s["package"], Version: s["version"], Arch: s["architecture"], Essential: s["essential"] == "yes",
		PreDepends: s["pre-depends"], Depends: s["depends"], Provides: s["provides"],
		Conflicts: s["conflicts"], Breaks: s["breaks"], Filename: s["filename"],
		Digest: digest.NewDigestFromEncoded(digest.SHA256, s["sha256"]),
	}
	if p.Rank = slices.Index([]string{"required", "important", "standard"}, s["priority"]); p.Rank < 0 {
		p.Rank = 3
	}
	var err error
	switch {
	case !control.ValidName(p.Name):
		return p, errors.New("bad name")
	case !control.ValidName(p.Arch):
		return p, fmt.Errorf("bad architecture %q", p.Arch)
	case !validSHA256(s["sha256"]):
		return p, fmt.Errorf("bad SHA256 %q", s["sha256"])
	case !validFilename(p.Filename):
		return p, fmt.Errorf("bad Filename %q", p.Filename)
	}
	if p.Size, err = strconv.ParseInt(s["size"], 10, 64); err != nil || p.Size < 0 || p.Size > maxDeb {
		return p, fmt.Errorf("bad Size %q", s["size"])
	}
	if p.Version == "" {
		return p, errors.New("no Version")
	}
	return p, nil
}

// validSHA256 wants what digest.Validate wants of a sha256; its regular expression was a tenth of reading an index.
func validSHA256(hex string) bool {
	for i := range len(hex) {
		if c := hex[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return len(hex) == 64
}

// validFilename wants a clean relative path of URL-safe characters ending in .deb, so that it can be joined to a mirror's
// address and its last part used as a file name.
func validFilename(f string) bool {
	for i := range len(f) {
		c := f[i]
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alnum && strings.IndexByte("+-._~/", c) < 0 {
			return false
		}
	}
	return strings.HasSuffix(f, ".deb") && path.Clean(f) == f && !path.IsAbs(f) && f != ".." && !strings.HasPrefix(f, "../")
}
