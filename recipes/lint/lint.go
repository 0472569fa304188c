// Package lint warns of what makes two builds differ, before anything is built.
//
// It reads the Dockerfile with BuildKit's own parser and every script with a shell parser, so that `echo "date"` is text and
// `$(date)` is a question for the time. A finding points at the line and column of the file that the user wrote. Nothing here
// decides whether a build is reproducible, which only two builds can: a clean file may differ, and a warned one may not.
//
// One rule, one code (A0150 to A0170); their pages are in internal/diag.
package lint

import (
	"cmp"
	"slices"
	"unicode/utf8"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/recipes"
)

// maxDockerfile is the greatest size in bytes of a Dockerfile that is read: BuildKit's frontend has the same order of limit.
const maxDockerfile = 1 << 20

// maxExcerpt is the greatest length in bytes of a line that is copied into a diagnostic.
const maxExcerpt = 1000

// Check reports, sorted by place, what in recipe r and its Dockerfile makes builds differ. name is the Dockerfile as the user
// calls it; with a recipe that spells its stages out, dockerfile is not read. A Dockerfile that cannot be parsed is the one
// error (A0150); all else is warnings and notes. r must come from recipes.Load or Parse.
func Check(r *recipes.Recipe, dockerfile []byte, name string) diag.List {
	l := &linter{recipe: r, seen: map[finding]bool{}}
	l.contexts()
	if len(r.Build.Stages) > 0 {
		l.recipeStages()
	} else {
		l.dockerfile(dockerfile, name)
	}
	slices.SortStableFunc(l.list, func(a, b *diag.Diagnostic) int {
		return cmp.Or(cmp.Compare(a.At.File, b.At.File), cmp.Compare(a.At.Line, b.At.Line), cmp.Compare(a.At.Column, b.At.Column))
	})
	return l.list
}

// linter gathers findings; each is reported once for each place.
type linter struct {
	recipe *recipes.Recipe
	list   diag.List
	seen   map[finding]bool
}

// finding tells one report from another.
type finding struct {
	code diag.Code
	at   diag.Position
}

func (l *linter) add(d *diag.Diagnostic, at diag.Position, line string) {
	if l.seen[finding{d.Code, at}] {
		return
	}
	l.seen[finding{d.Code, at}] = true
	if len(line) > maxExcerpt || !utf8.ValidString(line) {
		line = ""
	}
	l.list = append(l.list, d.WithAt(at, line))
}

// warn reports a warning with its reason and its one next step.
func (l *linter) warn(code diag.Code, at diag.Position, line, summary, why, help string) {
	l.add(diag.Warnf(code, "%s", summary).WithWhy(why).WithHelp(help), at, line)
}

// short keeps text that is quoted in a message to a readable length.
func short(s string) string {
	const most = 60
	runes := []rune(s)
	if len(runes) <= most {
		return s
	}
	return string(runes[:most]) + "..."
}
