package lint

import (
	"fmt"
	"strings"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/recipes"
)

func stagePath(i int) string   { return fmt.Sprintf("build.stages[%d]", i) }
func stepPath(i, j int) string { return fmt.Sprintf("build.stages[%d].steps[%d]", i, j) }

// recipeStep judges one step of a recipe's own stages.
func (l *linter) recipeStep(path string, step recipes.Step, env map[string]string, final bool, stages map[string]int) {
	if step.Copy != nil && step.Copy.From != "" {
		if _, stage := stages[step.Copy.From]; !stage {
			at, line := l.recipe.Where(path + ".copy.from")
			l.image(step.Copy.From, at, line)
		}
		return
	}
	if step.Run == "" {
		return
	}
	s := &script{linter: l, env: env, final: final, place: l.stepPlace(path+".run", step.Run)}
	s.check(step.Run)
}

// stepPlace maps places of a script to those of the recipe. A script behind | keeps its lines, moved by the indentation; one
// on the line of its key keeps its columns. Everything else (folded text, escapes) points at the value as a whole.
func (l *linter) stepPlace(path, text string) func(line, offset, length int) (diag.Position, string) {
	at, first := l.recipe.Where(path)
	value := []rune(first)
	value = value[min(max(at.Column-1, 0), len(value)):]
	literal := len(value) > 0 && value[0] == '|'
	plain := !strings.Contains(text, "\n") && strings.HasPrefix(string(value), text)
	want := strings.Split(text, "\n")
	return func(line, offset, length int) (diag.Position, string) {
		if plain {
			return diag.Position{File: at.File, Line: at.Line, Column: at.Column + width(text[:min(offset, len(text))]), Length: length}, first
		}
		// at.Line counts from 1, so it is also the index of the line below the key.
		n := at.Line + line - 1
		if !literal || n >= len(l.recipe.Lines) || line > len(want) || !strings.HasSuffix(l.recipe.Lines[n], want[line-1]) {
			return at, first
		}
		whole := l.recipe.Lines[n]
		indent := len(whole) - len(want[line-1])
		return diag.Position{File: at.File, Line: n + 1, Column: width(whole[:min(indent+offset, len(whole))]) + 1, Length: length}, whole
	}
}
