package cause

import (
	"bytes"
	"fmt"
	"strconv"
)

// planted finds a value of a class that stands at one place, A's on A's side and B's on B's: proof of what put it there.
func (s *spot) planted(class Class) (verdict, bool) {
	for _, p := range s.world.Planted {
		if p.Class != class || p.A == p.B {
			continue
		}
		if s.some(func(r run) bool { return p.in(r) }) {
			return verdict{certainty: Certain, weight: 10, axis: p.Axis, evidence: fmt.Sprintf("A's %s is %s, B's is %s", p.Axis, quote(p.A), quote(p.B))}, true
		}
	}
	return verdict{}, false
}

func (p Planted) in(r run) bool {
	if p.Whole {
		return r.a.word() == p.A && r.b.word() == p.B
	}
	// A variable may be there on one side only: then its whole value stands against nothing.
	switch {
	case p.A == "":
		return r.b.holds(p.B) && len(r.a.own()) == 0
	case p.B == "":
		return r.a.holds(p.A) && len(r.b.own()) == 0
	}
	return r.a.holds(p.A) && r.b.holds(p.B)
}

// holds says whether value stands where the sides differ.
func (s side) holds(value string) bool {
	for at := 0; ; {
		i := bytes.Index(s.text[at:], []byte(value))
		if i < 0 {
			return false
		}
		from := at + i
		if from < max(s.to, s.from+1) && from+len(value) > s.from {
			return true
		}
		at = from + 1
	}
}

// word is the word that the differing run is in.
func (s side) word() string { return s.grown(wordByte) }

// grown is the run without what does not fit at its ends, and with what fits beyond them.
func (s side) grown(fits func(byte) bool) string {
	from, to := s.from, s.to
	for to > from && !fits(s.text[to-1]) {
		to--
	}
	for from < to && !fits(s.text[from]) {
		from++
	}
	for from > 0 && fits(s.text[from-1]) {
		from--
	}
	for to < len(s.text) && fits(s.text[to]) {
		to++
	}
	return string(s.text[from:to])
}

func wordByte(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_'
}

// token is the run with what belongs to it: all up to the next space, quote or control character.
func (s side) token() string { return s.grown(tokenByte) }

func tokenByte(c byte) bool {
	return c > 0x20 && c < 0x7f && c != '"' && c != '\'' && c != '<' && c != '>' && c != '`' && c != ',' && c != ';'
}

// quote shows a value in a line of evidence.
func quote(v string) string {
	if v == "" {
		return "empty"
	}
	if len(v) > 60 {
		v = v[:57] + "..."
	}
	return strconv.Quote(v)
}
