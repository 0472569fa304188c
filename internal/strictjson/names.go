package strictjson

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// checkNames walks data beside the Go type it will be decoded into and refuses every key that is not, letter for letter, the
// name of a field. data has passed Check.
func checkNames(data []byte, t reflect.Type, allowUnknown bool) error {
	w := walker{scanner: scanner{data: data}, allowUnknown: allowUnknown}
	return w.walk(shapeOf(t))
}

// walker reads the document once more, in one pass: what no field is looked up in is skipped.
type walker struct {
	scanner
	allowUnknown bool
}

// walk takes one value. A value of another kind than its type is for decoding to refuse, with the place.
func (w *walker) walk(s *shape) error {
	w.space()
	switch {
	case s.kind == objects && w.peek() == '{':
		return w.members(s)
	case s.kind == lists && w.peek() == '[':
		return w.items(s)
	}
	return w.skip()
}

// members checks one object: against fields, or every value against elem when it is a map.
func (w *walker) members(s *shape) error {
	w.pos++ // {
	if w.space(); w.peek() == '}' {
		w.pos++
		return nil
	}
	for {
		w.space()
		key, err := w.key()
		if err != nil {
			return err
		}
		w.space()
		w.pos++ // :
		member, err := w.member(s, key)
		if err == nil {
			err = w.walk(member)
		}
		if err != nil {
			return within(err, string(key))
		}
		if done, err := w.next('}'); done || err != nil {
			return err
		}
	}
}

// member is the shape of an object's member, or the refusal of its name.
func (w *walker) member(s *shape, key []byte) (*shape, error) {
	if s.fields == nil {
		return s.elem, nil
	}
	if m, known := s.fields[string(key)]; known {
		return m, nil
	}
	for name := range s.fields {
		if strings.EqualFold(name, string(key)) {
			return nil, &Error{Offset: -1, Reason: fmt.Sprintf("the name is %q, in this case of letters", name)}
		}
	}
	if w.allowUnknown {
		return opaque, nil
	}
	return nil, &Error{Offset: -1, Reason: "unknown field"}
}

func (w *walker) items(s *shape) error {
	w.pos++ // [
	if w.space(); w.peek() == ']' {
		w.pos++
		return nil
	}
	for i := 0; ; i++ {
		if err := w.walk(s.elem); err != nil {
			return within(err, fmt.Sprintf("[%d]", i))
		}
		if done, err := w.next(']'); done || err != nil {
			return err
		}
	}
}

// skip takes a value of which no name matters. The document is valid, so brackets outside of strings match.
func (w *walker) skip() error {
	if c := w.peek(); c != '{' && c != '[' && c != '"' {
		for w.pos < len(w.data) && !strings.ContainsRune(",]} \t\r\n", rune(w.data[w.pos])) {
			w.pos++
		}
		return nil
	}
	for depth := 0; w.pos < len(w.data); {
		switch w.data[w.pos] {
		case '"':
			if _, _, err := w.raw(); err != nil {
				return err
			}
		case '{', '[':
			depth++
			w.pos++
		case '}', ']':
			depth--
			w.pos++
		default:
			w.pos++
		}
		if depth == 0 {
			return nil
		}
	}
	return nil
}

// within puts the name of the value that holds it before an error's path.
func within(err error, name string) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	switch {
	case e.Path == "" || strings.HasPrefix(e.Path, "["):
		e.Path = name + e.Path
	default:
		e.Path = name + "." + e.Path
	}
	return e
}
