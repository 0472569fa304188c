// Package diag holds the failures that a user is meant to read.
//
// A Diagnostic says what is wrong, where, why it matters and which one command or edit comes next. It is made at the edge
// of the package that found the fault, travels as an error value, and is rendered once, by the surface (text for people,
// JSON for programs; the text is made from the same value). Every code is listed in this package's table with its exit
// code and a page of explanation, so that `selfsame explain CODE` never has nothing to say.
package diag

import (
	"errors"
	"fmt"
	"sort"
	"strings"
)

// Severity separates what stops a command from what it merely reports.
type Severity string

// The severities. A warning never changes an exit code, unless a command's --strict says so; a note never does: it says
// something worth knowing about what is right as it is.
const (
	SeverityError   Severity = "error"
	SeverityWarning Severity = "warning"
	SeverityNote    Severity = "note"
)

// Position is a place in a text file. Line and Column count from 1, columns in Unicode code points; Length is the number
// of code points to underline (0: none). Line 0 means the file as a whole.
type Position struct {
	File   string `json:"file"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
	Length int    `json:"length,omitempty"`
}

// String is file:line:column, leaving out what is not known.
func (p Position) String() string {
	switch {
	case p.Line == 0:
		return p.File
	case p.Column == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	default:
		return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
	}
}

// Diagnostic is one failure or warning. Summary is lower case without a full stop and names the thing in backticks; Why is
// at most one line; Help is one runnable command or one edit. Excerpt is the source line at At, when the maker had it.
type Diagnostic struct {
	Code     Code      `json:"code"`
	Severity Severity  `json:"severity"`
	Summary  string    `json:"summary"`
	At       *Position `json:"at,omitempty"`
	Excerpt  string    `json:"excerpt,omitempty"`
	Why      string    `json:"why,omitempty"`
	Help     string    `json:"help,omitempty"`
	// Cause is the underlying error, for errors.Is and for the rendered detail line; it is not part of the JSON shape.
	Cause error `json:"-"`
}

// Errorf makes an error diagnostic whose summary is formatted; a %w operand becomes the Cause.
func Errorf(code Code, format string, args ...any) *Diagnostic {
	err := fmt.Errorf(format, args...)
	return &Diagnostic{Code: code, Severity: SeverityError, Summary: err.Error(), Cause: errors.Unwrap(err)}
}

// Warnf makes a warning diagnostic whose summary is formatted.
func Warnf(code Code, format string, args ...any) *Diagnostic {
	return &Diagnostic{Code: code, Severity: SeverityWarning, Summary: fmt.Sprintf(format, args...)}
}

// Notef makes a note whose summary is formatted.
func Notef(code Code, format string, args ...any) *Diagnostic {
	return &Diagnostic{Code: code, Severity: SeverityNote, Summary: fmt.Sprintf(format, args...)}
}

// WithAt returns a copy of d that points at p and shows excerpt, the text of that line.
func (d *Diagnostic) WithAt(p Position, excerpt string) *Diagnostic {
	c := *d
	c.At, c.Excerpt = &p, excerpt
	return &c
}

// WithWhy returns a copy of d with the reason set.
func (d *Diagnostic) WithWhy(why string) *Diagnostic { c := *d; c.Why = why; return &c }

// WithHelp returns a copy of d with its next step set.
func (d *Diagnostic) WithHelp(help string) *Diagnostic { c := *d; c.Help = help; return &c }

// Error is the one-line form: place, summary.
func (d *Diagnostic) Error() string {
	if d.At == nil {
		return d.Summary
	}
	return d.At.String() + ": " + d.Summary
}

// Unwrap gives the underlying error.
func (d *Diagnostic) Unwrap() error { return d.Cause }

// List is several diagnostics reported at once, as a decoder does.
type List []*Diagnostic

// Error joins the one-line forms.
func (l List) Error() string {
	lines := make([]string, len(l))
	for i, d := range l {
		lines[i] = d.Error()
	}
	return strings.Join(lines, "\n")
}

// Err is l as an error when it holds at least one error (warnings alone are none), else nil. The list is sorted by place.
func (l List) Err() error {
	for _, d := range l {
		if d.Severity == SeverityError {
			l.Sort()
			return l
		}
	}
	return nil
}

// Sort orders by file, line, column; diagnostics without a place come last.
func (l List) Sort() {
	sort.SliceStable(l, func(i, j int) bool {
		a, b := l[i].At, l[j].At
		switch {
		case a == nil || b == nil:
			return a != nil && b == nil
		case a.File != b.File:
			return a.File < b.File
		case a.Line != b.Line:
			return a.Line < b.Line
		default:
			return a.Column < b.Column
		}
	})
}

// All collects every diagnostic in err's chain: a List, a single Diagnostic, or none.
func All(err error) List {
	var l List
	if errors.As(err, &l) {
		return l
	}
	var d *Diagnostic
	if errors.As(err, &d) {
		return List{d}
	}
	return nil
}
