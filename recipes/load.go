package recipes

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/strictyaml"
)

// Load reads the recipe at path: a file, or a folder that holds recipe.yaml (the current one when path is empty). The error is
// a diag.List with everything that is wrong.
func Load(path string) (*Recipe, error) {
	if path == "" {
		path = "."
	}
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		path = filepath.Join(path, FileName)
		info, err = os.Stat(path)
	}
	if err != nil {
		return nil, diag.List{notFound(path, err)}
	}
	if !info.Mode().IsRegular() {
		return nil, diag.List{diag.Errorf(diag.CodeRecipeUnreadable, "`%s` is not a regular file", short(path)).
			WithAt(diag.Position{File: path}, "").WithWhy("it could give other bytes each time").WithHelp("name a file or a folder that holds " + FileName)}
	}
	data, err := read(path)
	if err != nil {
		return nil, diag.List{unreadable(path, err)}
	}
	return Parse(path, data)
}

// read takes one byte more than is allowed, so that Parse sees that there is too much.
func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // nothing was written
	return io.ReadAll(io.LimitReader(f, maxBytes+1))
}

func notFound(path string, err error) *diag.Diagnostic {
	if !errors.Is(err, fs.ErrNotExist) {
		return unreadable(path, err)
	}
	d := diag.Errorf(diag.CodeRecipeNotFound, "there is no recipe at `%s`", short(path)).
		WithAt(diag.Position{File: path}, "").WithHelp("run `selfsame init` to write one")
	other := strings.TrimSuffix(path, ".yaml") + ".yml"
	if _, err := os.Stat(other); err == nil && strings.HasSuffix(path, ".yaml") {
		return d.WithHelp("run `mv " + other + " " + path + "`")
	}
	return d
}

func unreadable(path string, err error) *diag.Diagnostic {
	return diag.Errorf(diag.CodeRecipeUnreadable, "cannot read `%s`: %w", short(path), diag.WithoutPath(err)).WithAt(diag.Position{File: path}, "").WithHelp("run `ls -l " + path + "` to see its permissions")
}

// Parse reads a recipe from data. name is the file's name as the user gave it; places in diagnostics bear it, and relative
// paths start from its folder. The error is a diag.List with everything that is wrong, sorted by place.
func Parse(name string, data []byte) (*Recipe, error) {
	r := &Recipe{Path: name, Dir: filepath.Dir(name)}
	d := decoder{strictyaml.New(dialect, name, data)}
	r.At = d.At
	if d.Decode(reflect.ValueOf(r).Elem()) {
		d.defaults(r)
		d.rules(r)
	}
	if err := d.Err(); err != nil {
		return nil, err
	}
	r.Lines = d.Lines
	return r, nil
}

// defaults fills in what the recipe may leave out. They are part of the canonical form, so that a changed default would be a
// changed recipe.
func (d decoder) defaults(r *Recipe) {
	if !d.Seen["source"] {
		r.Source.Path = "."
	}
	if !d.Seen["epoch"] {
		r.Epoch.FromSource = true
	}
	if !d.Seen["output.compression"] {
		r.Output.Compression = "zstd"
	}
}

// Where is the place of the field at a dotted path, or of the nearest one around it that the file has, with the text of that
// line; so that a later stage can point at a value that was left to its default.
func (r *Recipe) Where(path string) (diag.Position, string) {
	for path != "" {
		if at, ok := r.At[path]; ok {
			if at.Line < 1 || at.Line > len(r.Lines) || strictyaml.Unshowable(r.Lines[at.Line-1]) {
				return at, ""
			}
			return at, r.Lines[at.Line-1]
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return diag.Position{File: r.Path}, ""
}
