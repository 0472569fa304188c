package doctest

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// page puts a runnable block into a page with text around it; the block's fence is on line 3.
func page(lines ...string) []byte {
	return []byte("# Title\n\n```console run\n" + strings.Join(lines, "\n") + "\n```\n\nMore.\n")
}

func TestExtract(t *testing.T) {
	got, err := Extract("x.md", append(page("$ echo a", "a", "$ cat <<E", "> b", "> E", "b"), "\n```console\n$ not run\n```\n"...))
	if err != nil {
		t.Fatal(err)
	}
	want := []Block{{File: "x.md", Line: 3, Steps: []Step{
		{Line: 4, Command: "echo a", Want: []string{"a"}},
		{Line: 6, Command: "cat <<E\nb\nE", Want: []string{"b"}},
	}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestExtractRefuses(t *testing.T) {
	for want, text := range map[string]string{
		"x.md:1: the block is not closed":         "```console run\n$ true\n",
		"x.md:2: output before the first command": "```console run\nhello\n```\n",
		"x.md:1: the block has no command":        "```console run\n```\n",
		"x.md:3: the block is not closed":         "a\n\n```go\n",
		"x.md:4: output before the first command": "```\n```\n```console   run\nb\n```",
	} {
		_, err := Extract("x.md", []byte(text))
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestRun(t *testing.T) {
	tests := []struct {
		name string
		page []byte
		want string // part of the error; "" when the block agrees
	}{
		{"agrees", page("$ printf 'a\\nb\\n'", "a", "b"), ""},
		{"prints nothing", page("$ true"), ""},
		{"one shell for all commands", page("$ x=1; cd /", "$ echo $x $PWD", "1 /"), ""},
		{"both streams", page("$ echo out; echo err >&2", "out", "err"), ""},
		{"any lines", page("$ seq 9", "1", "...", "8", "9"), ""},
		{"any lines, also none", page("$ seq 2", "...", "1", "...", "2", "..."), ""},
		{"any text in a line", page("$ echo sha256:abc of x", "sha256:… of x"), ""},
		{"a code is shown", page("$ (exit 13)", "$ echo $?", "13"), ""},
		{"no newline at the end", page("$ printf a", "a", "$ echo b", "b"), ""},
		{"other output", page("$ echo a", "b"), `x.md:4: $ echo a: the document shows "b"`},
		{"other text in a line", page("$ echo sha256:abc of x", "sha256:… of y"), `the document shows "sha256:… of y"`},
		{"more output", page("$ seq 3", "1"), "printed more than the document shows"},
		{"less output", page("$ echo 1", "1", "2"), `the document shows "2"`},
		{"a failure that is not shown", page("$ (exit 13)", "$ true"), "x.md:4: $ (exit 13): exit code 13"},
		{"another code than shown", page("$ (exit 13)", "$ echo $?", "12"), `the document shows "12"`},
		{"the shell ends early", page("$ exit 0", "$ echo never", "never"), "0 of 2 commands ran to their end"},
		{"a command that is no command", page("$ if"), "syntax error"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			blocks, err := Extract("x.md", tt.page)
			if err != nil || len(blocks) != 1 {
				t.Fatal(blocks, err)
			}
			err = blocks[0].Run(t.Context(), t.TempDir(), os.Environ())
			switch {
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

func TestOutputIsBounded(t *testing.T) {
	blocks, err := Extract("x.md", page("$ head -c 5000000 /dev/zero", "..."))
	if err != nil {
		t.Fatal(err)
	}
	if err := blocks[0].Run(t.Context(), t.TempDir(), os.Environ()); err == nil {
		t.Error("5 MB of output were accepted, want a refusal above 4 MiB")
	}
}

func FuzzExtract(f *testing.F) {
	f.Add(page("$ echo a", "a"))
	f.Add([]byte("```console run\n> x\n```"))
	f.Fuzz(func(t *testing.T, text []byte) {
		blocks, err := Extract("x.md", text)
		if err != nil {
			return
		}
		for _, b := range blocks {
			if len(b.Steps) == 0 {
				t.Errorf("block at line %d has no step", b.Line)
			}
		}
	})
}
