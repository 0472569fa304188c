package doctest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
)

// maxOutput bounds what one block may print, in bytes.
const maxOutput = 4 << 20

// mark separates the outputs of the steps; no command of a document prints it.
const mark = "\x1e doctest step"

// Run executes the commands of a block with bash in dir with the environment env, and compares what they print with the
// document. Every difference is one error, at the document's own line.
func (b Block) Run(ctx context.Context, dir string, env []string) error {
	cmd := exec.CommandContext(ctx, "bash", "-c", b.script())
	cmd.Dir, cmd.Env = dir, env
	out := &bounded{left: maxOutput}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s:%d: running the block: %w\n%s", b.File, b.Line, err, out.String())
	}
	parts := strings.Split(out.String(), mark)
	if len(parts) != len(b.Steps)+1 {
		return fmt.Errorf("%s:%d: %d of %d commands ran to their end:\n%s", b.File, b.Line, len(parts)-1, len(b.Steps), out.String())
	}
	var errs []error
	for i, s := range b.Steps {
		code, text := cut(i, parts)
		if why := s.judge(code, text, i+1 < len(b.Steps) && b.Steps[i+1].Command == "echo $?"); why != "" {
			errs = append(errs, fmt.Errorf("%s:%d: $ %s: %s", b.File, s.Line, s.Command, why))
		}
	}
	return errors.Join(errs...)
}

// script runs the steps one after the other in one shell and prints a mark with the exit code after each. `(exit N)`
// gives the next command the `$?` of the one before.
func (b Block) script() string {
	var s strings.Builder
	s.WriteString("__code=0\n")
	for _, step := range b.Steps {
		fmt.Fprintf(&s, "(exit $__code)\n%s\n__code=$?\nprintf '%s %%d\\n' \"$__code\"\n", step.Command, mark)
	}
	s.WriteString("exit 0\n")
	return s.String()
}

// cut finds step i's exit code and output: its output ends where its mark begins, and the code follows the mark.
func cut(i int, parts []string) (code, text string) {
	text = parts[i]
	if i > 0 {
		_, text, _ = strings.Cut(text, "\n") // the rest of the mark of the step before
	}
	code, _, _ = strings.Cut(parts[i+1], "\n")
	return strings.TrimSpace(code), text
}

// judge says what is wrong with a step, or nothing.
func (s Step) judge(code, text string, mayFail bool) string {
	text = strings.TrimSuffix(text, "\n")
	var got []string
	if text != "" {
		got = strings.Split(text, "\n")
	}
	if code != "0" && !mayFail {
		return fmt.Sprintf("exit code %s:\n%s", code, indent(got))
	}
	return match(s.Want, got)
}

// bounded keeps the first bytes written to it and refuses more.
type bounded struct {
	kept bytes.Buffer // not embedded: its ReadFrom would go around Write
	left int
}

func (b *bounded) String() string { return b.kept.String() }

func (b *bounded) Write(p []byte) (int, error) {
	if b.left -= len(p); b.left < 0 {
		return 0, errors.New("the block printed more than 4 MiB")
	}
	return b.kept.Write(p)
}
