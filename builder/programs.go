package builder

import (
	"path"
	"strings"

	"github.com/selfsame-build/selfsame/compare/cause"
	"github.com/selfsame-build/selfsame/internal/lazyregexp"
)

// program is a file that the Dockerfile writes itself and the guilty step runs: a COPY with the file behind it.
type program struct {
	first, last int // lines, from 0; last is the one after its end
	text        string
}

// programList are the programs of one step.
type programList struct {
	in    instruction
	lines []string
	list  []program
}

var heredocCopy = lazyregexp.New(`^(?i:COPY|ADD)\s.*<<-?["']?(\w+)["']?.*?(\S+)\s*$`)

// programs are those of the step's own stage, before it, that its instruction names. A recipe that spells its build out has none.
func (b *build) programs(in instruction) programList {
	if b.project.dockerfile == nil {
		return programList{}
	}
	lines := strings.SplitAfter(string(in.file), "\n")
	out := programList{in: in, lines: lines}
	for i := 0; i < in.line-1; i++ {
		if strings.HasPrefix(strings.ToUpper(lines[i]), "FROM ") {
			out.list = nil
		}
		m := heredocCopy.FindStringSubmatch(strings.TrimRight(lines[i], "\r\n"))
		if m == nil {
			continue
		}
		end := i + 1
		for end < in.line-1 && strings.TrimSpace(lines[end]) != m[1] {
			end++
		}
		if strings.Contains(in.text, path.Base(m[2])) {
			out.list = append(out.list, program{i, end + 1, strings.Join(lines[i:end+1], "")})
		}
		i = end
	}
	return out
}

// change applies a remedy to the first program that it changes.
func (p programList) change(r cause.Remedy) (change, bool) {
	for _, g := range p.list {
		now, ok := r.Apply(g.text)
		if !ok {
			continue
		}
		file := strings.Join(p.lines[:g.first], "") + now + strings.Join(p.lines[g.last:], "")
		at := p.in
		at.line = g.first + 1
		return change{text: file, file: []byte(file), patch: at.patch(r.Class, r.Title, []byte(file))}, true
	}
	return change{}, false
}
