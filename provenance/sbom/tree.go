package sbom

import (
	"archive/tar"
	"fmt"
	"io"
	"path"
	"sort"
	"strings"
)

const (
	maxPath       = 4096 // bytes, PATH_MAX
	maxUnreadable = 20   // named in the document; more are counted
	whiteout      = ".wh."
	opaque        = ".wh..wh..opq" // image-spec layer.md "opaque whiteout"
)

// tree is what was found in the layers so far, by path. Only files that a cataloguer read are kept, and of those only the
// packages that they name, so memory grows with the list and not with the image.
type tree struct {
	options     Options
	files       map[string]file
	folders     map[string]int // how many files lie below a folder, at any depth
	bytesLeft   int64
	entriesLeft int
	packages    int
	buffer      []byte // reused for binaries
}

// file is one file that a cataloguer knows.
type file struct {
	layer      int
	packages   []Package
	release    release // of an os-release
	unreadable string  // why it says nothing
}

func newTree(o Options) *tree {
	return &tree{
		options: o, files: map[string]file{}, folders: map[string]int{},
		bytesLeft: o.Limits.Bytes, entriesLeft: o.Limits.Entries,
	}
}

// add takes one entry of a layer: a whiteout hides what lower layers have, anything else takes its path's place.
func (t *tree) add(layer int, h *tar.Header, r io.Reader) error {
	if t.entriesLeft--; t.entriesLeft < 0 {
		return fmt.Errorf("more than %d entries", t.options.Limits.Entries)
	}
	if len(h.Name) > maxPath || len(h.Linkname) > maxPath {
		return fmt.Errorf("a path of %d bytes, the limit is %d", max(len(h.Name), len(h.Linkname)), maxPath)
	}
	name := clean(h.Name)
	dir, base := path.Split(name)
	dir = strings.TrimSuffix(dir, "/")
	switch {
	case base == opaque:
		t.removeBelow(dir, layer)
		return nil
	case strings.HasPrefix(base, whiteout):
		hidden := path.Join(dir, strings.TrimPrefix(base, whiteout))
		t.removeBelow(hidden, layer)
		if f, ok := t.files[hidden]; ok && f.layer < layer {
			t.remove(hidden)
		}
		return nil
	}
	t.remove(name)
	if h.Typeflag == tar.TypeDir {
		return nil
	}
	t.removeBelow(name, layer+1) // a file where a folder was
	switch h.Typeflag {
	case tar.TypeReg:
		return t.catalogue(layer, name, h, r)
	case tar.TypeLink:
		if f, ok := t.files[clean(h.Linkname)]; ok {
			return t.put(name, file{layer: layer, packages: f.packages, release: f.release, unreadable: f.unreadable})
		}
	}
	return nil
}

// clean is the path from the root without a leading slash; ".." cannot leave the root.
func clean(name string) string { return strings.TrimPrefix(path.Clean("/"+name), "/") }

func (t *tree) put(name string, f file) error {
	if t.packages += len(f.packages); t.packages > t.options.Limits.Packages {
		return fmt.Errorf("more than %d packages", t.options.Limits.Packages)
	}
	t.files[name] = f
	for d := path.Dir(name); ; d = path.Dir(d) {
		t.folders[d]++
		if d == "." {
			return nil
		}
	}
}

func (t *tree) remove(name string) {
	f, ok := t.files[name]
	if !ok {
		return
	}
	t.packages -= len(f.packages)
	delete(t.files, name)
	for d := path.Dir(name); ; d = path.Dir(d) {
		if t.folders[d]--; t.folders[d] == 0 {
			delete(t.folders, d)
		}
		if d == "." {
			return
		}
	}
}

// removeBelow removes the files below dir that come from a layer under the given one. The count spares the search nearly
// always: few files have ever been a folder that held packages.
func (t *tree) removeBelow(dir string, layer int) {
	key, prefix := dir, dir+"/"
	if dir == "" {
		key, prefix = ".", ""
	}
	if t.folders[key] == 0 {
		return
	}
	for name, f := range t.files {
		if strings.HasPrefix(name, prefix) && f.layer < layer {
			t.remove(name)
		}
	}
}

// paths lists the files in order.
func (t *tree) paths() []string {
	out := make([]string, 0, len(t.files))
	for name := range t.files {
		out = append(out, name)
	}
	sort.Strings(out)
	return out
}

// release is the distribution, from whichever os-release is in the final image.
func (t *tree) release() release {
	for _, name := range []string{"etc/os-release", "usr/lib/os-release"} {
		if f, ok := t.files[name]; ok && f.release.id != "" {
			return f.release
		}
	}
	return release{}
}

// unreadable names the files that a cataloguer could not read.
func (t *tree) unreadable() (named []string, more int) {
	for _, name := range t.paths() {
		switch reason := t.files[name].unreadable; {
		case reason == "":
		case len(named) == maxUnreadable:
			more++
		default:
			named = append(named, name+" ("+reason+")")
		}
	}
	return named, more
}
