package diag

import (
	"bytes"
	"io"
	"strconv"
	"strings"
)

// RenderOptions say how a list is drawn. Neither changes a fact: with colour taken away the text is the same.
type RenderOptions struct {
	// Color adds ANSI colours. The surface decides it from the terminal, --no-color and NO_COLOR.
	Color bool
	// Width is the terminal's width in columns; 0 or less means lines are never folded or cut.
	Width int
}

// minWidth is the narrowest terminal that text is folded for; below it folding would hurt more than it helps.
const minWidth = 40

// Render writes every diagnostic of l in order, a blank line between two, in one write:
//
//	error[A0137]: `Debian:12` is not an image reference
//	  --> recipe.yaml:4:10
//	   |
//	 4 |   image: Debian:12
//	   |          ^^^^^^^^^
//	   = why: repository names are lower-case
//	   = help: write `debian:12`
//
// Text that comes from a user's file is made safe for a terminal first: control characters and those that turn or hide
// text are shown as escapes. The error is that of w.
func Render(w io.Writer, l List, opts RenderOptions) error {
	var b bytes.Buffer
	r := renderer{w: &b, width: opts.Width, paint: noPaint}
	if opts.Color {
		r.paint = ansi
	}
	if r.width > 0 {
		r.width = max(r.width, minWidth)
	}
	for i, d := range l {
		if i > 0 {
			b.WriteByte('\n')
		}
		r.one(d)
	}
	_, err := w.Write(b.Bytes())
	return err
}

type renderer struct {
	w     *bytes.Buffer
	width int
	paint func(style, text string) string
}

func (r *renderer) one(d *Diagnostic) {
	tone := toneOf(d.Severity)
	head := string(d.Severity)
	if d.Code != "" {
		head += "[" + string(d.Code) + "]"
	}
	r.line(r.paint(tone, head)+": ", head+": ", d.Summary, "")
	gutter := 2
	if d.At != nil && d.At.Line > 0 {
		gutter = max(gutter, len(strconv.Itoa(d.At.Line)))
	}
	pad := strings.Repeat(" ", gutter)
	if d.At != nil {
		r.w.WriteString(pad + r.paint(styleGutter, "-->") + " " + Printable(d.At.String()) + "\n")
		r.excerpt(d, gutter, tone)
	}
	r.note(pad, "why", d.Why)
	if d.Cause != nil && !strings.Contains(d.Summary, d.Cause.Error()) {
		r.note(pad, "detail", d.Cause.Error())
	}
	r.note(pad, "help", d.Help)
}

// note writes one "= why: ..." line, folded under itself.
func (r *renderer) note(pad, name, text string) {
	if text == "" {
		return
	}
	plain := pad + " = " + name + ": "
	r.line(pad+" "+r.paint(styleGutter, "=")+" "+r.paint(styleBold, name+":")+" ", plain, text, strings.Repeat(" ", len(plain)))
}

// line writes prefix and text, folding text at the width; plain is the prefix without colour, indent starts a folded line.
func (r *renderer) line(prefix, plain, text, indent string) {
	if indent == "" {
		indent = "  "
	}
	r.w.WriteString(prefix)
	for i, part := range fold(Printable(text), r.width-len(plain), r.width-len(indent)) {
		if i > 0 {
			r.w.WriteString(indent)
		}
		r.w.WriteString(part + "\n")
	}
}

// excerpt writes the source line and the carets under it; a diagnostic without them gets neither.
func (r *renderer) excerpt(d *Diagnostic, gutter int, tone string) {
	if d.At.Line == 0 || d.Excerpt == "" {
		return
	}
	text, caret := window(d.Excerpt, d.At.Column, d.At.Length, r.width-gutter-3)
	pad := strings.Repeat(" ", gutter)
	bar := r.paint(styleGutter, "|")
	number := strconv.Itoa(d.At.Line)
	number = strings.Repeat(" ", gutter-len(number)) + number
	r.w.WriteString(pad + " " + bar + "\n")
	r.w.WriteString(r.paint(styleGutter, number) + " " + bar + strings.TrimRight(" "+text, " ") + "\n")
	if caret.length > 0 {
		r.w.WriteString(pad + " " + bar + " " + strings.Repeat(" ", caret.start) + r.paint(tone, strings.Repeat("^", caret.length)) + "\n")
	}
}

// fold breaks text at spaces so that the first line has at most first columns and every other rest. Words are never cut: a
// command or URL in a message must stay whole to be copied.
func fold(text string, first, rest int) []string {
	if rest <= 0 || columns(text) <= first {
		return []string{text}
	}
	var lines []string
	line, room := "", first
	for _, word := range strings.Fields(text) {
		switch {
		case line == "":
			line = word
		case columns(line)+1+columns(word) <= room:
			line += " " + word
		default:
			lines = append(lines, line)
			line, room = word, rest
		}
	}
	return append(lines, line)
}

// Fold breaks the paragraphs of a text for people, such as a page of a code, at width columns. Lines that begin with a space are commands or
// parts of files and stay as they are; a line that begins an item of a list ("- ", "1. ") begins a paragraph.
func Fold(text string, width int) string {
	var out, paragraph []string
	end := func() {
		if len(paragraph) > 0 {
			out = append(out, fold(strings.Join(paragraph, " "), width, width)...)
			paragraph = nil
		}
	}
	for _, l := range strings.Split(text, "\n") {
		switch {
		case strings.TrimSpace(l) == "" || strings.HasPrefix(l, " ") || strings.HasPrefix(l, "\t"):
			end()
			out = append(out, l)
		default:
			if isItem(l) {
				end()
			}
			paragraph = append(paragraph, l)
		}
	}
	end()
	return strings.Join(out, "\n")
}

// isItem says whether a line begins an item of a list.
func isItem(l string) bool {
	mark, _, ok := strings.Cut(l, " ")
	if !ok {
		return false
	}
	n, numbered := strings.CutSuffix(mark, ".")
	_, err := strconv.Atoi(n)
	return mark == "-" || mark == "*" || numbered && err == nil
}
