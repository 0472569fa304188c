// Package doctest runs the console blocks of our documents, so that what a page shows is what a reader gets.
//
// A block that is meant to run has the info string "console run":
//
//	```console run
//	$ selfsame version
//	selfsame 0.1.0
//	$ selfsame build examples/broken
//	...
//	not reproducible: 1 of 3 layers differs
//	$ echo $?
//	13
//	```
//
// A line that starts with "$ " is a command (continued by lines that start with "> "); the lines below it are what it
// prints, stdout and stderr together. A line "..." stands for any number of lines, and "…" within a line for any text.
// All commands of a block run in one shell, in one folder. A command must succeed, unless the next one is `echo $?`.
package doctest

import (
	"fmt"
	"strings"
)

// Block is one runnable block of a document.
type Block struct {
	File  string // as named to Extract
	Line  int    // of the opening fence, counted from 1
	Steps []Step
}

// Step is one command and what it should print.
type Step struct {
	Line    int    // of the "$ " in the document
	Command string // may have several lines
	Want    []string
}

const fence = "```"

// Extract finds the runnable blocks of a Markdown document. A block that never ends, output before the first command and
// a block without any command are errors: a test that silently runs nothing proves nothing.
func Extract(file string, markdown []byte) ([]Block, error) {
	var blocks []Block
	lines := strings.Split(string(markdown), "\n")
	for i := 0; i < len(lines); i++ {
		info, ok := strings.CutPrefix(lines[i], fence)
		if !ok {
			continue
		}
		end := closing(lines, i)
		if end < 0 {
			return nil, fmt.Errorf("%s:%d: the block is not closed", file, i+1)
		}
		if strings.Join(strings.Fields(info), " ") == "console run" {
			b, err := parse(file, i+1, lines[i+1:end])
			if err != nil {
				return nil, err
			}
			blocks = append(blocks, b)
		}
		i = end
	}
	return blocks, nil
}

// closing finds the fence that ends the block opened at line open (from 0), or -1.
func closing(lines []string, open int) int {
	for i := open + 1; i < len(lines); i++ {
		if strings.TrimRight(lines[i], " \t\r") == fence {
			return i
		}
	}
	return -1
}

// parse turns the lines of a block, which follow line open of the file, into steps.
func parse(file string, open int, lines []string) (Block, error) {
	b := Block{File: file, Line: open}
	for i, line := range lines {
		at := open + 1 + i
		last := len(b.Steps) - 1
		switch {
		case strings.HasPrefix(line, "$ "):
			b.Steps = append(b.Steps, Step{Line: at, Command: line[2:]})
		case last < 0:
			return b, fmt.Errorf("%s:%d: output before the first command", file, at)
		case strings.HasPrefix(line, "> ") && len(b.Steps[last].Want) == 0:
			b.Steps[last].Command += "\n" + line[2:]
		default:
			b.Steps[last].Want = append(b.Steps[last].Want, line)
		}
	}
	if len(b.Steps) == 0 {
		return b, fmt.Errorf("%s:%d: the block has no command", file, open)
	}
	return b, nil
}
