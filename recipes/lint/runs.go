package lint

import (
	"strings"
	"unicode/utf8"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/selfsame-build/selfsame/internal/diag"
	"mvdan.cc/sh/v3/syntax"
)

// run turns a RUN instruction into a script whose lines and columns are those of the Dockerfile, and judges it.
func (f *dockerfile) run(c *instructions.RunCommand, env map[string]string, final, posix bool) {
	s := &script{linter: f.linter, env: env, final: final, outside: f.mounts(c)}
	start := c.Location()[0].Start.Line
	s.place = func(line, offset, length int) (diag.Position, string) {
		n := min(max(start+line-1, 1), len(f.lines))
		return f.position(n, offset, length), f.lines[n-1]
	}
	if !c.PrependShell {
		s.place = func(int, int, int) (diag.Position, string) { return f.find(c.Location(), "") }
		s.check(execForm(c.CmdLine))
		return
	}
	text, ok := f.scriptText(c)
	if ok && (posix || strings.HasPrefix(strings.TrimSpace(text), "#!")) {
		s.check(text)
	}
}

// execForm writes a list of words as a script: the shell parser then sees the same words.
func execForm(words []string) string {
	quoted := make([]string, 0, len(words))
	for _, w := range words {
		q, err := syntax.Quote(w, syntax.LangBash)
		if err != nil {
			return ""
		}
		quoted = append(quoted, q)
	}
	return strings.Join(quoted, " ")
}

// scriptText is the instruction's script with everything that is not script blanked out, so that places stay what they are:
// the word RUN, its flags, and comments between continued lines, which Docker removes and a shell would not.
func (f *dockerfile) scriptText(c *instructions.RunCommand) (string, bool) {
	lines, head := f.instruction(c.Location())
	text := blankFlags(strings.Join(lines[:head], "\n"))
	body := lines[head:]
	if len(c.Files) == 0 {
		return text, true
	}
	if parser.MustParseHeredoc(strings.TrimSpace(text)) == nil {
		// The document is input of a command; the shell parser reads it as such.
		return text + "\n" + strings.Join(body, "\n"), true
	}
	if len(body) > 0 {
		body = body[:len(body)-1] // the end marker
	}
	if first := c.Files[0].Data; strings.HasPrefix(first, "#!") && !shebangIsShell(first) {
		return "", false
	}
	return strings.Repeat("\n", head) + strings.Join(body, "\n"), true
}

// header is the instruction's first, continued line with its continuations joined.
func (f *dockerfile) header(ranges []parser.Range) string {
	lines, head := f.instruction(ranges)
	text := strings.Join(lines[:head], "\n")
	_, rest, _ := strings.Cut(strings.TrimSpace(strings.ReplaceAll(text, "\\\n", " ")), " ")
	return rest
}

// instruction gives the lines of an instruction, and how many of them are its continued first line; in those the escape
// character is the shell's, and comments and empty lines are continuations of nothing.
func (f *dockerfile) instruction(ranges []parser.Range) ([]string, int) {
	first, final := ranges[0].Start.Line, ranges[len(ranges)-1].Start.Line
	var lines []string
	head := 0
	for n := first; n <= final && n <= len(f.lines); n++ {
		line := f.lines[n-1]
		if head > 0 {
			lines = append(lines, line)
			continue
		}
		trimmed := strings.TrimSpace(line)
		continued := strings.HasSuffix(strings.TrimRight(line, " \t"), string(f.escape))
		switch {
		case n > first && (trimmed == "" || strings.HasPrefix(trimmed, "#")):
			line = `\`
		case continued:
			line = strings.TrimSuffix(strings.TrimRight(line, " \t"), string(f.escape)) + `\`
		default:
			head = n - first + 1
		}
		lines = append(lines, line)
	}
	if head == 0 {
		head = len(lines)
		lines[head-1] = strings.TrimSuffix(lines[head-1], `\`)
	}
	return lines, head
}

// blankFlags replaces the word RUN and its flags by spaces.
func blankFlags(text string) string {
	b := []byte(text)
	blankWord := func(i int) int {
		for i < len(b) && b[i] != ' ' && b[i] != '\t' && b[i] != '\n' {
			b[i] = ' '
			i++
		}
		return i
	}
	i := blankSpace(b, 0)
	i = blankSpace(b, blankWord(i))
	for strings.HasPrefix(string(b[i:min(i+2, len(b))]), "--") {
		i = blankSpace(b, blankWord(i))
	}
	return string(b)
}

// blankSpace skips white space, and blanks continuations within it.
func blankSpace(b []byte, i int) int {
	for i < len(b) {
		switch {
		case b[i] == ' ' || b[i] == '\t' || b[i] == '\n':
		case b[i] == '\\' && i+1 < len(b) && b[i+1] == '\n':
			b[i] = ' '
		default:
			return i
		}
		i++
	}
	return i
}

// shebangIsShell reads the first line of a script.
func shebangIsShell(text string) bool {
	line, _, _ := strings.Cut(strings.TrimPrefix(text, "#!"), "\n")
	words := strings.Fields(line)
	if len(words) > 1 && base(words[0]) == "env" {
		words = words[1:]
	}
	return len(words) > 0 && shells[base(words[0])]
}

// recipeStages judges the stages that a recipe spells out.
func (l *linter) recipeStages() {
	r := l.recipe
	index := map[string]int{}
	for i, s := range r.Build.Stages {
		index[s.Name] = i
	}
	final := map[int]bool{}
	for i, ok := len(r.Build.Stages)-1, true; ok && !final[i]; i, ok = index[r.Build.Stages[i].From.Name] {
		final[i] = true
	}
	for i, s := range r.Build.Stages {
		path := stagePath(i)
		if _, stage := index[s.From.Name]; s.From.Debian == nil && !stage {
			at, line := r.Where(path + ".from")
			l.image(s.From.Name, at, line)
		}
		for name, value := range s.Env {
			if flag := nativeFlag(value); flag != "" {
				at, line := r.Where(path + ".env." + name)
				l.native(flag, at, line)
			}
		}
		for j, step := range s.Steps {
			l.recipeStep(stepPath(i, j), step, s.Env, final[i], index)
		}
	}
}

// width is a length in runes.
func width(s string) int { return utf8.RuneCountInString(s) }
