package strictyaml

// This is the only file that imports gopkg.in/yaml.v3: the library is frozen upstream, and here is the place to replace it.

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/lazyregexp"
)

// The bounds of a file beside MaxBytes; every real one stays far below.
const (
	MaxDepth = 32
	MaxNodes = 50_000
)

// Tree reads the one document of data into our own tree. What a file may not use (anchors, aliases, merge keys, tags,
// keys that are not text, duplicates) is reported and left out, so that the rest can still be judged. nil means that there
// is nothing to judge.
func (d *Decoder) Tree(data []byte) (root *Node) {
	defer func() {
		if p := recover(); p != nil {
			d.Report(d.dialect.Codes.Syntax, diag.Position{File: d.name}, fmt.Sprintf("the YAML parser failed: %v", p),
				"this is a bug of the parser, not of the "+d.dialect.Noun, "simplify the "+d.dialect.Noun+", and report the bug with it")
			root = nil
		}
	}()
	in := yaml.NewDecoder(bytes.NewReader(data))
	var document, next yaml.Node
	switch err := in.Decode(&document); {
	case errors.Is(err, io.EOF):
		d.Report(d.dialect.Codes.EmptyValue, diag.Position{File: d.name}, "the "+d.dialect.Noun+" is empty", "", d.dialect.Starter)
		return nil
	case err != nil:
		d.syntax(err)
		return nil
	}
	switch err := in.Decode(&next); {
	case d.trailing(document.Content[0]):
		// yaml.v3 stops at the `...` that ends a document and says little about what follows.
	case errors.Is(err, io.EOF):
	case err != nil:
		d.syntax(err)
		return nil
	default:
		d.Report(d.dialect.Codes.Documents, diag.Position{File: d.name, Line: max(next.Line, 1)}, "a second document begins here",
			"most readers would ignore it without a word", "make a file of its own for it")
	}
	left := MaxNodes
	if root = d.convert(document.Content[0], 0, &left); d.full {
		return nil
	}
	return root
}

// documentEnd is the marker after which yaml.v3 reads nothing more.
var documentEnd = lazyregexp.New(`^\.\.\.(\s|$)`)

// trailing reports text behind the marker that ends the document.
func (d *Decoder) trailing(root *yaml.Node) bool {
	ended := false
	for i := root.Line; i < len(d.Lines); i++ {
		line := d.Lines[i]
		if !ended && documentEnd.MatchString(line) {
			ended, line = true, line[len("..."):]
		}
		if text := strings.TrimSpace(line); ended && text != "" && text != "---" && !strings.HasPrefix(text, "#") {
			d.Report(d.dialect.Codes.Documents, diag.Position{File: d.name, Line: i + 1}, "there is text after the end of the "+d.dialect.Noun,
				"YAML ends the document at `...` and readers ignore the rest", "remove the `...`, or the text")
			return true
		}
	}
	return false
}

// lineOf finds the line in an error of yaml.v3, which is the line reached and can be off by one.
var lineOf = lazyregexp.New(`line (\d+): `)

func (d *Decoder) syntax(err error) {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	at := diag.Position{File: d.name}
	summary := "not valid YAML: " + text
	if m := lineOf.FindStringSubmatch(text); m != nil {
		at.Line, _ = strconv.Atoi(m[1])
		at.Line = min(at.Line, len(d.Lines))
		summary = "not valid YAML near line " + m[1] + ": " + lineOf.ReplaceAllString(text, "")
	}
	help := "look at this line and the ones above it: indentation, a missing space after a colon, an unclosed quote"
	for i, line := range d.Lines {
		if strings.HasPrefix(line, "\t") && i <= at.Line {
			at.Line, at.Column, at.Length = i+1, 1, 1
			summary, help = "not valid YAML: a tab cannot indent", "indent with spaces"
			break
		}
	}
	d.Report(d.dialect.Codes.Syntax, at, summary, "", help)
}

// convert turns y into our own tree, left counting down the nodes that may still come.
func (d *Decoder) convert(y *yaml.Node, depth int, left *int) *Node {
	n := &Node{Kind: Bad, Text: y.Value, Tag: strings.TrimPrefix(y.ShortTag(), "!!"), Line: y.Line, Column: y.Column,
		Plain: y.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0,
		Block: y.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0}
	*left--
	if *left < 0 || depth > MaxDepth {
		if !d.full {
			d.full = true
			d.Report(d.dialect.Codes.TooDeep, d.Place(n), "the "+d.dialect.Noun+" is too deep or has too many values",
				fmt.Sprintf("a %s nests at most %d levels and holds at most %d values", d.dialect.Noun, MaxDepth, MaxNodes), d.dialect.Deep)
		}
		return n
	}
	switch {
	case y.Kind == yaml.AliasNode || y.Anchor != "":
		d.Report(d.dialect.Codes.Alias, d.mark(n), "anchors and aliases are not allowed", "they hide a value from the reader", "repeat the value, or put it in quotes")
		return n
	case y.Style&yaml.TaggedStyle != 0:
		d.Report(d.dialect.Codes.Tag, d.mark(n), "the tag `"+Short(y.Tag)+"` is not allowed", "a tag changes a value's type behind the reader's back", "remove the tag, and put text in quotes")
		return n
	}
	switch y.Kind {
	case yaml.MappingNode:
		n.Kind = Mapping
		d.convertMapping(n, y, depth, left)
	case yaml.SequenceNode:
		n.Kind = List
		for _, c := range y.Content {
			n.Items = append(n.Items, d.convert(c, depth+1, left))
		}
	default:
		n.Kind = Scalar
	}
	return n
}

// convertMapping checks keys against a table: yaml.v3's own check compares each key with each other.
func (d *Decoder) convertMapping(n *Node, y *yaml.Node, depth int, left *int) {
	first := make(map[string]int, len(y.Content)/2)
	for i := 0; i+1 < len(y.Content) && !d.full; i += 2 {
		if y.Content[i].ShortTag() == "!!merge" {
			n.Lossy = true
			d.Report(d.dialect.Codes.Alias, d.mark(&Node{Line: y.Content[i].Line, Column: y.Content[i].Column}), "merge keys are not allowed",
				"they hide values from the reader", "repeat the keys")
			continue
		}
		key, value := d.convert(y.Content[i], depth+1, left), d.convert(y.Content[i+1], depth+1, left)
		if key.Kind == Bad {
			n.Lossy = true
			continue
		}
		if key.Kind != Scalar || key.Tag != "str" {
			n.Lossy = true
			d.Report(d.dialect.Codes.KeyType, d.Place(key), "a key must be text, not "+key.Name(), "readers disagree on which keys are the same", quoteHelp(key))
			continue
		}
		if line, again := first[key.Text]; again {
			d.Report(d.dialect.Codes.DuplicateKey, d.Place(key), fmt.Sprintf("the key `%s` is written twice, first in line %d", Short(key.Text), line),
				"readers take the first, the last, or refuse", oneOf(line, key.Line))
			continue
		}
		first[key.Text] = key.Line
		n.Keys, n.Items = append(n.Keys, key), append(n.Items, value)
	}
}

// oneOf tells which of two places to remove.
func oneOf(first, second int) string {
	if first == second {
		return fmt.Sprintf("remove one of the two in line %d", first)
	}
	return fmt.Sprintf("remove line %d or line %d", first, second)
}
