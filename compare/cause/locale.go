package cause

import (
	"sort"
	"strings"
	"unicode/utf8"
)

// locale is text that depends on the language and character set of the build.
var locale = Cause{
	Class: "T9", Title: "locale", judge: judgeLocale,
	Remedy: "set the locale in the step: LC_ALL=C.UTF-8 (or LC_ALL=C sort)",
	Page: `A program sorted, quoted or translated by the locale of its environment.

Set it in the step: export LC_ALL=C.UTF-8; for sorting LC_ALL=C.`,
}

func judgeLocale(s *spot) (verdict, bool) {
	if v, ok := collated(s); ok {
		return v, true
	}
	if s.some(func(r run) bool { return charset(r.a, r.b) || charset(r.b, r.a) }) {
		return verdict{certainty: Likely, weight: 6, evidence: "one side has a character in UTF-8 where the other has it escaped or replaced"}, true
	}
	return s.planted("T9")
}

// charset says whether plain is what is written for rich's characters where only ASCII is thought possible.
func charset(rich, plain side) bool {
	own, other := rich.own(), plain.own()
	if own == "" || !hasWide(string(rich.text[lineStart(rich):lineEnd(rich)])) || hasWide(other) {
		return false
	}
	return utf8.ValidString(string(rich.text[lineStart(rich):lineEnd(rich)])) &&
		(strings.ContainsAny(other, `?\$'#&`) || strings.Contains(strings.ToLower(other), "ascii") || strings.Contains(other, "x"))
}

func lineStart(s side) int {
	from := s.from
	for from > 0 && s.text[from-1] != '\n' && s.text[from-1] != 0 {
		from--
	}
	return from
}

func lineEnd(s side) int {
	to := s.to
	for to < len(s.text) && s.text[to] != '\n' && s.text[to] != 0 {
		to++
	}
	return to
}

func hasWide(t string) bool {
	for i := range len(t) {
		if t[i] >= 0x80 {
			return true
		}
	}
	return false
}

// collated says whether the same lines are sorted on both sides, by bytes on the one and by letters on the other.
func collated(s *spot) (verdict, bool) {
	a, b := s.orderA, s.orderB
	if len(a) < 2 || len(b) < 2 {
		return verdict{}, false
	}
	if !(sort.StringsAreSorted(a) && byLetters(b) || sort.StringsAreSorted(b) && byLetters(a)) {
		return verdict{}, false
	}
	return verdict{certainty: Likely, weight: 7, evidence: "the lines are sorted on both sides, by bytes on the one and by letters on the other"}, true
}

func byLetters(list []string) bool {
	return sort.SliceIsSorted(list, func(i, j int) bool { return letters(list[i]) < letters(list[j]) })
}

func letters(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r >= 0x80 {
			return r
		}
		return -1
	}, strings.ToLower(s))
}
