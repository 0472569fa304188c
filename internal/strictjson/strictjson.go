// Package strictjson reads JSON that somebody else wrote and that a security decision hangs on.
//
// encoding/json is lenient where two readers of one document could disagree: of two equal keys the last wins, "SUBJECT"
// fills the field named "subject", bytes that are not UTF-8 turn into U+FFFD, and what follows the first value is for the
// caller to notice. Each of these is refused here, and so is a document that is too long, too deep or has too many values,
// before anything is decoded. Numbers that land in an `any` stay the digits that were written (json.Number).
//
// The names a document may use come from the Go type it is decoded into:
//
//	var s Statement
//	err := strictjson.Unmarshal(data, &s, strictjson.Limits{MaxBytes: 10 << 20})
//
// A type with its own UnmarshalJSON, and a json.RawMessage, take their part as it is: it has been checked for syntax, depth
// and duplicate keys, not for field names.
package strictjson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
)

// Limits bounds a document. The zero value is a sensible bound for one signed statement.
type Limits struct {
	MaxBytes  int // length of the document in bytes; 0: 10 MiB
	MaxDepth  int // nesting of arrays and objects; 0: 64
	MaxValues int // values and keys together; 0: 1,000,000

	// AllowUnknown lets fields pass that the Go type does not name, where a specification says they are to be ignored.
	// A field that differs from a known one in case alone is refused even then.
	AllowUnknown bool
}

// The defaults of Limits, from the sizes of real evidence: an SBOM of 700 packages has about 200,000 values.
const (
	DefaultMaxBytes  = 10 << 20
	DefaultMaxDepth  = 64
	DefaultMaxValues = 1_000_000
)

func (l Limits) withDefaults() Limits {
	if l.MaxBytes == 0 {
		l.MaxBytes = DefaultMaxBytes
	}
	if l.MaxDepth == 0 {
		l.MaxDepth = DefaultMaxDepth
	}
	if l.MaxValues == 0 {
		l.MaxValues = DefaultMaxValues
	}
	return l
}

// Error is a refused document. Offset counts bytes from the start of the document (-1: not known); Path is where in the document, as
// in `subject[0].digest`.
type Error struct {
	Offset int
	Path   string
	Reason string
}

// Error says what is wrong and where.
func (e *Error) Error() string {
	where := ""
	if e.Path != "" {
		where = fmt.Sprintf(" at `%s`", e.Path)
	}
	if e.Offset >= 0 {
		where += fmt.Sprintf(" (byte %d)", e.Offset)
	}
	return "strict JSON: " + e.Reason + where
}

// Check says whether data is one JSON value within the limits, in UTF-8, with no duplicate key and nothing after it.
func Check(data []byte, l Limits) error {
	l = l.withDefaults()
	if len(data) > l.MaxBytes {
		return &Error{Offset: -1, Reason: fmt.Sprintf("%d bytes, the limit is %d", len(data), l.MaxBytes)}
	}
	s := scanner{data: data, limits: l}
	return s.document()
}

// Unmarshal checks data and then decodes it into v, a pointer. v is not to be used when an error is returned.
func Unmarshal(data []byte, v any, l Limits) error {
	d, err := Read(data, l)
	if err != nil {
		return err
	}
	return d.Unmarshal(v)
}

// unmarshal decodes what has passed Check by the rules of encoding/json, after a walk over the names.
func unmarshal(data []byte, v any, allowUnknown bool) error {
	if err := checkNames(data, reflect.TypeOf(v), allowUnknown); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(v); err != nil {
		return &Error{Offset: -1, Reason: err.Error()}
	}
	return nil
}
