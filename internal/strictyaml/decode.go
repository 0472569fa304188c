package strictyaml

import (
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// MaxErrors is how many errors of a file are reported at once.
const MaxErrors = 50

// MaxExcerpt is the greatest length in bytes of a line that is copied into a diagnostic.
const MaxExcerpt = 1000

// Decoder carries one file through reading. It gathers errors instead of stopping at the first.
type Decoder struct {
	dialect *Dialect
	name    string
	data    []byte
	list    diag.List
	// full is set once something was left out because of a limit; the file is not judged further then.
	full bool
	// Lines are the file's, without their ends.
	Lines []string
	// At holds the place of every value by its dotted path.
	At map[string]diag.Position
	// Seen holds the path of every key that the author wrote, or most likely meant, so that a misspelt key is not also missing.
	Seen map[string]bool
	// Broken holds the path of every key whose value was refused whole, so that it is not also incomplete.
	Broken map[string]bool
}

// Report adds one error; after MaxErrors of them a last one says that there are more.
func (d *Decoder) Report(code diag.Code, at diag.Position, summary, why, help string) {
	switch {
	case len(d.list) > MaxErrors:
		return
	case len(d.list) == MaxErrors:
		code, at, summary, why, help = d.dialect.Codes.MoreErrors, diag.Position{File: d.name}, fmt.Sprintf("more than %d errors", MaxErrors),
			"the first ones are often the cause of the rest", "fix them and run `"+d.dialect.Check+"` again"
	}
	d.list = append(d.list, diag.Errorf(code, "%s", summary).WithAt(at, d.excerpt(at)).WithWhy(why).WithHelp(help))
}

func (d *Decoder) excerpt(at diag.Position) string {
	if at.Line < 1 || at.Line > len(d.Lines) || Unshowable(d.Lines[at.Line-1]) {
		return ""
	}
	return d.Lines[at.Line-1]
}

// Unshowable is a line too long to be shown as an excerpt, or one that is not text.
func Unshowable(line string) bool { return len(line) > MaxExcerpt || !utf8.ValidString(line) }

// Place is where n stands, with its width.
func (d *Decoder) Place(n *Node) diag.Position {
	p := d.mark(n)
	// On a line that is not shown nobody sees the caret, and measuring each value of a long line again costs its square.
	if n.Line >= 1 && n.Line <= len(d.Lines) && !Unshowable(d.Lines[n.Line-1]) {
		p.Length = n.width(d.Lines[n.Line-1])
	}
	return p
}

// mark is where n begins.
func (d *Decoder) mark(n *Node) diag.Position {
	return diag.Position{File: d.name, Line: n.Line, Column: n.Column, Length: 1}
}

// Field is a value on its way into a Go value: where it is, and what is demanded of it.
type Field struct {
	Path  string
	Key   *Node // the key it stands behind; nil in a list
	Node  *Node
	Check Checks
}

// Where points at the value if it is a text, else at the key that introduces it.
func (d *Decoder) Where(f Field) diag.Position {
	if f.Key != nil && (f.Node.Kind != Scalar || f.Node.Tag == "null" && f.Node.Text == "") {
		return d.Place(f.Key)
	}
	return d.Place(f.Node)
}

// value decodes f into v and reports what does not fit.
func (d *Decoder) value(f Field, v reflect.Value) {
	d.At[f.Path] = d.Where(f)
	switch {
	case f.Node.Kind == Bad:
		d.Broken[f.Path] = true
		return
	case f.Node.Kind == Scalar && f.Node.Tag == "null" && f.Node.Plain && f.Node.Text == "":
		d.Broken[f.Path] = true
		d.Report(d.dialect.Codes.EmptyValue, d.Where(f), "`"+Short(Last(f.Path))+"` has no value", "it could mean none, the default, or a slip", "give it a value, or delete it")
		return
	}
	if special, ok := d.dialect.Special[v.Type()]; ok {
		special(d, f, v)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		p := reflect.New(v.Type().Elem())
		d.value(f, p.Elem())
		v.Set(p)
	case reflect.Struct:
		d.Structure(f, v)
	case reflect.Map:
		d.mapping(f, v)
	case reflect.Slice:
		d.sequence(f, v)
	case reflect.String:
		d.text(f, v)
	case reflect.Bool:
		d.truth(f, v)
	case reflect.Int:
		d.number(f, v)
	default:
		panic("strictyaml: no decoding for " + v.Type().String())
	}
}

// Structure decodes a mapping with known keys into v, a struct whose fields have yaml and check tags.
func (d *Decoder) Structure(f Field, v reflect.Value) {
	if f.Node.Kind != Mapping {
		d.Wrong(f, "keys and values", "write its keys below it: "+strings.Join(keysOf(v.Type()), ", "))
		return
	}
	byKey := fieldsOf(v.Type())
	for i, k := range f.Node.Keys {
		sf, ok := byKey[k.Text]
		path := Join(f.Path, k.Text)
		if !ok {
			d.unknown(f, k, keysOf(v.Type()))
			continue
		}
		d.Seen[path] = true
		d.value(Field{path, k, f.Node.Items[i], ParseTag(sf.Tag, d.dialect.Formats)}, v.FieldByIndex(sf.Index))
	}
	for _, name := range keysOf(v.Type()) {
		c := ParseTag(byKey[name].Tag, d.dialect.Formats)
		if c.Required && !d.Seen[Join(f.Path, name)] {
			d.missing(f, name, c, byKey[name].Type.Kind() == reflect.Slice)
		}
	}
}

func (d *Decoder) unknown(f Field, key *Node, known []string) {
	help := "use one of " + strings.Join(known, ", ")
	if near := Nearest(key.Text, known); near != "" {
		d.Seen[Join(f.Path, near)] = true
		help = "did you mean `" + near + "`?"
	}
	where := ""
	if f.Path != "" {
		where = " in `" + Short(f.Path) + "`"
	}
	d.Report(d.dialect.Codes.UnknownKey, d.Place(key), "unknown key `"+Short(key.Text)+"`"+where, d.dialect.Misspelt, help)
}

func (d *Decoder) missing(f Field, name string, c Checks, list bool) {
	at := diag.Position{File: d.name, Line: f.Node.Line, Column: f.Node.Column}
	owner := "the " + d.dialect.Noun
	if f.Path != "" {
		at, owner = d.At[f.Path], "`"+Short(f.Path)+"`"
	}
	help := "add `" + name + ":`"
	switch {
	case c.Format != nil && c.Format.Enum != nil:
		help = "add `" + name + ": " + c.Format.Enum[0] + "`"
	case c.Format != nil && list:
		help = "add `" + name + ": [" + c.Format.Examples[0] + "]`"
	case c.Format != nil:
		help = "add `" + name + ": " + c.Format.Examples[0] + "`"
	}
	d.Report(d.dialect.Codes.MissingKey, at, owner+" has no `"+name+"`", "there is no safe default for it", help)
}

func (d *Decoder) mapping(f Field, v reflect.Value) {
	if f.Node.Kind != Mapping {
		d.Wrong(f, "keys and values", "write `NAME: value` below it")
		return
	}
	if d.empty(f, len(f.Node.Keys)) {
		return
	}
	m := reflect.MakeMapWithSize(v.Type(), len(f.Node.Keys))
	for i, k := range f.Node.Keys {
		d.Judge(k, f.Check.Keys, k.Text)
		item := reflect.New(v.Type().Elem()).Elem()
		path := Join(f.Path, k.Text)
		d.Seen[path] = true
		d.value(Field{path, k, f.Node.Items[i], Checks{EmptyOK: true}}, item)
		m.SetMapIndex(reflect.ValueOf(k.Text), item)
	}
	v.Set(m)
}

func (d *Decoder) sequence(f Field, v reflect.Value) {
	if f.Node.Kind != List {
		help := "write a list"
		if f.Node.Kind == Scalar && !f.Node.Block {
			help = "write `[" + Short(f.Node.Text) + "]`"
		}
		d.Wrong(f, "a list", help)
		return
	}
	if d.empty(f, len(f.Node.Items)) {
		return
	}
	s := reflect.MakeSlice(v.Type(), len(f.Node.Items), len(f.Node.Items))
	first := map[string]int{}
	for i, n := range f.Node.Items {
		d.value(Field{fmt.Sprintf("%s[%d]", f.Path, i), nil, n, Checks{Format: f.Check.Format, EmptyOK: f.Check.EmptyOK}}, s.Index(i))
		if line, again := first[n.Text]; again && f.Check.Unique && n.Kind == Scalar {
			d.Report(d.dialect.Codes.Repeated, d.Place(n), fmt.Sprintf("`%s` is in the list twice, first in line %d", Short(n.Text), line), "one of the two is a mistake", "remove one")
		} else if n.Kind == Scalar {
			first[n.Text] = n.Line
		}
	}
	v.Set(s)
}

// empty reports an empty list or mapping where that is not a meaning of its own.
func (d *Decoder) empty(f Field, n int) bool {
	if n > 0 || f.Check.EmptyOK || f.Node.Lossy {
		return false
	}
	d.Broken[f.Path] = true
	d.Report(d.dialect.Codes.EmptyValue, d.Where(f), "`"+Short(Last(f.Path))+"` is empty", "it could mean none, the default, or a slip", "give it a value, or delete it")
	return true
}

// Wrong reports that f has another shape than want, which completes "must be ...".
func (d *Decoder) Wrong(f Field, want, help string) {
	d.Broken[f.Path] = true
	d.Report(d.dialect.Codes.WrongType, d.Where(f), fmt.Sprintf("`%s` must be %s, not %s", Short(Last(f.Path)), want, f.Node.Name()), "nothing is converted silently", help)
}
