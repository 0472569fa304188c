package deb

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"sync/atomic"
	"time"
)

// Spool holds the contents of files while trees are laid together; an unnamed temporary file in production.
type Spool struct {
	f interface {
		io.ReaderAt
		io.WriterAt
	}
	end atomic.Int64
}

// NewSpool writes to f from its start.
func NewSpool(f interface {
	io.ReaderAt
	io.WriterAt
}) *Spool {
	return &Spool{f: f}
}

// maxSpool bounds all files of all packages together, in bytes.
const maxSpool = 256 << 30

// save copies exactly size bytes and returns where they are. Safe for concurrent use: the place is taken first.
func (s *Spool) save(r io.Reader, size int64) (int64, error) {
	offset := s.end.Add(size) - size
	if offset+size > maxSpool {
		return 0, fmt.Errorf("packages unpack to more than %d bytes", int64(maxSpool))
	}
	n, err := io.Copy(io.NewOffsetWriter(s.f, offset), io.LimitReader(r, size))
	if err == nil && n < size {
		err = io.ErrUnexpectedEOF
	}
	return offset, err
}

// Contents is what one package brings, in its own order.
type Contents struct{ entries []entry }

type entry struct {
	name string // clean
	link string // the path of the file that this is a hard link to; clean
	node *node
}

// Unpack reads the package in r: file contents go to the spool, the rest is returned. Device files, FIFOs and paths that
// leave the root are refused; extended attributes are ignored, as dpkg ignores them. r is read to its end.
func Unpack(r io.Reader, spool *Spool) (*Contents, error) {
	data, err := Data(r)
	if err != nil {
		return nil, err
	}
	c := &Contents{}
	files := tar.NewReader(data)
	for {
		h, err := files.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("reading data archive: %w", err)
		}
		if len(c.entries) == maxEntries {
			return nil, fmt.Errorf("reading data archive: more than %d files", maxEntries)
		}
		e, err := readEntry(h, files, spool)
		if err != nil {
			return nil, fmt.Errorf("reading data archive: %w", err)
		}
		c.entries = append(c.entries, e)
	}
	// tar ends before its padding; the rest of the stream decides whether the package is whole.
	if n, err := io.Copy(io.Discard, io.LimitReader(data, maxPadding+1)); err != nil {
		return nil, fmt.Errorf("reading the end of the package: %w", err)
	} else if n > maxPadding {
		return nil, errors.New("something follows the data archive's end")
	}
	return c, nil
}

// maxPadding is what may follow tar's two empty blocks; GNU tar pads to 10 KiB.
const maxPadding = 1 << 20

func readEntry(h *tar.Header, r io.Reader, spool *Spool) (entry, error) {
	name, err := clean(h.Name)
	if err != nil {
		return entry{}, err
	}
	if h.Uid < 0 || h.Gid < 0 || h.Uid > math.MaxUint32 || h.Gid > math.MaxUint32 || h.Mode < 0 {
		return entry{}, fmt.Errorf("%q has an impossible owner or mode", name)
	}
	n := &node{mode: h.Mode & 0o7777, uid: h.Uid, gid: h.Gid, mtime: time.Unix(max(0, h.ModTime.Unix()), 0).UTC()}
	e := entry{name: name, node: n}
	switch h.Typeflag {
	case tar.TypeDir:
		n.kind = directory
	case tar.TypeReg:
		n.kind, n.size = regular, h.Size
		n.offset, err = spool.save(r, h.Size)
	case tar.TypeSymlink:
		n.kind, n.target = symlink, h.Linkname
		if n.target == "" || len(n.target) > maxPath || strings.ContainsRune(n.target, 0) {
			err = errors.New("bad symbolic link")
		}
	case tar.TypeLink:
		e.link, err = clean(h.Linkname)
	default:
		err = fmt.Errorf("file type %q is not allowed in a base", h.Typeflag)
	}
	if err != nil {
		return entry{}, fmt.Errorf("%q: %w", name, err)
	}
	if name == "." && n.kind != directory {
		return entry{}, errors.New("the root is no folder")
	}
	return e, nil
}

// Brings says whether the package ships name itself, as a symbolic link.
func (c *Contents) Brings(name string) bool {
	for _, e := range c.entries {
		if e.name == name && e.link == "" && e.node.kind == symlink {
			return true
		}
	}
	return false
}

// Newest is the latest modification time of what the package brings.
func (c *Contents) Newest() time.Time {
	var newest time.Time
	for _, e := range c.entries {
		if e.node.mtime.After(newest) {
			newest = e.node.mtime
		}
	}
	return newest
}

// Overlay lays a package's contents over the tree.
func (t *Tree) Overlay(c *Contents) error {
	for _, e := range c.entries {
		var err error
		if e.link != "" {
			err = t.link(e.name, e.link, e.node.mtime)
		} else {
			err = t.add(e.name, e.node)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
