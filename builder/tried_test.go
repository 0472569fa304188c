package builder

import (
	"strings"
	"testing"

	"github.com/selfsame-build/selfsame/compare/cause"
	"github.com/selfsame-build/selfsame/recipes"
)

// TestWholeDiff shows only what differs, with what stands around it; a patch that patch(1) would take.
func TestWholeDiff(t *testing.T) {
	for _, c := range []struct{ name, old, now, want string }{
		{"a line", "a\nb\nc\nd\ne\nf\n", "a\nb\nc\nX\ne\nf\n", "@@ -1,6 +1,6 @@\n a\n b\n c\n-d\n+X\n e\n f\n"},
		{"the last line, with no newline", "a\nb", "a\nX", "@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+X\n\\ No newline at end of file\n"},
		{"a line more", "a\nb\n", "a\nb\nX\n", "@@ -1,2 +1,3 @@\n a\n b\n+X\n"},
		{"at the beginning", "a\nb\n", "X\na\nb\n", "@@ -1,2 +1,3 @@\n+X\n a\n b\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := "--- a/D\n+++ b/D\n" + c.want
			if got := wholeDiff("D", c.old, c.now); got != want {
				t.Errorf("got\n%swant\n%s", got, want)
			}
		})
	}
}

// TestPrograms finds the programs that a step runs and the Dockerfile holds: of its own stage, and no others.
func TestPrograms(t *testing.T) {
	file := "FROM base\nCOPY <<EOF /other.py\nimport os\nprint(os.listdir('.'))\nEOF\nFROM base\nCOPY <<'END' /w/list.py\nfor x in os.listdir('.'):\nEOF\n\tprint(x)\nEND\n" +
		"COPY <<EOF /entrypoint.py\nprint(os.listdir('.'))\nEOF\nRUN python3 list.py >x\n"
	lines := strings.SplitAfter(file, "\n")
	step := 15
	if lines[step-1] != "RUN python3 list.py >x\n" {
		t.Fatalf("line %d is %q", step, lines[step-1])
	}
	b := &build{project: &project{dockerfile: []byte(file), recipe: &recipes.Recipe{}}}
	p := b.programs(instruction{file: []byte(file), line: step, text: lines[step-1]})
	if len(p.list) != 1 || p.list[0].first != 6 || p.list[0].last != 11 {
		t.Fatalf("programs %+v", p.list)
	}
	for _, r := range cause.Remedies(cause.Finding{Class: "T18"}) {
		ch, ok := p.change(r)
		if !ok {
			continue
		}
		if got, want := string(ch.file), strings.Replace(file, "for x in os.listdir('.')", "for x in sorted(os.listdir('.'))", 1); got != want {
			t.Errorf("got\n%s", got)
		}
		return
	}
	t.Error("no remedy changes the program")
}
