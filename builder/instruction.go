package builder

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/selfsame-build/selfsame/compare/cause"
	"github.com/selfsame-build/selfsame/recipes"
	"github.com/selfsame-build/selfsame/report"
)

// instruction is the text of the guilty step in the author's file, and how to put another in its place.
type instruction struct {
	name string // of the file
	file []byte
	line int
	text string
	put  func(text string) ([]byte, bool)
}

// instruction finds a step in the author's file; false for a step of a base, which nobody wrote.
func (b *build) instruction(c culprit) (instruction, bool) {
	first, last := c.draft.Lines(c.made.Step.Name)
	if b.project.dockerfile == nil {
		return b.script(first)
	}
	file := b.project.dockerfile
	lines := strings.SplitAfter(string(file), "\n")
	if first < 1 || last > len(lines) || last < first {
		return instruction{}, false
	}
	old := strings.Join(lines[first-1:last], "")
	return instruction{b.project.recipe.Build.Dockerfile, file, first, old, func(text string) ([]byte, bool) {
		return []byte(strings.Join(lines[:first-1], "") + text + strings.Join(lines[last:], "")), true
	}}, true
}

// script is the step of a recipe that spells its build out, as a Dockerfile would have it.
func (b *build) script(line int) (instruction, bool) {
	r := b.project.recipe
	for i, stage := range r.Build.Stages {
		for j, step := range stage.Steps {
			if step.Run == "" || r.At[fmt.Sprintf("build.stages[%d].steps[%d].run", i, j)].Line != line {
				continue
			}
			return instruction{filepath.Base(r.Path), b.project.recipeBytes, line, "RUN " + step.Run, func(text string) ([]byte, bool) {
				now, is := strings.CutPrefix(text, "RUN ")
				if !is {
					return nil, false
				}
				file, err := r.WithRun(b.project.recipeBytes, i, j, now)
				return file, err == nil
			}}, true
		}
	}
	return instruction{}, false
}

// patch shows the file with another instruction.
func (in instruction) patch(class cause.Class, title string, file []byte) report.Patch {
	return report.Patch{
		Class: string(class), File: report.Escape(in.name), Line: in.line, Diff: wholeDiff(in.name, string(in.file), string(file)), Note: title,
	}
}

// authored is the file in which the author wrote the steps.
func (p *project) authored() []byte {
	if p.dockerfile == nil {
		return p.recipeBytes
	}
	return p.dockerfile
}

// with is the project with another such file.
func (p *project) with(file []byte) (*project, error) {
	now := *p
	if p.dockerfile != nil {
		now.dockerfile = file
		return &now, nil
	}
	var err error
	now.recipeBytes = file
	now.recipe, err = recipes.Parse(p.recipe.Path, file)
	return &now, err
}
