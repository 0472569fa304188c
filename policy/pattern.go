//go:build !front

package policy

import (
	"strings"

	"github.com/selfsame-build/selfsame/internal/strictyaml"
)

// pattern is a pattern of image names, or of any text with slashes. An element `**` stands for any number of elements, none included; a
// star within an element for any part of it. Matching takes time linear in the text for each star, and allocates nothing.
type pattern struct {
	elements []string
	// prefix and suffix are what every name that fits begins and ends with: most names are told apart by them alone.
	prefix, suffix string
}

func newPattern(s string) pattern {
	p := pattern{elements: strings.Split(s, "/")}
	first, last := strings.IndexByte(s, '*'), strings.LastIndexByte(s, '*')
	if first < 0 {
		p.prefix = s
		return p
	}
	p.prefix, p.suffix = s[:first], s[last+1:]
	if strings.HasPrefix(s[first:], "**") {
		p.prefix = strings.TrimSuffix(p.prefix, "/")
	}
	if strings.HasSuffix(s[:last+1], "**") {
		p.suffix = strings.TrimPrefix(p.suffix, "/")
	}
	return p
}

// canonical is a name or pattern with its registry in lower case and without the port that is meant where none stands: there are several names
// for one host, and a rule is about all of them.
func canonical(name string) string {
	host, path, below := strings.Cut(name, "/")
	if !below {
		return name
	}
	if short := strings.TrimSuffix(strings.ToLower(host), ":443"); short != host {
		return short + "/" + path
	}
	return name
}

// matches says whether the whole of name fits.
func (p pattern) matches(name string) bool {
	return strings.HasPrefix(name, p.prefix) && strings.HasSuffix(name, p.suffix) && walk(p.elements, name)
}

// walk matches element by element. Of several `**` only the last one has to be tried again: what stands between two of them is best
// found as early as it can be.
func walk(p []string, name string) bool {
	rest, more := name, true // what is not matched yet, and whether an element begins there
	i := 0
	again, from := -1, "" // the element after the last `**`, and where in the name it was tried
	for {
		switch {
		case i < len(p) && p[i] == "**":
			if i == len(p)-1 {
				return true
			}
			i++
			again, from = i, rest
			continue
		case more && i < len(p):
			element, tail, slash := strings.Cut(rest, "/")
			if fits(p[i], element) {
				i, rest, more = i+1, tail, slash
				continue
			}
		case !more && i == len(p):
			return true
		case !more:
			return only(p[i:])
		}
		if again < 0 {
			return false
		}
		_, tail, slash := strings.Cut(from, "/")
		if !slash {
			return false
		}
		i, rest, more, from = again, tail, true, tail
	}
}

// only says whether nothing but `**` is left.
func only(p []string) bool {
	for _, e := range p {
		if e != "**" {
			return false
		}
	}
	return true
}

// fits matches one element. Of several stars, too, only the last one has to be tried again.
func fits(p, s string) bool {
	star, from, i, j := -1, 0, 0, 0
	for j < len(s) {
		switch {
		case i < len(p) && p[i] == '*':
			star, from = i, j
			i++
		case i < len(p) && p[i] == s[j]:
			i, j = i+1, j+1
		case star >= 0:
			from++
			i, j = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(p[i:], "*") == ""
}

// glob is the function that expressions have: pattern matching as in `match`.
func glob(s, p string) bool { return newPattern(p).matches(s) }

func patternProblem(s string) *strictyaml.Problem {
	elements := strings.Split(s, "/")
	for _, e := range elements {
		switch {
		case e == "":
			return &strictyaml.Problem{}
		case e != "**" && strings.Contains(e, "**"):
			return &strictyaml.Problem{Why: "two stars stand for whole path elements, between slashes", Help: "write `registry.example.com/**`, or one star"}
		}
	}
	last := elements[len(elements)-1]
	switch {
	case len(elements) == 1 && s != "**":
		return &strictyaml.Problem{Why: "names of images have their registry in front", Help: "write `**/" + strictyaml.Short(s) + "`, or the whole name"}
	case strings.Contains(last, ":"):
		return &strictyaml.Problem{Why: "rules are about digests; a tag moves", Help: "write it without the tag"}
	}
	return nil
}
