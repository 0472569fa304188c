// Package control reads Debian's text formats: stanzas of fields (deb822(5)), relations between packages (Debian Policy
// §7.1) and versions (deb-version(7)). It knows nothing of archives or files, and every reader is bounded.
package control

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

// The bounds of what is read. The longest real line is far below: Depends of a metapackage has about 20 KB, and a Provides
// of the Rust and Haskell worlds about 100 KB.
const (
	maxLine  = 1 << 20 // bytes of one line
	maxField = 4 << 20 // bytes of one field with its continuation lines; a Release's SHA256 field has about 1 MB
)

// Reader reads stanzas one after the other.
type Reader struct {
	lines *bufio.Scanner
	keep  map[string]string // names in lower case, by themselves; nil: all
	line  int
	name  []byte // of the field at hand, in lower case
}

// NewReader reads from r. When fields are named, only these are kept: an index has 70,000 stanzas of which few fields
// matter. Field names are compared without regard to case, as deb822 says, and kept as written here or, without a list, in
// lower case.
func NewReader(r io.Reader, fields ...string) *Reader {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 64<<10), maxLine)
	d := &Reader{lines: s}
	if len(fields) > 0 {
		d.keep = make(map[string]string, len(fields))
		for _, f := range fields {
			f = strings.ToLower(f)
			d.keep[f] = f
		}
	}
	return d
}

// Stanza is one paragraph: lower-case field name to value. Continuation lines are joined with newlines, without the one
// blank that marks them.
type Stanza map[string]string

// Next returns the next stanza, or io.EOF. Comment lines (#) are skipped. A field given twice, a line that is neither a
// field nor a continuation, and anything over the bounds is an error that names the line.
func (r *Reader) Next() (Stanza, error) {
	s := Stanza{}
	var field string
	var value []byte
	started := false
	flush := func() {
		if field != "" {
			s[field] = string(value)
		}
		field, value = "", nil
	}
	for r.lines.Scan() {
		r.line++
		text := r.lines.Bytes()
		switch {
		case len(bytes.TrimSpace(text)) == 0:
			if started {
				flush()
				return s, nil
			}
		case text[0] == '#':
		case text[0] == ' ' || text[0] == '\t':
			if !started {
				return nil, fmt.Errorf("line %d: continuation of no field", r.line)
			}
			if field == "" {
				continue // of a field that is not kept
			}
			if len(value)+len(text) > maxField {
				return nil, fmt.Errorf("line %d: field %q exceeds %d bytes", r.line, field, maxField)
			}
			value = append(append(value, '\n'), text[1:]...)
		default:
			flush()
			started = true
			name, rest, err := r.splitField(text)
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", r.line, err)
			}
			if name == "" {
				continue
			}
			if _, twice := s[name]; twice {
				return nil, fmt.Errorf("line %d: field %q is given twice", r.line, name)
			}
			field, value = name, append(value, rest...)
			s[name] = "" // so that a third one is seen too
		}
	}
	if err := r.lines.Err(); err != nil {
		return nil, fmt.Errorf("line %d: %w", r.line+1, err)
	}
	flush()
	if !started {
		return nil, io.EOF
	}
	return s, nil
}

// splitField cuts "Name: value" and checks the name: printable ASCII without blanks, not starting with a dash. The name is empty for a field
// that is not kept, of which nothing is copied: four of five of an index are such. The value is a part of text.
func (r *Reader) splitField(text []byte) (string, []byte, error) {
	name, rest, ok := bytes.Cut(text, []byte(":"))
	if !ok || len(name) == 0 || name[0] == '-' {
		return "", nil, errors.New("neither a field nor a continuation")
	}
	r.name = r.name[:0]
	for _, c := range name {
		if c <= ' ' || c > '~' {
			return "", nil, errors.New("neither a field nor a continuation")
		}
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		r.name = append(r.name, c)
	}
	rest = bytes.TrimSpace(rest)
	if r.keep == nil {
		return string(r.name), rest, nil
	}
	return r.keep[string(r.name)], rest, nil
}
