package recipes

import (
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/recipes/internal/format"
)

// maxErrors is how many errors of a file are reported at once.
const maxErrors = 50

// maxExcerpt is the greatest length in bytes of a line that is copied into a diagnostic.
const maxExcerpt = 1000

// decoder carries one file through reading. It gathers errors instead of stopping at the first.
type decoder struct {
	name  string
	lines []string
	list  diag.List
	// full is set once something was left out because of a limit; the file is not judged further then.
	full bool
	at   map[string]diag.Position
	// seen holds the path of every key that the author wrote, or most likely meant, so that a misspelt key is not also missing.
	seen map[string]bool
	// broken holds the path of every key whose value was refused whole, so that it is not also incomplete.
	broken map[string]bool
}

// report adds one error; after maxErrors of them a last one says that there are more.
func (d *decoder) report(code diag.Code, at diag.Position, summary, why, help string) {
	switch {
	case len(d.list) > maxErrors:
		return
	case len(d.list) == maxErrors:
		code, at, summary, why, help = diag.CodeRecipeMoreErrors, diag.Position{File: d.name}, fmt.Sprintf("more than %d errors", maxErrors),
			"the first ones are often the cause of the rest", "fix them and run `selfsame check` again"
	}
	d.list = append(d.list, diag.Errorf(code, "%s", summary).WithAt(at, d.excerpt(at)).WithWhy(why).WithHelp(help))
}

func (d *decoder) excerpt(at diag.Position) string {
	if at.Line < 1 || at.Line > len(d.lines) || unshowable(d.lines[at.Line-1]) {
		return ""
	}
	return d.lines[at.Line-1]
}

// unshowable is a line too long to be shown as an excerpt, or one that is not text.
func unshowable(line string) bool { return len(line) > maxExcerpt || !utf8.ValidString(line) }

// place is where n stands, with its width.
func (d *decoder) place(n *node) diag.Position {
	p := d.mark(n)
	// On a line that is not shown nobody sees the caret, and measuring each value of a long line again costs its square.
	if n.line >= 1 && n.line <= len(d.lines) && !unshowable(d.lines[n.line-1]) {
		p.Length = n.width(d.lines[n.line-1])
	}
	return p
}

// mark is where n begins.
func (d *decoder) mark(n *node) diag.Position {
	return diag.Position{File: d.name, Line: n.line, Column: n.column, Length: 1}
}

// field is a value on its way into a Go value: where it is, and what is demanded of it.
type field struct {
	path  string
	key   *node // the key it stands behind; nil in a list
	node  *node
	check format.Checks
}

// where points at the value if it is a text, else at the key that introduces it.
func (d *decoder) where(f field) diag.Position {
	if f.key != nil && (f.node.kind != scalarKind || f.node.tag == "null" && f.node.text == "") {
		return d.place(f.key)
	}
	return d.place(f.node)
}

// value decodes f into v and reports what does not fit.
func (d *decoder) value(f field, v reflect.Value) {
	d.at[f.path] = d.where(f)
	switch {
	case f.node.kind == badKind:
		d.broken[f.path] = true
		return
	case f.node.kind == scalarKind && f.node.tag == "null" && f.node.plain && f.node.text == "":
		d.broken[f.path] = true
		d.report(diag.CodeRecipeEmptyValue, d.where(f), "`"+short(last(f.path))+"` has no value", "it could mean none, the default, or a slip", "give it a value, or delete it")
		return
	}
	switch v.Interface().(type) {
	case Epoch:
		d.epoch(f, v)
		return
	case From:
		d.from(f, v)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		p := reflect.New(v.Type().Elem())
		d.value(f, p.Elem())
		v.Set(p)
	case reflect.Struct:
		d.structure(f, v)
	case reflect.Map:
		d.mapping(f, v)
	case reflect.Slice:
		d.sequence(f, v)
	case reflect.String:
		d.text(f, v)
	default:
		panic("recipes: no decoding for " + v.Type().String())
	}
}

func (d *decoder) structure(f field, v reflect.Value) {
	if f.node.kind != mappingKind {
		d.wrong(f, "keys and values", "write its keys below it: "+strings.Join(keysOf(v.Type()), ", "))
		return
	}
	byKey := fieldsOf(v.Type())
	for i, k := range f.node.keys {
		sf, ok := byKey[k.text]
		path := join(f.path, k.text)
		if !ok {
			d.unknown(f, k, keysOf(v.Type()))
			continue
		}
		d.seen[path] = true
		d.value(field{path, k, f.node.items[i], format.ParseTag(sf.Tag)}, v.FieldByIndex(sf.Index))
	}
	for _, name := range keysOf(v.Type()) {
		if format.ParseTag(byKey[name].Tag).Required && !d.seen[join(f.path, name)] {
			d.missing(f, name, format.ParseTag(byKey[name].Tag))
		}
	}
}

func (d *decoder) unknown(f field, key *node, known []string) {
	help := "use one of " + strings.Join(known, ", ")
	if near := nearest(key.text, known); near != "" {
		d.seen[join(f.path, near)] = true
		help = "did you mean `" + near + "`?"
	}
	where := ""
	if f.path != "" {
		where = " in `" + short(f.path) + "`"
	}
	d.report(diag.CodeRecipeUnknownKey, d.place(key), "unknown key `"+short(key.text)+"`"+where, "a misspelt key would change the build without a word", help)
}

func (d *decoder) missing(f field, name string, c format.Checks) {
	at := diag.Position{File: d.name, Line: f.node.line, Column: f.node.column}
	owner := "the recipe"
	if f.path != "" {
		at, owner = d.at[f.path], "`"+short(f.path)+"`"
	}
	help := "add `" + name + ":`"
	switch {
	case c.Format != nil && c.Format.Enum != nil:
		help = "add `" + name + ": " + c.Format.Enum[0] + "`"
	case c.Format != nil && (name == "platforms" || name == "sources"):
		help = "add `" + name + ": [" + c.Format.Examples[0] + "]`"
	case c.Format != nil:
		help = "add `" + name + ": " + c.Format.Examples[0] + "`"
	}
	d.report(diag.CodeRecipeMissingKey, at, owner+" has no `"+name+"`", "there is no safe default for it", help)
}

func (d *decoder) mapping(f field, v reflect.Value) {
	if f.node.kind != mappingKind {
		d.wrong(f, "keys and values", "write `NAME: value` below it")
		return
	}
	if d.empty(f, len(f.node.keys)) {
		return
	}
	m := reflect.MakeMapWithSize(v.Type(), len(f.node.keys))
	for i, k := range f.node.keys {
		d.judge(k, f.check.Keys, k.text)
		item := reflect.New(v.Type().Elem()).Elem()
		path := join(f.path, k.text)
		d.seen[path] = true
		d.value(field{path, k, f.node.items[i], format.Checks{EmptyOK: true}}, item)
		m.SetMapIndex(reflect.ValueOf(k.text), item)
	}
	v.Set(m)
}

func (d *decoder) sequence(f field, v reflect.Value) {
	if f.node.kind != listKind {
		help := "write a list"
		if f.node.kind == scalarKind && !f.node.block {
			help = "write `[" + short(f.node.text) + "]`"
		}
		d.wrong(f, "a list", help)
		return
	}
	if d.empty(f, len(f.node.items)) {
		return
	}
	s := reflect.MakeSlice(v.Type(), len(f.node.items), len(f.node.items))
	first := map[string]int{}
	for i, n := range f.node.items {
		d.value(field{fmt.Sprintf("%s[%d]", f.path, i), nil, n, format.Checks{Format: f.check.Format, EmptyOK: f.check.EmptyOK}}, s.Index(i))
		if line, again := first[n.text]; again && f.check.Unique && n.kind == scalarKind {
			d.report(diag.CodeRecipeRepeated, d.place(n), fmt.Sprintf("`%s` is in the list twice, first in line %d", short(n.text), line), "one of the two is a mistake", "remove one")
		} else if n.kind == scalarKind {
			first[n.text] = n.line
		}
	}
	v.Set(s)
}

// empty reports an empty list or mapping where that is not a meaning of its own.
func (d *decoder) empty(f field, n int) bool {
	if n > 0 || f.check.EmptyOK || f.node.lossy {
		return false
	}
	d.broken[f.path] = true
	d.report(diag.CodeRecipeEmptyValue, d.where(f), "`"+short(last(f.path))+"` is empty", "it could mean none, the default, or a slip", "give it a value, or delete it")
	return true
}

func (d *decoder) wrong(f field, want, help string) {
	d.broken[f.path] = true
	d.report(diag.CodeRecipeWrongType, d.where(f), fmt.Sprintf("`%s` must be %s, not %s", short(last(f.path)), want, f.node.name()), "nothing is converted silently", help)
}
