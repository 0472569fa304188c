package builder

import (
	"github.com/selfsame-build/selfsame/builder/graph"
	"github.com/selfsame-build/selfsame/provenance"
)

// exceptSteps names, for each axis that is planted in the environment, B's steps that have a value of their own and so did not see it. Where
// that is every step the axis was not applied.
func (r *twinRun) exceptSteps(axes []provenance.Axis) []provenance.Axis {
	steps := r.stepsToRun()
	for i, x := range axes {
		variable := variableOf(x.Name)
		if variable == "" || x.State != provenance.AxisMeasured {
			continue
		}
		for _, s := range steps {
			if by := s.Own[variable]; by != "" {
				axes[i].Except = append(axes[i].Except, provenance.AxisStep{Step: s.Name, Reason: "it sets " + by})
			}
		}
		if len(steps) > 0 && len(axes[i].Except) == len(steps) {
			axes[i] = provenance.Axis{Name: x.Name, State: provenance.AxisNotApplied, Reason: "every step sets " + steps[0].Own[variable]}
		}
	}
	return axes
}

// stepsToRun are B's steps of all platforms; one that several platforms have counts once, and as not seeing an axis if it does not on one.
func (r *twinRun) stepsToRun() []graph.Step {
	var out []graph.Step
	at := map[string]int{}
	for _, platform := range sortedKeys(r.plans) {
		for _, s := range r.plans[platform][1].Steps {
			i, seen := at[s.Name]
			switch {
			case !seen:
				at[s.Name] = len(out)
				out = append(out, s)
			case len(s.Own) > len(out[i].Own):
				out[i] = s
			}
		}
	}
	return out
}

func variableOf(name string) string {
	for _, x := range axisTable {
		if x.name == name {
			return x.variable
		}
	}
	return ""
}
