package strictyaml

import (
	"strings"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/lazyregexp"
)

// Format is one spelling rule of small texts: names, platforms, paths, references.
//
// A field names its format in its `check` tag. The decoder judges values by it and a schema generator publishes its pattern,
// so that an editor and the decoder cannot disagree: whatever Judge accepts, Pattern matches.
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

	// Check is a finer rule; it is asked first, because it can say more. nil: there is none.
	Check func(string) *Problem

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

// DefaultMax is the greatest length of a text whose format names none.
const DefaultMax = 1024

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
		p.Summary = "`" + Short(s) + "` is not " + f.Noun
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
		limit = DefaultMax
	}
	if f.Check != nil {
		if p := f.Check(s); p != nil {
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

// Compiled gives the formats their regular expressions; a pattern that cannot be read is a mistake in the program.
func Compiled(formats map[string]*Format) map[string]*Format {
	for _, f := range formats {
		if f.Enum == nil {
			f.regexp = lazyregexp.New(f.Pattern)
		}
	}
	return formats
}
