// Package format knows how the small texts of a recipe are spelt: names, platforms, paths, references.
//
// A field names its format in its `check` tag. The decoder judges values by it and the schema generator publishes its pattern,
// so that an editor and `selfsame check` cannot disagree: whatever Judge accepts, Pattern matches.
package format

import (
	"strings"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/lazyregexp"
)

// Format is one spelling rule.
type Format struct {
	// Code is the diagnostic of a text that breaks the rule.
	Code diag.Code
	// Noun completes "... is not".
	Noun string
	// Want says in one line what is right; it is the reader's "why" and the schema's wording.
	Want string
	// Pattern is an anchored regular expression in the syntax that RE2 and ECMAScript share; empty when Enum is set.
	Pattern string
	// Enum lists all values, when there are few.
	Enum []string
	// Examples are right; the first one is used in help.
	Examples []string
	// Max is the greatest length in bytes; 0 means 1024.
	Max int

	check  func(string) *Problem
	regexp *lazyregexp.Regexp
}

// Problem is what is wrong with a text, beyond what its Format says of it.
type Problem struct {
	Code diag.Code // the format's, when empty
	// Summary replaces the usual "`x` is not a name".
	Summary   string
	Why, Help string
	// Secret means that the text must not be shown.
	Secret bool
}

// defaultMax is the greatest length of a text whose format names none.
const defaultMax = 1024

// Lookup finds a format by the name that a check tag uses.
func Lookup(name string) (*Format, bool) {
	f, ok := table[name]
	return f, ok
}

// Names lists all formats, in no particular order.
func Names() []string {
	var names []string
	for n := range table {
		names = append(names, n)
	}
	return names
}

// Judge says what is wrong with s, or nil. Code, Summary, Why and Help of the result are all set.
func (f *Format) Judge(s string) *Problem {
	p := f.judge(s)
	if p == nil {
		return nil
	}
	if p.Code == "" {
		p.Code = f.Code
	}
	if p.Summary == "" {
		p.Summary = "`" + short(s) + "` is not " + f.Noun
	}
	if p.Why == "" {
		p.Why = f.Want
	}
	if p.Help == "" {
		p.Help = "write it like `" + f.Examples[0] + "`"
	}
	return p
}

func (f *Format) judge(s string) *Problem {
	limit := f.Max
	if limit == 0 {
		limit = defaultMax
	}
	if f.check != nil {
		// The finer rule comes first, because it can say more.
		if p := f.check(s); p != nil {
			return p
		}
	}
	if f.Enum != nil {
		for _, e := range f.Enum {
			if s == e {
				return nil
			}
		}
		return &Problem{Help: "write one of " + strings.Join(f.Enum, ", ")}
	}
	if len(s) > limit || !f.regexp.MatchString(s) {
		return &Problem{}
	}
	return nil
}

// short keeps a value that is quoted in a message to a readable length.
func short(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}

// compiled gives the formats their regular expressions; a pattern that cannot be read is a mistake in the program.
func compiled(formats map[string]*Format) map[string]*Format {
	for _, f := range formats {
		if f.Enum == nil {
			f.regexp = lazyregexp.New(f.Pattern)
		}
	}
	return formats
}
