package lint

import (
	"strings"

	"github.com/selfsame-build/selfsame/internal/diag"
	"mvdan.cc/sh/v3/syntax"
)

// expansions looks at variables, redirections, assignments and documents: the parts of a script that are no calls.
func (s *script) expansions(file *syntax.File) {
	assigned := map[string]bool{}
	syntax.Walk(file, func(n syntax.Node) bool {
		if a, ok := n.(*syntax.Assign); ok && a.Name != nil {
			assigned[a.Name.Value] = true
		}
		return true
	})
	s.exported = assigned
	syntax.Walk(file, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.ParamExp:
			if n.Param != nil && !assigned[n.Param.Value] && s.env[n.Param.Value] == "" {
				s.variable(n.Param.Value, n.Pos())
			}
		case *syntax.Redirect:
			s.redirect(n)
		case *syntax.Assign:
			if n.Value == nil {
				break
			}
			if flag := nativeFlag(read(n.Value).text); flag != "" {
				at, line := s.at(n.Pos())
				s.native(flag, at, line)
			}
		}
		return true
	})
}

// variable warns of the shell's own variables that differ between builds.
func (s *script) variable(name string, pos syntax.Pos) {
	switch name {
	case "RANDOM", "SRANDOM":
		s.report(diag.CodeLintRandom, pos, "`$"+name+"` is another number each time", "if it gets into a file, the two builds differ", "take a fixed value")
	case "EPOCHSECONDS", "EPOCHREALTIME":
		s.report(diag.CodeLintClock, pos, "`$"+name+"` is the time of the build", "the two builds run at different times, a year apart", "use `$SOURCE_DATE_EPOCH`")
	case "HOSTNAME":
		s.report(diag.CodeLintMachine, pos, "`$HOSTNAME` names the machine that builds", "the two builds run under different names", "remove it")
	}
}

// redirect looks at input from random devices and at documents that become source text.
func (s *script) redirect(r *syntax.Redirect) {
	if r.Op == syntax.RdrIn && r.Word != nil {
		s.randomPath(read(r.Word).text, r.Word.Pos())
	}
	if r.Hdoc == nil {
		return
	}
	for _, part := range r.Hdoc.Parts {
		lit, ok := part.(*syntax.Lit)
		if !ok {
			continue
		}
		for i, text := range strings.Split(lit.Value, "\n") {
			if m := dateMacro(text); m != "" {
				first, offset := lineOffset(lit.Pos())
				column := strings.Index(text, m)
				if i == 0 {
					column += offset
				}
				at, line := s.place(first+i, column, width(m))
				s.dateMacro(m, at, line)
			}
		}
	}
}

// fetchers print what they download.
var fetchers = map[string]bool{"curl": true, "wget": true, "fetch": true, "aria2c": true, "http": true, "xh": true}

// pipes warns where a download is run as it arrives: `curl | sh`, `sh -c "$(curl)"`, `bash <(curl)`.
func (s *script) pipes(file *syntax.File) {
	syntax.Walk(file, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.BinaryCmd:
			if n.Op != syntax.Pipe && n.Op != syntax.PipeAll {
				break
			}
			if at, ok := fetches(n.X); ok && runsInput(n.Y) {
				s.pipeToShell(at)
			}
		case *syntax.CallExpr:
			s.substituted(n)
		}
		return true
	})
}

func (s *script) pipeToShell(pos syntax.Pos) {
	s.report(diag.CodeLintPipeToShell, pos, "a download is run as it arrives", "nobody has seen the script, and half of it runs when the connection breaks",
		"download a released file with `ADD --checksum=sha256:... URL /tmp/`")
}

// substituted looks for a download in the script that a call is told to run.
func (s *script) substituted(n *syntax.CallExpr) {
	words := make([]word, len(n.Args))
	for i, w := range n.Args {
		words[i] = read(w)
	}
	words = unwrap(words)
	if len(words) < 2 {
		return
	}
	name := base(words[0].text)
	for i, w := range words[1:] {
		for _, part := range w.node.Parts {
			_, isFile := part.(*syntax.ProcSubst)
			behindC := i > 0 && strings.HasPrefix(words[i].text, "-") && strings.HasSuffix(words[i].text, "c")
			runs := isFile && (shells[name] || name == "source" || name == ".") || shells[name] && behindC || name == "eval"
			if at, ok := fetches(part); ok && runs {
				s.pipeToShell(at)
			}
		}
	}
}

// fetches finds a call of curl or its like within n.
func fetches(n syntax.Node) (syntax.Pos, bool) {
	var at syntax.Pos
	found := false
	syntax.Walk(n, func(n syntax.Node) bool {
		c, ok := n.(*syntax.CallExpr)
		if !ok || found || len(c.Args) == 0 {
			return !found
		}
		words := make([]word, len(c.Args))
		for i, w := range c.Args {
			words[i] = read(w)
		}
		if words = unwrap(words); len(words) > 0 && fetchers[base(words[0].text)] {
			at, found = words[0].node.Pos(), true
		}
		return !found
	})
	return at, found
}

// runsInput says that a command runs what it reads: an interpreter without a script of its own.
func runsInput(stmt *syntax.Stmt) bool {
	c, ok := stmt.Cmd.(*syntax.CallExpr)
	if !ok {
		return false
	}
	words := make([]word, len(c.Args))
	for i, w := range c.Args {
		words[i] = read(w)
	}
	words = unwrap(words)
	if len(words) == 0 {
		return false
	}
	name := base(words[0].text)
	if !shells[name] && !pythonName.MatchString(name) && !contains([]string{"perl", "ruby", "node", "php"}, name) {
		return false
	}
	for _, w := range words[1:] {
		switch {
		case w.text == "-" || w.text == "/dev/stdin" || shells[name] && w.text == "-s":
			return true
		case w.text == "--":
		case shells[name] && strings.HasPrefix(w.text, "-") && !strings.Contains(w.text, "c"):
		case strings.HasPrefix(w.text, "-") && (w.text == "-u" || w.text == "-E" || w.text == "-I"):
		default:
			return false // -c, -m, -e, or a script's name
		}
	}
	return true
}
