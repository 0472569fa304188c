package page

import (
	"fmt"
	"strings"

	"github.com/selfsame-build/selfsame/report"
)

type patchView struct {
	Class, Place, Note string
	Verified           bool
	Lines              []diffLine
	Rest               int
}

// diffLine is a line of a unified diff: Sort is add, del, at or "".
type diffLine struct{ Sort, Text string }

func (v *view) patches(list []report.Patch) {
	for i, p := range list {
		if i == maxPatches {
			v.MorePatches = len(list) - i
			break
		}
		v.Patches = append(v.Patches, newPatch(p))
	}
}

func newPatch(p report.Patch) patchView {
	out := patchView{Class: cut(p.Class, 20), Place: place(p.File, p.Line), Note: long(p.Note), Verified: p.Verified}
	lines := strings.Split(strings.TrimRight(p.Diff, "\n"), "\n")
	for i, l := range lines {
		if i == maxPatchLine {
			out.Rest = len(lines) - i
			break
		}
		out.Lines = append(out.Lines, diffLine{lineSort(l), text(strings.ReplaceAll(l, "\t", "    "))})
	}
	return out
}

func lineSort(l string) string {
	switch {
	case strings.HasPrefix(l, "+++"), strings.HasPrefix(l, "---"), strings.HasPrefix(l, "@@"):
		return "at"
	case strings.HasPrefix(l, "+"):
		return "add"
	case strings.HasPrefix(l, "-"):
		return "del"
	}
	return ""
}

type experimentView struct {
	Step, Place, Verdict string
	Causes               []string
	Random               bool
	Runs                 []runView
	Rest                 int
}

type runView struct {
	Varied, Seconds string
	Equal, Control  bool
}

func experiment(e *report.Experiment) *experimentView {
	if e == nil {
		return nil
	}
	out := &experimentView{Step: text(e.Step), Place: place(e.File, e.Line), Verdict: long(e.Verdict), Causes: texts(e.Causes), Random: e.Random}
	for i, t := range e.Runs {
		if i == maxRuns {
			out.Rest = len(e.Runs) - i
			break
		}
		r := runView{Varied: strings.Join(texts(t.Varied), ", "), Seconds: fmt.Sprintf("%.1f s", t.Seconds), Equal: t.Equal, Control: len(t.Varied) == 0}
		out.Runs = append(out.Runs, r)
	}
	return out
}
