// Package invocation is what every command of ours does alike: what it gets from its process, how signals end it, how it speaks, and
// how an error becomes an exit code. internal/cli and internal/guardcli add their verbs.
//
// The rules for output: stdout is the result and nothing else, all else goes to stderr; a terminal changes decoration and
// never facts; exit 0 only when what was asked for is positively proven (internal/diag/exit.go).
package invocation

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/term"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// The variables that decide about colour.
const (
	EnvNoColor = "NO_COLOR"
	EnvForce   = "CLICOLOR_FORCE"
	EnvTerm    = "TERM"
)

// Streams is all that a command gets from its process.
type Streams struct {
	In       *os.File
	Out, Err io.Writer
	Env      func(string) string
	// OwnProcess says that the command is all that the process is for, so that it may be replaced by another.
	OwnProcess bool
}

// System is the real process.
func System() Streams {
	return Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Env: os.Getenv, OwnProcess: true}
}

// Invocation is one run of a command.
type Invocation struct {
	Name string // the program's
	Streams
	Quiet, NoColor bool
}

// Render shows diagnostics.
func (i Invocation) Render(list diag.List) {
	_ = diag.Render(i.Err, list, diag.RenderOptions{Color: i.Color(), Width: width(i.Err, maxWidth)})
}

// Warn shows one, unless only the result and errors are wanted.
func (i Invocation) Warn(d *diag.Diagnostic) {
	if !i.Quiet {
		i.Render(diag.List{d})
	}
}

// Notice tells one line about what goes on.
func (i Invocation) Notice(format string, args ...any) {
	if !i.Quiet {
		fmt.Fprintf(i.Err, "%s: %s\n", i.Name, fmt.Sprintf(format, args...))
	}
}

// Color says whether stderr takes colour.
func (i Invocation) Color() bool {
	if i.NoColor || i.Env(EnvNoColor) != "" || i.Env(EnvTerm) == "dumb" {
		return false
	}
	if i.Env(EnvForce) != "" {
		return true
	}
	return IsTerminal(i.Err)
}

// IsTerminal says whether somebody looks at w.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// The widths, in columns, between which text is folded for a terminal; and what is taken where nothing is one.
const (
	minWidth, maxWidth = 40, 100
	noTerminal         = 80
)

// Width is how many columns text on stdout may have.
func (i Invocation) Width() int { return width(i.Out, noTerminal) }

// width is that of the terminal behind w; where there is none, otherwise.
func width(w io.Writer, otherwise int) int {
	f, ok := w.(*os.File)
	if !ok {
		return otherwise
	}
	columns, _, err := term.GetSize(int(f.Fd()))
	if err != nil || columns <= 0 {
		return otherwise
	}
	return min(max(columns, minWidth), maxWidth)
}
