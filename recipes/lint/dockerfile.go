package lint

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
	"github.com/selfsame-build/selfsame/internal/diag"
)

// dockerfile is a parsed Dockerfile on its way through the rules.
type dockerfile struct {
	*linter
	name   string
	lines  []string
	escape rune
	stages []instructions.Stage
	global []instructions.ArgCommand // before the first FROM
	// args are the values of global, and the recipe's in their place: what FROM may refer to.
	args variables
}

func (l *linter) dockerfile(data []byte, name string) {
	f := l.open(name, data)
	if !f.parse(data) {
		return
	}
	f.syntax(data)
	final := f.finalStages()
	for i, s := range f.stages {
		f.from(s, i)
		f.stage(s, final[i])
	}
}

func (l *linter) open(name string, data []byte) *dockerfile {
	return &dockerfile{linter: l, name: name, lines: strings.Split(strings.ReplaceAll(string(data), "\r\n", "\n"), "\n"), args: variables{}}
}

// parse reports what BuildKit's parser refuses.
func (f *dockerfile) parse(data []byte) bool {
	if len(data) > maxDockerfile {
		f.refuse(0, "the Dockerfile is larger than 1 MiB")
		return false
	}
	result, err := parser.Parse(bytes.NewReader(data))
	if err != nil {
		f.refuse(lineOf(err), err.Error())
		return false
	}
	f.escape = result.EscapeToken
	stages, args, err := instructions.Parse(result.AST, nil)
	if err != nil {
		f.refuse(lineOf(err), err.Error())
		return false
	}
	f.stages, f.global = stages, args
	for _, a := range args {
		for _, kv := range a.Args {
			if v, ok := f.recipe.Build.Args[kv.Key]; ok {
				f.args[kv.Key] = v
			} else if kv.Value != nil {
				f.args[kv.Key] = f.expand(*kv.Value)
			}
		}
	}
	return true
}

func (f *dockerfile) refuse(line int, message string) {
	at, text := diag.Position{File: f.name, Line: line}, ""
	if line >= 1 && line <= len(f.lines) {
		text = f.lines[line-1]
	}
	f.add(diag.Errorf(diag.CodeRecipeDockerfile, "%s", message).WithHelp("correct this line"), at, text)
}

// lineOf is the line that an error of BuildKit's parser names, or 0.
func lineOf(err error) int {
	var located *parser.LocationError
	if errors.As(err, &located) && len(located.Locations) > 0 && len(located.Locations[0]) > 0 {
		return located.Locations[0][0].Start.Line
	}
	return 0
}

// syntax wants the frontend that is built in, or one pinned by digest.
func (f *dockerfile) syntax(data []byte) {
	ref, _, ranges, ok := parser.DetectSyntax(data)
	if !ok || strings.Contains(ref, "@sha256:") {
		return
	}
	plain := strings.TrimPrefix(ref, "docker.io/")
	if plain == "docker/dockerfile:1" || strings.HasPrefix(plain, "docker/dockerfile:1.") || strings.HasPrefix(plain, "docker/dockerfile:1-") {
		return
	}
	at, line := f.find(ranges, ref)
	f.warn(diag.CodeLintSyntax, at, line, "`"+short(ref)+"` is a frontend that can change", "it turns the Dockerfile into the build, so the build refuses it",
		"write `# syntax=docker/dockerfile:1`, or pin it by digest")
}

// from judges the image that a stage starts from.
func (f *dockerfile) from(s instructions.Stage, index int) {
	base := f.expand(s.BaseName)
	if _, ok := f.stageNamed(base, index); ok || f.replaced(base) {
		return
	}
	at, line := f.find(s.Location, s.BaseName)
	f.image(base, at, line)
}

// stageNamed finds one of the stages before index by its name.
func (f *dockerfile) stageNamed(name string, index int) (int, bool) {
	for i := index - 1; i >= 0; i-- {
		if f.stages[i].Name != "" && strings.EqualFold(f.stages[i].Name, name) {
			return i, true
		}
	}
	return 0, false
}

// finalStages says of each stage whether its files are in the image: the target and what it is built on by FROM.
func (f *dockerfile) finalStages() []bool {
	final := make([]bool, len(f.stages))
	if len(final) == 0 {
		return final
	}
	i := len(final) - 1
	if target := f.recipe.Build.Target; target != "" {
		if j, ok := f.stageNamed(target, len(f.stages)); ok {
			i = j
		} else if n, err := strconv.Atoi(target); err == nil && n < len(final) {
			i = n
		}
	}
	for ok := true; ok; i, ok = f.stageNamed(f.expand(f.stages[i].BaseName), i) {
		final[i] = true
	}
	return final
}

// find is the place of text in the lines of an instruction; the instruction's first line when it is not there as such.
func (f *dockerfile) find(ranges []parser.Range, text string) (diag.Position, string) {
	for _, r := range ranges {
		for n := r.Start.Line; n <= max(r.End.Line, r.Start.Line) && n <= len(f.lines); n++ {
			if i := strings.Index(f.lines[n-1], text); i >= 0 && text != "" {
				return f.position(n, i, utf8.RuneCountInString(text)), f.lines[n-1]
			}
		}
	}
	if len(ranges) == 0 || ranges[0].Start.Line < 1 || ranges[0].Start.Line > len(f.lines) {
		return diag.Position{File: f.name}, ""
	}
	n := ranges[0].Start.Line
	line := f.lines[n-1]
	word, _, _ := strings.Cut(strings.TrimLeft(line, " \t"), " ")
	return f.position(n, len(line)-len(strings.TrimLeft(line, " \t")), utf8.RuneCountInString(word)), line
}

// position turns a byte offset in a line into a place; length is in runes.
func (f *dockerfile) position(line, offset, length int) diag.Position {
	text := f.lines[line-1]
	return diag.Position{File: f.name, Line: line, Column: utf8.RuneCountInString(text[:min(offset, len(text))]) + 1, Length: length}
}

// expand replaces the variables that FROM and ARG may use; one without a value stays as it is written.
func (f *dockerfile) expand(word string) string {
	lex := shell.NewLex(f.escape)
	lex.SkipUnsetEnv = true
	out, _, err := lex.ProcessWord(word, f.args)
	if err != nil {
		return word
	}
	return out
}

// variables is a map in the form that BuildKit's expander asks for.
type variables map[string]string

// Get is the value of a variable.
func (v variables) Get(name string) (string, bool) { s, ok := v[name]; return s, ok }

// Keys lists the variables.
func (v variables) Keys() []string {
	keys := make([]string, 0, len(v))
	for k := range v {
		keys = append(keys, k)
	}
	return keys
}
