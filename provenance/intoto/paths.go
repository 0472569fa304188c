package intoto

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

// CheckArtifact says why name is none for an artifact; nil when it is one.
func CheckArtifact(name string) error { return checkPath(name) }

// checkPath takes the name of an artifact in the one spelling that it can have. Names come from functionaries, and in-toto's libraries
// clean them at some places and compare them as they are at others: "./a", "b/../a" and "a" passed different rules in CVE-2021-41087,
// and two of them in one link leave it to chance which digest counts. Such names are refused, not cleaned.
func checkPath(p string) error {
	switch {
	case p == "":
		return errors.New("an artifact without a name")
	case len(p) > maxPath:
		return fmt.Errorf("the name of an artifact has %d bytes, the limit is %d", len(p), maxPath)
	case !printable(p):
		return fmt.Errorf("the artifact %q has bytes in its name that are no printable text", p)
	case strings.Contains(p, `\`):
		return fmt.Errorf("the artifact %q has a backslash in its name, which is a separator to some", p)
	case path.Clean(p) != p, path.IsAbs(p), p == ".", p == "..", strings.HasPrefix(p, "../"):
		return fmt.Errorf("the artifact %q is not named by a clean relative path", p)
	}
	return nil
}

// checkPattern takes a glob of a rule in the form that all in-toto implementations understand alike.
func checkPattern(p string) error {
	switch {
	case p == "" || len(p) > maxPath || !printable(p):
		return fmt.Errorf("the pattern %.80q is empty, too long or no printable text", p)
	case strings.Contains(p, "[^"):
		// GHSA-pmwq-pjrm-6p5r: the Go library read [^...] as a negation until v0.11, the Python one never did.
		return fmt.Errorf("the pattern %q begins a class with ^, which is a negation to some implementations and a character to others; write [!...]", p)
	case path.Clean(p) != p, path.IsAbs(p), p == "..", strings.HasPrefix(p, "../"):
		return fmt.Errorf("the pattern %q is no clean relative path", p)
	}
	if _, err := path.Match(p, "x"); err != nil { // a rule with a broken pattern matches nothing, so a DISALLOW would allow everything
		return fmt.Errorf("the pattern %q: %w", p, err)
	}
	return nil
}

func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}
