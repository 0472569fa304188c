package strictjson

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// checkNames walks data beside the Go type it will be decoded into and refuses every key that is not, letter for letter, the
// name of a field. data has passed Check. It says whether a number lands in an `any`, where its digits are to be kept, and what can be
// left out because no field is there for it.
func checkNames(data []byte, t reflect.Type, allowUnknown bool) (numbers bool, unknown []span, err error) {
	w := walker{scanner: scanner{data: data, limits: Limits{MaxValues: len(data) + 1, MaxDepth: len(data) + 1}}, allowUnknown: allowUnknown}
	err = w.walk(shapeOf(t))
	return w.numbers, w.unknown, err
}

// span is a part of a document, in bytes.
type span struct{ from, to int }

// without is data less some parts of it, which follow each other.
func without(data []byte, parts []span) []byte {
	if len(parts) == 0 {
		return data
	}
	size := len(data)
	for _, p := range parts {
		size -= p.to - p.from
	}
	out, pos := make([]byte, 0, size), 0
	for _, p := range parts {
		out = append(out, data[pos:p.from]...)
		pos = p.to
	}
	return append(out, data[pos:]...)
}

// walker reads the document once more, in one pass: what no field is looked up in is skipped.
type walker struct {
	scanner
	allowUnknown bool
	numbers      bool   // one landed in an `any`
	unknown      []span // members that no field is there for, each with one comma beside it
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
	start := w.pos
	err := w.skip()
	if s.any && err == nil && !w.numbers {
		w.numbers = hasNumber(w.data[start:w.pos])
	}
	return err
}

// hasNumber tells whether a valid value has a number in it.
func hasNumber(value []byte) bool {
	for s := (scanner{data: value}); s.pos < len(value); {
		switch c := value[s.pos]; {
		case c == '"':
			if _, _, err := s.raw(); err != nil {
				return true // it is not valid; whoever decodes it will say so
			}
		case isDigit(c):
			return true
		default:
			s.pos++
		}
	}
	return false
}

// members checks one object: against fields, or every value against elem when it is a map.
func (w *walker) members(s *shape) error {
	w.pos++ // {
	first := w.pos
	if w.space(); w.peek() == '}' {
		w.pos++
		return nil
	}
	for run := -1; ; { // where members without a field begin
		start := w.pos // behind the bracket or a comma
		w.space()
		key, err := w.key()
		if err != nil {
			return err
		}
		w.space()
		w.pos++ // :
		member, err := w.member(s, key)
		if run = w.cut(run, start, member == nobodys); err == nil {
			err = w.walk(member)
		}
		if err != nil {
			return within(err, string(key))
		}
		if done, err := w.next('}'); done || err != nil {
			if run > first {
				run-- // the comma behind the last one that stays
			}
			w.cut(run, w.pos-1, false)
			return err
		}
	}
}

// cut ends a run of members without a field at end, or goes on with it. It gives where the run begins; -1: there is none.
func (w *walker) cut(run, end int, more bool) int {
	switch {
	case more && run < 0:
		return end
	case more:
		return run
	case run >= 0:
		w.unknown = append(w.unknown, span{run, end})
	}
	return -1
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
		return nobodys, nil
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
