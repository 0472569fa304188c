package doctor

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// The bounds of containerd's configuration: real ones have 10 KiB in a handful of files.
const (
	maxFile  = 256 << 10
	maxFiles = 256
)

// file is one of the files that containerd's configuration consists of.
type file struct {
	name    string
	version int
	tree    map[string]any
	lines   map[string]int // of keys and tables, by their path
}

// settings are all files in the order in which containerd reads them.
type settings []file

// value is what one file sets.
type value struct {
	any
	place string
}

// readSettings reads path and what it imports; the rest of in ("-") is the output of `containerd config dump`, whose imports are in it.
func readSettings(path string, in io.Reader) (settings, error) {
	if path == "-" {
		f, err := parse("containerd config dump", in)
		return settings{f}, err
	}
	var out settings
	pending, seen := []string{path}, map[string]bool{}
	for ; len(pending) > 0; pending = pending[1:] {
		name := pending[0]
		if seen[name] {
			continue
		}
		if seen[name] = true; len(seen) > maxFiles {
			return nil, fmt.Errorf("it imports more than %d files", maxFiles)
		}
		f, err := openSettings(name)
		if err != nil {
			return nil, err
		}
		more, err := f.imports()
		if err != nil {
			return nil, err
		}
		out, pending = append(out, f), append(pending, more...)
	}
	return out, nil
}

func openSettings(name string) (file, error) {
	f, err := os.Open(name) //nolint:gosec // the operator, or containerd's configuration, names it
	if err != nil {
		return file{}, err
	}
	defer func() { _ = f.Close() }() // nothing was written
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return file{}, fmt.Errorf("%s is not a regular file", name)
	}
	return parse(name, f)
}

func parse(name string, in io.Reader) (file, error) {
	f := file{name: name, tree: map[string]any{}, lines: map[string]int{}}
	data, err := io.ReadAll(io.LimitReader(in, maxFile+1))
	if err != nil {
		return f, err
	}
	if len(data) > maxFile {
		return f, fmt.Errorf("%s has more than %d bytes", name, maxFile)
	}
	if err := toml.Unmarshal(data, &f.tree); err != nil {
		var at *toml.DecodeError
		if errors.As(err, &at) {
			row, _ := at.Position()
			return f, fmt.Errorf("%s:%d: %w", name, row, err)
		}
		return f, fmt.Errorf("%s: %w", name, err)
	}
	f.index(data)
	f.version = 1 // as containerd takes a file without a version
	if v, ok := f.tree["version"]; ok {
		n, _ := v.(int64)
		f.version = int(n)
	}
	if f.version < 2 || f.version > 4 {
		return f, fmt.Errorf("%s has version %d; this doctor knows 2, 3 and 4", name, f.version)
	}
	return f, nil
}

// index notes where each key is written. What stands in an inline table is found by the key that holds the table.
func (f *file) index(data []byte) {
	var p unstable.Parser
	p.Reset(data)
	var table []string
	for p.NextExpression() {
		e := p.Expression()
		var path []string
		line := 0
		for keys := e.Key(); keys.Next(); {
			if line == 0 {
				line = 1 + bytes.Count(data[:keys.Node().Raw.Offset], []byte("\n"))
			}
			path = append(path, string(keys.Node().Data))
		}
		switch e.Kind {
		case unstable.Table, unstable.ArrayTable:
			table = path
		case unstable.KeyValue:
			path = append(slices.Clone(table), path...)
		default:
			continue
		}
		f.lines[strings.Join(path, "\x00")] = line
	}
}

// imports are the files that f names, as containerd resolves them (cmd/containerd/server/config/config.go, resolveImports).
func (f *file) imports() ([]string, error) {
	list, _ := f.tree["imports"].([]any)
	var out []string
	for _, e := range list {
		path, ok := e.(string)
		if !ok {
			return nil, fmt.Errorf("%s: `imports` holds something that is not a path", f.name)
		}
		if path = filepath.Clean(path); !filepath.IsAbs(path) {
			path = filepath.Join(filepath.Dir(f.name), path)
		}
		if !strings.Contains(path, "*") {
			out = append(out, path)
			continue
		}
		found, err := filepath.Glob(path)
		if err != nil {
			return nil, fmt.Errorf("%s: imports %s: %w", f.name, path, err)
		}
		if out = append(out, found...); len(out) > maxFiles {
			return nil, fmt.Errorf("%s imports more than %d files", f.name, maxFiles)
		}
	}
	return out, nil
}

// at is what f sets at path, and where.
func (f *file) at(path ...string) (value, bool) {
	var v any = f.tree
	for _, key := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return value{}, false
		}
		if v, ok = m[key]; !ok {
			return value{}, false
		}
	}
	return value{v, f.place(path)}, true
}

// place is the line of the nearest thing that is written out.
func (f *file) place(path []string) string {
	for n := len(path); n > 0; n-- {
		if line := f.lines[strings.Join(path[:n], "\x00")]; line > 0 {
			return fmt.Sprintf("%s:%d", f.name, line)
		}
	}
	return f.name
}

// all is what any file sets at path. Each counts: which of two wins depends on containerd's way of merging, by which an empty value does not
// override another one, and no answer may rest on that.
func (s settings) all(path ...string) (out []value) {
	for i := range s {
		if v, ok := s[i].at(path...); ok {
			out = append(out, v)
		}
	}
	return out
}
