package strictjson

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// scanner walks one document without building it. Its grammar is RFC 8259; the one thing it leaves to encoding/json is how
// an escaped key reads, so that "a" and "\u0061" are seen to be one key.
type scanner struct {
	data   []byte
	pos    int
	depth  int
	values int
	limits Limits
}

func (s *scanner) fail(format string, args ...any) error {
	return &Error{Offset: s.pos, Reason: fmt.Sprintf(format, args...)}
}

func (s *scanner) document() error {
	if !utf8.Valid(s.data) {
		return &Error{Offset: -1, Reason: "not valid UTF-8"}
	}
	if err := s.value(); err != nil {
		return err
	}
	if s.space(); s.pos != len(s.data) {
		return s.fail("data after the end of the value")
	}
	return nil
}

func (s *scanner) space() {
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case ' ', '\t', '\r', '\n':
			s.pos++
		default:
			return
		}
	}
}

func (s *scanner) peek() byte {
	if s.pos < len(s.data) {
		return s.data[s.pos]
	}
	return 0
}

func (s *scanner) value() error {
	s.space()
	if s.values++; s.values > s.limits.MaxValues {
		return s.fail("more than %d values", s.limits.MaxValues)
	}
	switch c := s.peek(); {
	case c == '{' || c == '[':
		if s.depth++; s.depth > s.limits.MaxDepth {
			return s.fail("nested deeper than %d", s.limits.MaxDepth)
		}
		defer func() { s.depth-- }()
		if c == '{' {
			return s.object()
		}
		return s.array()
	case c == '"':
		_, err := s.str()
		return err
	case c == '-' || isDigit(c):
		return s.number()
	default:
		return s.word()
	}
}

func (s *scanner) object() error {
	s.pos++ // {
	seen := map[string]bool{}
	if s.space(); s.peek() == '}' {
		s.pos++
		return nil
	}
	for {
		s.space()
		if s.peek() != '"' {
			return s.fail("a key was expected")
		}
		if s.values++; s.values > s.limits.MaxValues {
			return s.fail("more than %d values", s.limits.MaxValues)
		}
		key, err := s.str()
		if err != nil {
			return err
		}
		if seen[key] {
			return s.fail("key %q is there twice", key)
		}
		seen[key] = true
		if s.space(); s.peek() != ':' {
			return s.fail("`:` was expected")
		}
		s.pos++
		if err := s.value(); err != nil {
			return err
		}
		if done, err := s.next('}'); done || err != nil {
			return err
		}
	}
}

func (s *scanner) array() error {
	s.pos++ // [
	if s.space(); s.peek() == ']' {
		s.pos++
		return nil
	}
	for {
		if err := s.value(); err != nil {
			return err
		}
		if done, err := s.next(']'); done || err != nil {
			return err
		}
	}
}

// next takes the comma before another member, or the closing bracket.
func (s *scanner) next(end byte) (done bool, err error) {
	s.space()
	switch s.peek() {
	case ',':
		s.pos++
		return false, nil
	case end:
		s.pos++
		return true, nil
	}
	return false, s.fail("`,` or `%c` was expected", end)
}

// str takes a string and gives what it reads as.
func (s *scanner) str() (string, error) {
	start := s.pos
	escaped := false
	for s.pos++; s.pos < len(s.data); s.pos++ {
		switch c := s.data[s.pos]; {
		case c == '\\':
			escaped = true
			s.pos++
		case c < ' ':
			return "", s.fail("not a string: a control character")
		case c == '"':
			s.pos++
			if !escaped {
				return string(s.data[start+1 : s.pos-1]), nil
			}
			return s.unquote(s.data[start:s.pos])
		}
	}
	return "", s.fail("a string does not end")
}

func (s *scanner) unquote(raw []byte) (string, error) {
	var v string
	if err := json.Unmarshal(raw, &v); err != nil {
		return "", s.fail("not a string: %v", err)
	}
	if hasLoneSurrogate(raw) {
		return "", s.fail("a string has half of a surrogate pair")
	}
	return v, nil
}

func (s *scanner) number() error {
	start := s.pos
	for s.pos < len(s.data) && isNumberByte(s.data[s.pos]) {
		s.pos++
	}
	if raw := s.data[start:s.pos]; len(raw) > 1024 || !json.Valid(raw) {
		return s.fail("not a number")
	}
	return nil
}

func (s *scanner) word() error {
	for _, w := range []string{"true", "false", "null"} {
		if len(s.data)-s.pos >= len(w) && string(s.data[s.pos:s.pos+len(w)]) == w {
			s.pos += len(w)
			return nil
		}
	}
	return s.fail("a value was expected")
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isNumberByte(c byte) bool {
	return isDigit(c) || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E'
}
