package sigstore

import (
	"strings"

	"github.com/selfsame-build/selfsame/internal/lazyregexp"
)

// valid are the globs that the policy-controller takes.
var valid = lazyregexp.New(`^[a-zA-Z0-9-_:/*.]+$`)

// maxPatterns is how many patterns one glob may become.
const maxPatterns = 16

// globPatterns are the patterns of image names that match what a glob of the policy-controller matches: there a star is any text without a
// slash, and two stars any text at all, also within a path element. What it says of tags is returned apart; a rule is about all of them.
func globPatterns(glob string) (patterns []string, tag string, ok bool) {
	switch glob {
	case "*":
		glob = "index.docker.io/library/*"
	case "*/*":
		glob = "index.docker.io/*/*"
	}
	if !valid.MatchString(glob) {
		return nil, "", false
	}
	elements := strings.Split(glob, "/")
	last := len(elements) - 1
	if name, t, found := strings.Cut(elements[last], ":"); found && last > 0 {
		if elements[last] = name; strings.Trim(t, "*") != "" {
			tag = t
		}
	}
	out := []string{""}
	for i, e := range elements {
		if e == "" {
			return nil, "", false
		}
		var next []string
		for _, prefix := range out {
			for _, s := range expand(e) {
				if i > 0 {
					s = prefix + "/" + s
				}
				next = append(next, s)
			}
		}
		if out = next; len(out) > maxPatterns {
			return nil, "", false
		}
	}
	for _, p := range out {
		if !strings.Contains(p, "/") && p != "**" {
			p = "docker.io/library/" + p // an official image, without its registry
		}
		patterns = append(patterns, p)
		if below, hub := strings.CutPrefix(p, "index.docker.io/"); hub {
			patterns = append(patterns, "docker.io/"+below) // as it is called here
		}
	}
	return patterns, tag, true
}

// stars is more than one star.
var stars = lazyregexp.New(`\*\*+`)

// expand is one element of a glob as patterns: two stars within it may or may not reach over slashes.
func expand(element string) []string {
	parts := stars.Split(element, -1)
	if strings.Trim(element, "*") == "" && len(element) > 1 {
		return []string{"**"}
	}
	out := []string{parts[0]}
	for i, p := range parts[1:] {
		var next []string
		for _, a := range out {
			switch {
			case a == "":
				next = append(next, "**/*"+p)
			case p == "" && i == len(parts)-2:
				next = append(next, single(a+"*")+"/**")
			default:
				next = append(next, single(a+"*"+p), single(a+"*")+"/**/*"+p)
			}
		}
		out = next
	}
	return out
}

// single makes one star of several at the end of a text; those before stand for whole elements.
func single(s string) string {
	head := s[:strings.LastIndexByte(s, '/')+1]
	return head + stars.ReplaceAllString(s[len(head):], "*")
}
