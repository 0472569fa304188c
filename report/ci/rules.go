package ci

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/selfsame-build/selfsame/compare/cause"
	"github.com/selfsame-build/selfsame/internal/lazyregexp"
	"github.com/selfsame-build/selfsame/report"
)

// classID is what a class of the catalogue looks like; a rule's name is never text of an image.
var classID = lazyregexp.New(`^T([1-9]|1[0-9]|2[0-5])$`)

// ruleID is the cause's class, or "difference" (of A and B) or "leak" (in both) where the class is not known.
func ruleID(f report.Finding) string {
	switch {
	case classID.MatchString(f.Class):
		return f.Class
	case f.Severity == "warning":
		return "leak"
	}
	return "difference"
}

func rule(id string) sarifRule {
	help := "Two builds from the same sealed inputs must give the same bytes. report.html of the same build shows the bytes of both, the step and the remedy."
	short, name := "A and B differ, for a reason that is not known", ""
	if id == "leak" {
		short = "A value of this build is in the image"
	}
	if known, ok := cause.Lookup(cause.Class(id)); ok {
		short, name, help = known.Title, known.Title, known.Page
	}
	return sarifRule{ID: id, Name: camel(id, name), ShortDescription: sarifText{short}, Help: sarifText{help}}
}

func firstText(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}

// camel is a rule's name as the standard likes it: "FileTime" of "file time".
func camel(id, cause string) string {
	words := strings.FieldsFunc(cause, func(r rune) bool { return !isLetter(r) })
	if !classID.MatchString(id) || len(words) == 0 {
		words = []string{id}
	}
	var b strings.Builder
	for _, w := range words[:min(len(words), 8)] {
		b.WriteString(strings.ToUpper(w[:1]) + w[1:min(len(w), 30)])
	}
	return b.String()
}

func isLetter(c rune) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' }

// counted is what BuildKit writes before a step: its number and how many there are ("[build 2/7] "), which another step changes.
var counted = lazyregexp.New(`^\[[^\]]*\] `)

// fingerprint is the same for the same difference in another build: the values, the line and the layer's number may be others then.
func fingerprint(f report.Finding) string {
	h := sha256.New()
	for _, s := range []string{f.Class, counted.ReplaceAllString(f.Step, ""), f.Path, f.Within, f.Platform, f.Severity, f.Kind} {
		fmt.Fprintf(h, "%d:%s", len(s), s) // no two lists give the same bytes
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
