package source

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// tree is what will be packed: paths below root, sorted by bytes, folders before what is in them.
type tree struct {
	root  *os.Root
	paths []string
}

// list chooses the paths. On success the caller closes the tree's root.
func list(ctx context.Context, o Options, c *Context) (*tree, error) {
	sel, err := newSelector(o.Ignore, o.Exclude)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(o.Dir)
	if err != nil {
		return nil, unreadable(err)
	}
	t := &tree{root: root}
	git, err := workTree(ctx, o)
	switch {
	case err != nil:
	case git != nil:
		err = t.tracked(ctx, git, sel, o, c)
	default:
		err = t.walk(ctx, sel, o)
	}
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	slices.Sort(t.paths)
	t.paths = slices.Compact(t.paths)
	return t, nil
}

// unreadable makes a diagnostic of a file system's error.
func unreadable(err error) error {
	return diag.Errorf(diag.SourceUnreadable, "reading the source: %w", err).WithHelp("check `source.path` and the permissions")
}

// add takes a path and the folders above it.
func (t *tree) add(p string, known map[string]bool) {
	for ; p != "." && !known[p]; p = path.Dir(p) {
		known[p] = true
		t.paths = append(t.paths, p)
	}
}

// tooMany stops a listing that grows past all bounds.
func tooMany(n int, o Options) error {
	if n <= o.MaxFiles {
		return nil
	}
	return diag.Errorf(diag.SourceTooLarge, "the source has more than %d files", o.MaxFiles).
		WithHelp("add folders that the build does not need to .dockerignore")
}

// walk takes all files, and folders also when they are empty, as Docker does.
func (t *tree) walk(ctx context.Context, sel *selector, o Options) error {
	known := map[string]bool{}
	return fs.WalkDir(t.root.FS(), ".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return unreadable(err)
		case p == ".":
			return nil
		case d.IsDir() && sel.skip(p):
			return fs.SkipDir
		}
		keep, err := sel.keep(p)
		if err != nil || !keep {
			return err
		}
		t.add(p, known)
		return tooMany(len(t.paths), o)
	})
}

// tracked takes the files of git's index as they are in the work tree.
func (t *tree) tracked(ctx context.Context, g *git, sel *selector, o Options, c *Context) error {
	if err := g.state(ctx, sel, c); err != nil {
		return err
	}
	known, folders, any := map[string]bool{}, map[string]bool{}, false
	err := g.index(ctx, func(mode, p string) error {
		any = true
		keep, err := sel.keep(p)
		if err != nil || !keep {
			return err
		}
		switch present, err := t.present(p, mode, folders); {
		case err != nil:
			return err
		case !present:
			c.Dirty = true // removed, or a sparse checkout
			return nil
		}
		if mode == submodule {
			note(&c.Submodules, p)
		}
		t.add(p, known)
		return tooMany(len(t.paths), o)
	})
	if err == nil && !any {
		err = t.noneTracked()
	}
	return err
}

// noneTracked tells an empty folder from one that git knows nothing of.
func (t *tree) noneTracked() error {
	entries, err := fs.ReadDir(t.root.FS(), ".")
	if err != nil {
		return unreadable(err)
	}
	if slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() != ".git" }) {
		return diag.Errorf(diag.SourceUntracked, "git tracks none of the files in `%s`", filepath.Base(t.root.Name())).
			WithWhy("in a git work tree the source is the tracked files").WithHelp("run `git add` on them")
	}
	return nil
}

// present says whether a tracked path is there and of the kind that git tracks. Like git, it does not look through links.
func (t *tree) present(p, mode string, folders map[string]bool) (bool, error) {
	if dir := path.Dir(p); dir != "." && !t.realFolder(dir, folders) {
		return false, nil
	}
	fi, err := t.root.Lstat(p)
	switch {
	case errors.Is(err, fs.ErrNotExist) || isNotDir(err):
		return false, nil
	case err != nil:
		return false, unreadable(err)
	}
	return fi.IsDir() == (mode == submodule), nil
}

// realFolder says whether dir and all above it are folders, and not links to folders.
func (t *tree) realFolder(dir string, seen map[string]bool) bool {
	if ok, known := seen[dir]; known {
		return ok
	}
	ok := true
	if up := path.Dir(dir); up != "." {
		ok = t.realFolder(up, seen)
	}
	if ok {
		fi, err := t.root.Lstat(dir)
		ok = err == nil && fi.IsDir()
	}
	seen[dir] = ok
	return ok
}

// collisions refuses names that some filesystems cannot tell apart: equal but for case or Unicode normal form.
func collisions(paths []string) error {
	seen := make(map[string]string, len(paths))
	fold := cases.Fold()
	for _, p := range paths {
		k := strings.ToLower(p)
		if !ascii(p) {
			k = norm.NFC.String(fold.String(norm.NFC.String(p)))
		}
		if other, ok := seen[k]; ok {
			return diag.Errorf(diag.SourceCollision, "`%s` and `%s` are one name on some filesystems", other, p).
				WithWhy("which of them survives a clone there is chance").WithHelp("rename one, or leave it out with .dockerignore")
		}
		seen[k] = p
	}
	return nil
}

func ascii(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
