package deb

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"time"
)

// The bounds of a tree. A large desktop has about 500,000 files.
const (
	maxEntries = 4 << 20
	maxPath    = 4096 // bytes; the kernel's limit
	maxLinks   = 40   // symbolic links followed in one path; the kernel's limit
)

// kind of a file in a tree.
type kind byte

const (
	directory kind = iota
	regular
	symlink
)

// node is what one or more paths lead to.
type node struct {
	kind     kind
	mode     int64 // permission bits with set-id and sticky
	uid, gid int
	mtime    time.Time
	target   string // of a symbolic link, as written
	made     bool   // a folder that no package has brought so far
	offset   int64  // of the content in the spool
	size     int64
}

// Tree is a file system being laid together. Paths are relative and clean; the root is ".".
type Tree struct {
	nodes map[string]*node
}

// NewTree has a root folder and nothing in it.
func NewTree() *Tree {
	return &Tree{nodes: map[string]*node{".": {kind: directory, mode: 0o755, made: true}}}
}

// clean checks a path from a package and makes it relative: "./usr/bin" is "usr/bin". A path with ".." is refused even
// where it would stay inside: no honest package has one.
func clean(name string) (string, error) {
	if name == "" || len(name) > maxPath || strings.ContainsRune(name, 0) {
		return "", fmt.Errorf("bad path %q", name[:min(len(name), 100)])
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == ".." {
			return "", fmt.Errorf("path %q leads upwards", name)
		}
	}
	if path.IsAbs(name) {
		return "", fmt.Errorf("path %q is absolute", name)
	}
	return path.Clean(name), nil
}

// place finds where name ends up: its folder is resolved through the tree's symbolic links as the kernel would do in a
// chroot, where ".." at the root stays there, so that ./bin/sh is usr/bin/sh when bin is a link to usr/bin. Folders that
// are missing are made, for packages may leave out what another one surely has.
func (t *Tree) place(name string, mtime time.Time) (string, error) {
	if name == "." {
		return name, nil
	}
	dir, base := path.Split(name)
	at, err := t.resolve(path.Clean(dir), mtime)
	if err != nil {
		return "", err
	}
	return path.Join(at, base), nil
}

// resolve follows dir to a real folder, making what is missing.
func (t *Tree) resolve(dir string, mtime time.Time) (string, error) {
	at, links := ".", 0
	todo := strings.Split(dir, "/")
	for len(todo) > 0 {
		part := todo[0]
		todo = todo[1:]
		switch part {
		case "", ".":
			continue
		case "..":
			at = path.Dir(at)
			continue
		}
		next := path.Join(at, part)
		n := t.nodes[next]
		switch {
		case n == nil:
			if err := t.put(next, &node{kind: directory, mode: 0o755, mtime: mtime, made: true}); err != nil {
				return "", err
			}
			at = next
		case n.kind == directory:
			at = next
		case n.kind == symlink:
			if links++; links > maxLinks {
				return "", fmt.Errorf("too many symbolic links in %q", dir)
			}
			if path.IsAbs(n.target) {
				at = "."
			}
			todo = append(strings.Split(n.target, "/"), todo...)
		default:
			return "", fmt.Errorf("%q is a file, not a folder", next)
		}
	}
	return at, nil
}

func (t *Tree) put(at string, n *node) error {
	if len(t.nodes) >= maxEntries {
		return fmt.Errorf("more than %d files", maxEntries)
	}
	t.nodes[at] = n
	return nil
}

// add lays n over what is at name, by dpkg's rules: of two folders the first keeps its mode, a folder stays one when a package ships a link to a folder there, and a
// link to a folder stays when a package ships a folder; otherwise the newcomer replaces.
func (t *Tree) add(name string, n *node) error {
	at, err := t.place(name, n.mtime)
	if err != nil {
		return err
	}
	old := t.nodes[at]
	if old == nil || old.kind != directory && n.kind != directory {
		return t.put(at, n)
	}
	switch {
	case old.kind == directory && n.kind == directory:
		if old.made {
			return t.put(at, n)
		}
		return nil
	case old.kind == directory && n.kind == symlink:
		return nil
	case old.kind == symlink && n.kind == directory:
		_, err := t.resolve(at, n.mtime)
		return err
	}
	return fmt.Errorf("%q is a folder in one package and a file in another", at)
}

// link makes name another path to the file at target.
func (t *Tree) link(name, target string, mtime time.Time) error {
	from, err := t.place(target, mtime)
	if err != nil {
		return err
	}
	n := t.nodes[from]
	if n == nil || n.kind != regular {
		return fmt.Errorf("hard link %q leads to no file %q", name, target)
	}
	return t.add(name, n)
}

// MergeUsr links bin, sbin and the lib folders of arch to their places in usr, as debootstrap does, unless the packages bring
// the links themselves (since trixie, base-files does). Call it before anything is added.
func (t *Tree) MergeUsr(arch string, mtime time.Time) error {
	if len(t.nodes) != 1 {
		return errors.New("merging usr into a tree that is in use")
	}
	for _, dir := range append([]string{"bin", "sbin", "lib"}, libDirs[arch]...) {
		if _, err := t.resolve("usr/"+dir, mtime); err != nil {
			return err
		}
		if err := t.add(dir, &node{kind: symlink, mode: 0o777, mtime: mtime, target: "usr/" + dir}); err != nil {
			return err
		}
	}
	return nil
}

// libDirs are the further library folders by architecture, from debootstrap's setup_merged_usr.
var libDirs = map[string][]string{
	"amd64": {"lib32", "lib64", "libx32"}, "i386": {"lib64", "libx32"}, "ppc64el": {"lib64"}, "s390x": {"lib32"},
	"loong64": {"lib32", "lib64"},
}
