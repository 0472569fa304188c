// Package strictyaml reads YAML that people write and that decisions hang on: recipes, trust files, policies.
//
// It reports every error at once, each with line, column, caret, why and help, and converts nothing silently. What readers of
// YAML disagree on is refused: anchors, aliases, merge keys, tags, keys twice, text that looks like a number. The target is a
// struct with `yaml` tags (the key) and `check` tags (what is demanded of the value); a Dialect says what differs between one
// kind of file and another.
package strictyaml

import (
	"fmt"
	"reflect"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// Dialect is what differs between one kind of file and another.
type Dialect struct {
	Noun     string // what the file is called: "recipe"
	Starter  string // help where nothing is written yet: "run `selfsame init` ..."
	Check    string // the command that reads the file again: "selfsame check"
	Misspelt string // why an unknown key is an error
	Large    string // help where the file has too many bytes
	Deep     string // help where it nests too deep or has too many values
	// Formats are the spelling rules that check tags name.
	Formats map[string]*Format
	// Special decodes the types that stand for more than one shape.
	Special map[reflect.Type]Special
	Codes   Codes
}

// Special decodes f into v, and reports what does not fit.
type Special func(d *Decoder, f Field, v reflect.Value)

// Codes are the diagnostics of a dialect; several may be one.
type Codes struct {
	TooLarge, Encoding, Syntax, Documents, TooDeep, MoreErrors diag.Code // the file as a whole
	Alias, Tag, KeyType, DuplicateKey, UnknownKey, MissingKey  diag.Code // keys
	WrongType, Unquoted, EmptyValue, Invisible, Repeated       diag.Code // values
}

// New makes a decoder of data in a dialect. name is the file's name as the user gave it; diagnostics bear it.
func New(dialect *Dialect, name string, data []byte) *Decoder {
	d := &Decoder{dialect: dialect, name: name, At: map[string]diag.Position{}, Seen: map[string]bool{}, Broken: map[string]bool{}}
	if len(data) <= MaxBytes {
		d.Lines = splitLines(data)
	}
	d.data = data
	return d
}

// Decode reads the file into v, a struct. False means that there was nothing to judge: no mapping, or no YAML. What is wrong is
// in Err, whatever is returned.
func (d *Decoder) Decode(v reflect.Value) bool {
	if !d.vetText(d.data) {
		return false
	}
	root := d.Tree(d.data)
	switch {
	case root == nil || root.Kind == Bad:
		return false
	case root.Kind != Mapping:
		d.Report(d.dialect.Codes.WrongType, d.Place(root), fmt.Sprintf("a %s is keys and values, not %s", d.dialect.Noun, root.Name()), "", d.dialect.Starter)
		return false
	}
	d.Structure(Field{Node: root}, v)
	return true
}

// Err is everything that was reported, a diag.List sorted by place, or nil.
func (d *Decoder) Err() error { return d.list.Err() }
