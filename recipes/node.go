package recipes

import (
	"strings"
	"unicode/utf8"
)

// kind is the shape of a node.
type kind int

const (
	scalarKind kind = iota
	mappingKind
	listKind
	badKind // something that was refused and reported; nothing more is said of it
)

// node is a value of the file with its place: all that the decoder knows of YAML.
type node struct {
	kind kind
	// text is a scalar's value after unquoting.
	text string
	// tag is a scalar's type as YAML sees it: str, int, float, bool, null, timestamp.
	tag string
	// plain means the scalar is written without quotes; block, that it follows | or >.
	plain, block bool
	// lossy means that keys were refused and left out of a mapping.
	lossy        bool
	keys         []*node // of a mapping, beside items
	items        []*node // a mapping's values or a list's entries
	line, column int     // from 1, in runes
}

// name says in words what a node is, for messages.
func (n *node) name() string {
	switch n.kind {
	case mappingKind:
		return "a mapping"
	case listKind:
		return "a list"
	}
	switch n.tag {
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
func (n *node) width(line string) int {
	rest := runesFrom(line, n.column)
	switch {
	case n.kind != scalarKind || n.block || rest == "":
		return 1
	case n.plain:
		rest = strings.TrimRight(rest, " \t")
		return max(1, min(utf8.RuneCountInString(n.text), utf8.RuneCountInString(rest)))
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
