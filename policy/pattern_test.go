package policy

import (
	"path"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestPattern(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"**", "a/b/c", true}, {"**", "a", true}, {"a/b", "a/b", true}, {"a/b", "a/bc", false}, {"a/b", "a", false}, {"a", "a/b", false},
		{"a/*", "a/b", true}, {"a/*", "a/b/c", false}, {"a/*", "a", false}, {"a/**", "a/b/c", true}, {"a/**", "a", true}, {"a/**", "ab", false}, {"a/**", "ab/c", false},
		{"**/c", "a/b/c", true}, {"**/c", "c", true}, {"**/c", "a/bc", false}, {"a/**/c", "a/c", true}, {"a/**/c", "a/x/y/c", true}, {"a/**/c", "a/x/y/d", false},
		{"**/b/**/d", "a/b/c/b/d", true}, {"**/b/*/d", "a/b/x/b/c/d", true}, {"**/b/*/d", "a/b/x/c/d", false}, {"*/x*y/z", "a/xy/z", true}, {"*/x*y/z", "a/x-y-y/z", true},
		{"*/x*y/z", "a/x-y-/z", false}, {"a/b*", "a/b", true}, {"a/*b*c*", "a/1b2c3", true}, {"a/*b*c*", "a/1c2b3", false}, {"a/**/b*", "a/x/bc/y/bd", true},
		{"localhost:5000/**", "localhost:5000/x/y", true}, {"localhost:5000/**", "localhost:500/x", false}, {"**/**", "a", true}, {"a/**/**/b", "a/b", true},
		{"registry.example.com/*", "registry.example.com.evil.org/x", false}, {"registry.example.com/**", "registry.example.community/x", false},
	} {
		if got := newPattern(c.pattern).matches(c.name); got != c.want {
			t.Errorf("%s on %s: %v", c.pattern, c.name, got)
		}
	}
}

// FuzzPattern compares with regular expressions, which are slower and simpler to be sure of.
func FuzzPattern(f *testing.F) {
	for _, s := range []string{"**|a/b", "a/**/b*/**|a/b/bc/d", "**/b/*/d|b/b/b/d", "a/*b*c|a/bbc"} {
		p, name, _ := strings.Cut(s, "|")
		f.Add(p, name)
	}
	f.Fuzz(func(t *testing.T, p, name string) {
		if len(p) > 64 || len(name) > 64 || strings.ContainsAny(name, "\n*") || patternProblem(p) != nil || !utf8.ValidString(p) || !utf8.ValidString(name) || path.Clean("/" + name)[1:] != name || name == "" {
			return
		}
		var b strings.Builder
		b.WriteString(`\A`)
		for _, e := range strings.Split(p, "/") {
			if e == "**" {
				b.WriteString(`(?:[^/]*/)*`)
				continue
			}
			b.WriteString(strings.ReplaceAll(regexp.QuoteMeta(e), `\*`, `[^/]*`) + "/")
		}
		want := regexp.MustCompile(b.String() + `\z`).MatchString(name + "/")
		if got := newPattern(p).matches(name); got != want {
			t.Errorf("%q on %q: %v, want %v", p, name, got, want)
		}
	})
}

// One registry has several names, and a rule is about all of them.
func TestNamesOfOneRegistry(t *testing.T) {
	for _, match := range []string{"registry.example.com/team/*", "Registry.Example.com:443/team/*"} {
		p := mustParse(t, strings.Replace(oneRule("image.index"), `["**"]`, `["`+match+`"]`, 1))
		for name, want := range map[string]bool{
			"registry.example.com/team/shop": true, "registry.example.com:443/team/shop": true, "REGISTRY.example.com/team/shop": true,
			"registry.example.com:8443/team/shop": false, "registry.example.com/TEAM/shop": false, "registry.example.org/team/shop": false,
		} {
			if got := p.InScope(name); got != want {
				t.Errorf("%s, %s: %t", match, name, got)
			}
		}
	}
}
