package lint

import (
	"path"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/selfsame-build/selfsame/internal/lazyregexp"
)

// shells run scripts that the parser reads.
var shells = map[string]bool{"sh": true, "bash": true, "dash": true, "ash": true, "ksh": true, "zsh": true}

// base is the name of a program without its folder.
func base(s string) string { return path.Base(s) }

// read gives the text of a word after quoting, with what is only known at run time marked.
func read(w *syntax.Word) word {
	var b strings.Builder
	out := word{static: true, node: w}
	readParts(&b, w.Parts, &out.static)
	out.text = b.String()
	return out
}

func readParts(b *strings.Builder, parts []syntax.WordPart, static *bool) {
	for _, p := range parts {
		switch p := p.(type) {
		case *syntax.Lit:
			b.WriteString(unescape(p.Value))
		case *syntax.SglQuoted:
			b.WriteString(p.Value)
		case *syntax.DblQuoted:
			readParts(b, p.Parts, static)
		case *syntax.ParamExp:
			*static = false
			if p.Param != nil {
				b.WriteString("$" + p.Param.Value)
			}
		default:
			*static = false
			b.WriteString("$()")
		}
	}
}

// unescape takes backslashes away as the shell does outside of quotes.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	s = strings.ReplaceAll(s, "\\\n", "")
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// prefixes are programs that run the program named behind them; the value lists those of their flags that take a word.
var prefixes = map[string]string{
	"sudo": "-u -g -h -p -C -r -t", "doas": "-u -C", "env": "-u -C -S", "exec": "-a", "command": "", "nice": "-n", "ionice": "-c -n", "time": "-o -f",
	"nohup": "", "eatmydata": "", "xargs": "-I -n -P -L -d -E -s -a", "timeout": "-k -s", "setarch": "", "stdbuf": "-i -o -e", "busybox": "", "builtin": "",
}

// assignment is a word that sets a variable for the program behind it.
var assignment = lazyregexp.New(`^[A-Za-z_][A-Za-z0-9_]*=`)

// unwrap takes prefixes such as sudo, env and nice off a call.
func unwrap(words []word) []word {
	for len(words) > 0 {
		withWord, isPrefix := prefixes[base(words[0].text)]
		if !isPrefix {
			return words
		}
		rest := words[1:]
		for len(rest) > 0 && (strings.HasPrefix(rest[0].text, "-") || assignment.MatchString(rest[0].text)) {
			takes := len(rest) > 1 && contains(strings.Fields(withWord), rest[0].text)
			rest = rest[1:]
			if takes {
				rest = rest[1:]
			}
		}
		if base(words[0].text) == "timeout" && len(rest) > 0 {
			rest = rest[1:]
		}
		if len(rest) == 0 {
			return words
		}
		words = rest
	}
	return words
}

// operands are the words of a call that are no flags; withWord lists the flags that take the next word.
func (c call) operands(withWord ...string) []word {
	var out []word
	for i := 0; i < len(c.args); i++ {
		switch text := c.args[i].text; {
		case contains(withWord, text):
			i++
		case strings.HasPrefix(text, "-") && text != "-":
		default:
			out = append(out, c.args[i])
		}
	}
	return out
}

// has says that the call has one of the flags, alone or with a value behind =.
func (c call) has(flags ...string) bool {
	for _, a := range c.args {
		name, _, _ := strings.Cut(a.text, "=")
		if contains(flags, name) {
			return true
		}
	}
	return false
}

func contains(list []string, s string) bool {
	for _, e := range list {
		if e == s {
			return true
		}
	}
	return false
}
