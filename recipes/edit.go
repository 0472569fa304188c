package recipes

import (
	"encoding/json"
	"fmt"
	"strings"
)

// WithRun is the recipe's text with another script in one step of a stage (both counted from 0), the rest as the author wrote it. data
// is the text that r was read from. What comes out is read again, and must be this recipe with that script; where the author's way of
// writing is too particular to be edited by line, that is an error.
func (r *Recipe) WithRun(data []byte, stage, step int, script string) ([]byte, error) {
	at, ok := r.At[fmt.Sprintf("build.stages[%d].steps[%d].run", stage, step)]
	lines := strings.SplitAfter(string(data), "\n")
	if !ok || at.Line < 1 || at.Line > len(lines) {
		return nil, fmt.Errorf("stage %d has no script in step %d", stage, step)
	}
	head := strings.TrimRight(lines[at.Line-1], "\r\n")
	key := strings.LastIndex(head, "run:")
	if key < 0 || strings.Contains(head, "\t") {
		return nil, fmt.Errorf("line %d is not written as `run: ...`", at.Line)
	}
	last := at.Line
	value := strings.TrimSpace(head[key+len("run:"):])
	if strings.HasPrefix(value, "|") {
		last = blockEnd(lines, at.Line, key)
	}
	for _, written := range scripts(head[:key], script, strings.HasPrefix(value, "|")) {
		out := []byte(strings.Join(lines[:at.Line-1], "") + written + strings.Join(lines[last:], ""))
		if r.differsOnlyIn(out, stage, step, script) {
			return out, nil
		}
	}
	return nil, fmt.Errorf("the script of line %d cannot be edited by line", at.Line)
}

// blockEnd is the line (from 1) with which a block scalar ends that begins in line first, behind a key in column key.
func blockEnd(lines []string, first, key int) int {
	end := first
	for i := first; i < len(lines); i++ {
		text := strings.TrimRight(lines[i], "\r\n")
		if strings.TrimSpace(text) == "" {
			continue
		}
		if len(text)-len(strings.TrimLeft(text, " ")) <= key {
			break
		}
		end = i + 1
	}
	return end
}

// scripts are the ways to write `run: script` behind before (indentation, and a dash): in one line where it fits there, else as a block.
func scripts(before, script string, block bool) []string {
	var out []string
	if !strings.Contains(script, "\n") && !block {
		quoted, err := json.Marshal(script)
		if err != nil {
			return nil
		}
		out = append(out, before+"run: "+script+"\n", before+"run: "+string(quoted)+"\n")
	}
	style, text := "|-", script
	if cut, ok := strings.CutSuffix(script, "\n"); ok {
		style, text = "|", cut
	}
	indent := strings.Repeat(" ", len(before)+2)
	var b strings.Builder
	b.WriteString(before + "run: " + style + "\n")
	for line := range strings.SplitSeq(text, "\n") {
		if line != "" {
			b.WriteString(indent + line)
		}
		b.WriteString("\n")
	}
	return append(out, b.String())
}

// differsOnlyIn reads a changed text and says whether it is r but for that script.
func (r *Recipe) differsOnlyIn(data []byte, stage, step int, script string) bool {
	now, err := Parse(r.Path, data)
	if err != nil || len(now.Build.Stages) != len(r.Build.Stages) || len(now.Build.Stages[stage].Steps) != len(r.Build.Stages[stage].Steps) {
		return false
	}
	s := &now.Build.Stages[stage].Steps[step]
	if s.Run != script {
		return false
	}
	s.Run = r.Build.Stages[stage].Steps[step].Run
	return now.Digest() == r.Digest()
}
