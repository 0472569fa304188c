package lint

import (
	"strings"

	"github.com/selfsame-build/selfsame/internal/diag"
	"mvdan.cc/sh/v3/syntax"
)

// script is the shell text of one step.
type script struct {
	*linter
	env     map[string]string // variables set before the step
	final   bool              // the step's files are in the image
	outside []string          // folders whose contents do not get into the image
	// place maps a line (from 1) and byte offset (from 0) of the text to the user's file; length is in runes.
	place func(line, offset, length int) (diag.Position, string)

	text    []string
	calls   []call
	cleaned []string // paths that the step removes or empties
	depth   int
	// exported are the variables that the script sets itself.
	exported map[string]bool
}

// call is one command with its words, as far as they can be read without running anything.
type call struct {
	// name is the program without its folder; prefixes such as sudo and env are taken off.
	name string
	args []word
	pos  syntax.Pos
	// shown says that what the call prints goes into a file or another program, not to the terminal.
	shown bool
	node  *syntax.CallExpr
}

// word is one word of a call. What is only known at run time stands in it as $NAME or $().
type word struct {
	text   string
	static bool
	node   *syntax.Word
}

// maxNesting bounds scripts within scripts (sh -c).
const maxNesting = 4

// check parses text and applies every rule. What is no shell script is left alone: a wrong warning is worse than none.
func (s *script) check(text string) {
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(text), "")
	if err != nil || s.depth > maxNesting {
		return
	}
	s.text = strings.Split(text, "\n")
	s.collect(file)
	s.expansions(file)
	s.pipes(file)
	for _, c := range s.calls {
		for _, rule := range callRules {
			rule(s, c)
		}
		s.nested(c)
	}
	s.leftovers()
}

// collect finds all calls and all paths that are cleaned away.
func (s *script) collect(file *syntax.File) {
	piped := map[*syntax.Stmt]bool{}
	syntax.Walk(file, func(n syntax.Node) bool {
		if pipe, ok := n.(*syntax.BinaryCmd); ok && (pipe.Op == syntax.Pipe || pipe.Op == syntax.PipeAll) {
			piped[pipe.X] = true
		}
		stmt, ok := n.(*syntax.Stmt)
		if !ok {
			return true
		}
		for _, r := range stmt.Redirs {
			if r.Word != nil && r.Op != syntax.RdrIn && r.Op != syntax.Hdoc {
				s.cleaned = append(s.cleaned, read(r.Word).text)
			}
		}
		if c, ok := stmt.Cmd.(*syntax.CallExpr); ok {
			s.collectCall(c, len(stmt.Redirs) > 0 || piped[stmt])
		}
		return true
	})
}

func (s *script) collectCall(c *syntax.CallExpr, redirected bool) {
	words := make([]word, len(c.Args))
	for i, w := range c.Args {
		words[i] = read(w)
	}
	words = unwrap(words)
	if len(words) == 0 {
		return
	}
	got := call{name: base(words[0].text), args: words[1:], pos: words[0].node.Pos(), shown: redirected, node: c}
	s.calls = append(s.calls, got)
	switch got.name {
	case "rm", "truncate", "unlink", "shred", "find":
		for _, a := range got.args {
			s.cleaned = append(s.cleaned, a.text)
		}
	}
}

// nested checks the script behind sh -c, whose places are those of the word.
func (s *script) nested(c call) {
	if !shells[c.name] && c.name != "su" {
		return
	}
	for i, a := range c.args {
		if strings.HasPrefix(a.text, "-") && strings.HasSuffix(a.text, "c") && i+1 < len(c.args) && c.args[i+1].static {
			inner := *s
			pos := c.args[i+1].node.Pos()
			inner.calls, inner.depth = nil, s.depth+1
			inner.place = func(int, int, int) (diag.Position, string) { return s.at(pos) }
			inner.check(c.args[i+1].text)
			return
		}
	}
}

// at is the place of pos in the user's file, with the length of the word that begins there.
func (s *script) at(pos syntax.Pos) (diag.Position, string) {
	line, offset := lineOffset(pos)
	length := 0
	if line >= 1 && line <= len(s.text) {
		rest := s.text[line-1][min(offset, len(s.text[line-1])):]
		if i := strings.IndexAny(rest, " \t;|&)`\\"); i > 0 {
			rest = rest[:i]
		}
		length = width(rest)
	}
	return s.place(line, offset, max(length, 1))
}

// lineOffset is a place as the shell parser has it: the line from 1, the byte in it from 0. Both are small: a Dockerfile is bounded.
func lineOffset(pos syntax.Pos) (int, int) {
	return int(pos.Line()), int(pos.Col()) - 1 //nolint:gosec // bounded by maxDockerfile
}

// report warns at the beginning of a node.
func (s *script) report(code diag.Code, n syntax.Pos, summary, why, help string) {
	at, line := s.at(n)
	s.warn(code, at, line, summary, why, help)
}

// cleans says that the step removes or empties a path that holds all of the parts.
func (s *script) cleans(parts ...string) bool {
	for _, list := range [][]string{s.cleaned, s.outside} {
		for _, path := range list {
			all := true
			for _, p := range parts {
				all = all && strings.Contains(path, p)
			}
			if all {
				return true
			}
		}
	}
	return false
}
