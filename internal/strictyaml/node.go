package strictyaml

import (
	"strings"
	"unicode/utf8"
)

// Kind is the shape of a node.
type Kind int

// The kinds.
const (
	Scalar Kind = iota
	Mapping
	List
	Bad // something that was refused and reported; nothing more is said of it
)

// Node is a value of the file with its place: all that the decoder knows of YAML.
type Node struct {
	Kind Kind
	// Text is a scalar's value after unquoting.
	Text string
	// Tag is a scalar's type as YAML sees it: str, int, float, bool, null, timestamp.
	Tag string
	// Plain means the scalar is written without quotes; Block, that it follows | or >.
	Plain, Block bool
	// Lossy means that keys were refused and left out of a mapping.
	Lossy        bool
	Keys         []*Node // of a mapping, beside Items
	Items        []*Node // a mapping's values or a list's entries
	Line, Column int     // from 1, in runes
}

// Name says in words what a node is, for messages.
func (n *Node) Name() string {
	switch n.Kind {
	case Mapping:
		return "a mapping"
	case List:
		return "a list"
	}
	switch n.Tag {
	case "int", "float":
		return "a number"
	case "bool":
		return "a truth value"
	case "null":
		return "nothing"
	case "timestamp":
		return "a date"
	default:
		return "text"
	}
}

// width is how many runes of its line the node takes, for the caret.
func (n *Node) width(line string) int {
	rest := runesFrom(line, n.Column)
	switch {
	case n.Kind != Scalar || n.Block || rest == "":
		return 1
	case n.Plain:
		rest = strings.TrimRight(rest, " \t")
		return max(1, min(utf8.RuneCountInString(n.Text), utf8.RuneCountInString(rest)))
	}
	return quotedWidth(rest)
}

// quotedWidth measures a quoted scalar at the beginning of rest, up to its closing quote or the end of the line.
func quotedWidth(rest string) int {
	quote, width, escaped := rune(rest[0]), 0, false
	for i, r := range rest {
		width++
		switch {
		case i == 0 || escaped:
			escaped = false
		case r == '\\' && quote == '"':
			escaped = true
		case r == quote:
			// '' inside single quotes reads as an end and a new beginning; the caret may stop early, never late.
			return width
		}
	}
	return width
}

// runesFrom is the part of line from column on, in runes from 1.
func runesFrom(line string, column int) string {
	for ; column > 1 && line != ""; column-- {
		_, n := utf8.DecodeRuneInString(line)
		line = line[n:]
	}
	return line
}
