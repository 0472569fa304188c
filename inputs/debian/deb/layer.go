package deb

import (
	"archive/tar"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"
)

// Newest is the latest modification time in the tree.
func (t *Tree) Newest() time.Time {
	var newest time.Time
	for _, n := range t.nodes {
		if n.mtime.After(newest) {
			newest = n.mtime
		}
	}
	return newest
}

// WriteLayer writes the tree as an uncompressed tar layer: sorted by path (bytewise, so that a folder precedes what is in
// it), numeric owners only, times in whole seconds and none after epoch. The first path of a file with several is the
// file, the others hard links to it. The same tree gives the same bytes.
func (t *Tree) WriteLayer(w io.Writer, spool *Spool, epoch time.Time) error {
	out := tar.NewWriter(w)
	first := map[*node]string{}
	for _, name := range slices.Sorted(maps.Keys(t.nodes)) {
		if name == "." {
			continue // the root of a layer belongs to whoever mounts it
		}
		n := t.nodes[name]
		h := header(name, n, epoch)
		if n.kind == regular {
			if to, again := first[n]; again {
				h.Typeflag, h.Linkname, h.Size = tar.TypeLink, to, 0
			} else {
				first[n] = name
			}
		}
		if err := out.WriteHeader(h); err != nil {
			return fmt.Errorf("writing layer: %q: %w", name, err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if _, err := io.Copy(out, io.NewSectionReader(spool.f, n.offset, n.size)); err != nil {
			return fmt.Errorf("writing layer: %q: %w", name, err)
		}
	}
	if err := out.Close(); err != nil {
		return fmt.Errorf("writing layer: %w", err)
	}
	return nil
}

func header(name string, n *node, epoch time.Time) *tar.Header {
	mtime := n.mtime
	if mtime.After(epoch) {
		mtime = epoch
	}
	h := &tar.Header{
		Name: name, Mode: n.mode, Uid: n.uid, Gid: n.gid, Size: n.size, Typeflag: tar.TypeReg,
		ModTime: time.Unix(mtime.Unix(), 0).UTC(), // a zero time would be written as one before 1970
	}
	switch n.kind {
	case directory:
		h.Typeflag, h.Name = tar.TypeDir, name+"/"
	case symlink:
		h.Typeflag, h.Linkname = tar.TypeSymlink, n.target
	}
	return h
}
