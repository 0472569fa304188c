package strictjson

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/bits"
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
	keys   [][]byte // of all objects that are open, each object's above those of the one around it
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
		return s.text()
	case c == '-' || isDigit(c):
		return s.number()
	default:
		return s.word()
	}
}

func (s *scanner) object() error {
	s.pos++ // {
	seen := names{first: len(s.keys)}
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
		key, err := s.key()
		if err != nil {
			return err
		}
		if s.add(&seen, key) {
			return s.fail("key %q is there twice", key)
		}
		if s.space(); s.peek() != ':' {
			return s.fail("`:` was expected")
		}
		s.pos++
		if err := s.value(); err != nil {
			return err
		}
		if done, err := s.next('}'); done || err != nil {
			s.keys = s.keys[:seen.first]
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

// raw takes a string: the bytes between its quotes, and whether they hold an escape.
func (s *scanner) raw() (content []byte, escaped bool, err error) {
	start := s.pos + 1
	for s.pos = ordinary(s.data, start); s.pos < len(s.data); s.pos = ordinary(s.data, s.pos) {
		switch s.data[s.pos] {
		case '"':
			s.pos++
			return s.data[start : s.pos-1], escaped, nil
		case '\\':
			escaped = true
			s.pos += 2
		default:
			return nil, false, s.fail("not a string: a control character")
		}
	}
	return nil, false, s.fail("a string does not end")
}

// ordinary is where, from pos on, the first quote, backslash or control character is, or the end of data. Most of a document are strings,
// so it looks at eight bytes at a time.
func ordinary(data []byte, pos int) int {
	for ; len(data)-pos >= 8; pos += 8 {
		if found := special(binary.LittleEndian.Uint64(data[pos:])); found != 0 {
			return pos + bits.TrailingZeros64(found)/8
		}
	}
	for pos < len(data) && data[pos] != '"' && data[pos] != '\\' && data[pos] >= ' ' {
		pos++
	}
	return pos
}

// special has the highest bit of the lowest byte of v that is a quote, a backslash or below a space, perhaps bits above that, and is 0
// where no byte is. (x-n) borrows into the highest bit of a byte that is less than n, and ^x takes out bytes that had it before.
func special(v uint64) uint64 {
	const (
		each = 0x0101010101010101
		high = 0x8080808080808080
	)
	quote, backslash := v^each*'"', v^each*'\\'
	return ((v-each*' ')&^v | (quote-each)&^quote | (backslash-each)&^backslash) & high
}

// key takes a string and gives what it reads as.
func (s *scanner) key() ([]byte, error) {
	start := s.pos
	content, escaped, err := s.raw()
	if err != nil || !escaped {
		return content, err
	}
	v, err := s.unquote(s.data[start:s.pos])
	return []byte(v), err
}

// text takes a string that is a value: only that it reads as one matters.
func (s *scanner) text() error {
	start := s.pos
	_, escaped, err := s.raw()
	if err == nil && escaped {
		_, err = s.unquote(s.data[start:s.pos])
	}
	return err
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
	raw := s.data[start:s.pos]
	if len(raw) < 16 && allDigits(raw) && (raw[0] != '0' || len(raw) == 1) {
		return nil // what nearly all numbers are
	}
	if len(raw) > 1024 || !json.Valid(raw) {
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

func allDigits(raw []byte) bool {
	for _, c := range raw {
		if !isDigit(c) {
			return false
		}
	}
	return len(raw) > 0
}

// names are the keys of one object: those of scanner.keys from first on. Most objects have few, for which looking through them is faster
// than a map.
type names struct {
	first int
	many  map[string]bool
}

const fewNames = 16

// add says whether the key was there already.
func (s *scanner) add(n *names, key []byte) (twice bool) {
	if n.many != nil {
		twice = n.many[string(key)]
		n.many[string(key)] = true
		return twice
	}
	for _, k := range s.keys[n.first:] {
		if string(k) == string(key) {
			return true
		}
	}
	if s.keys = append(s.keys, key); len(s.keys)-n.first > fewNames {
		n.many = make(map[string]bool, 2*fewNames)
		for _, k := range s.keys[n.first:] {
			n.many[string(k)] = true
		}
	}
	return false
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isNumberByte(c byte) bool {
	return isDigit(c) || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E'
}
