package recipes

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// stages checks names and the order in which stages use each other.
func (d decoder) stages(r *Recipe) {
	first := map[string]int{}
	for i, s := range r.Build.Stages {
		if s.Name == "" || s.Name == "scratch" {
			continue
		}
		if j, again := first[s.Name]; again {
			at, earlier := d.At[stagePath(i)+".name"], d.At[stagePath(j)+".name"]
			d.Report(diag.CodeRecipeStageRepeated, at, fmt.Sprintf("there are two stages `%s`, the first in line %d", short(s.Name), earlier.Line), "`from` could mean either", "rename one of them")
			continue
		}
		first[s.Name] = i
	}
	for i, s := range r.Build.Stages {
		d.stageOrder(first, s.From.Name, i, stagePath(i)+".from")
		for j, step := range s.Steps {
			path := fmt.Sprintf("%s.steps[%d]", stagePath(i), j)
			d.one(diag.CodeRecipeStepChoice, path, "run", "copy")
			if step.Copy != nil {
				d.stageOrder(first, step.Copy.From, i, path+".copy.from")
				d.copyStep(step.Copy, path+".copy")
			}
		}
	}
}

func stagePath(i int) string { return fmt.Sprintf("build.stages[%d]", i) }

// stageOrder reports the use of a stage that is not there yet.
func (d decoder) stageOrder(first map[string]int, name string, i int, path string) {
	j, isStage := first[name]
	if !isStage || j < i {
		return
	}
	what := "comes later"
	if j == i {
		what = "is this one"
	}
	d.Report(diag.CodeRecipeStageOrder, d.At[path], "the stage `"+short(name)+"` "+what, "stages are built in order", "move the stage `"+short(name)+"` above the one that uses it")
}

func (d decoder) copyStep(c *Copy, path string) {
	several := len(c.Sources) > 1
	for i, s := range c.Sources {
		several = several || strings.ContainsAny(s, "*?[")
		if strings.HasPrefix(s, "/") && !d.Seen[path+".from"] {
			d.Report(diag.CodeRecipePath, d.At[fmt.Sprintf("%s.sources[%d]", path, i)], "`"+short(s)+"` is an absolute path",
				"files of the build context are named relative to it", "write `"+short(strings.TrimLeft(s, "/"))+"`")
		}
	}
	if several && c.To != "" && !strings.HasSuffix(c.To, "/") {
		d.Report(diag.CodeRecipeCopyDestination, d.At[path+".to"], "`"+short(c.To)+"` is one file, and there are several sources", "the last source would win", "write `"+short(c.To)+"/`")
	}
	if c.From == "scratch" {
		d.Report(diag.CodeRecipeStageOrder, d.At[path+".from"], "`scratch` is empty", "there is nothing to copy from it", "name a stage or an image, or remove `from`")
	}
}

// sorted lists a map's keys in order, so that errors come out in one order.
func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
