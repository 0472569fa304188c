package intoto

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/in-toto/in-toto-golang/in_toto"

	"github.com/selfsame-build/selfsame/trust"
)

// Standard describes a layout for selfsame's own pipeline.
type Standard struct {
	// Functionaries are who may sign the links of a step. Lock, both builds, compare and sign need one; source is a step of the layout if it
	// has one, and so is any other name, after sign and in the order in which it first appears.
	Functionaries []Functionary
	// Thresholds are how many functionaries a step takes, where that is not 1.
	Thresholds map[string]int
	Expires    time.Time
	Readme     string
}

// Functionary is a public key (SubjectPublicKeyInfo in PEM), or an identity, whose links of a step count.
type Functionary struct {
	Step     string // empty: all of lock, both builds, compare and sign
	PEM      []byte
	Identity trust.Identity
}

// key describes it.
func (f Functionary) key() (key, error) {
	if f.Identity != (trust.Identity{}) {
		return newIdentity(f.Identity)
	}
	k, err := newKey(f.PEM)
	return keyOf(k), err
}

// required are the steps that every image of ours goes through.
var required = []string{StepLock, StepBuildA, StepBuildB, StepCompare, StepSign}

// Layout is the layout as JSON, unsigned. Each step takes what another one made and nothing else, so that links of two runs do not go
// together; the platforms of the image are bound to both builds.
func (s Standard) Layout() ([]byte, error) {
	doc := document{
		Type: "layout", Inspect: []in_toto.Inspection{}, Keys: map[string]key{},
		Expires: s.Expires.UTC().Format(in_toto.ISO8601DateSchema), Readme: s.Readme,
	}
	by := map[string][]string{}
	steps := slices.Clone(required)
	for _, f := range s.Functionaries {
		k, err := f.key()
		if err != nil {
			return nil, err
		}
		doc.Keys[k.KeyID] = k
		names := []string{f.Step}
		if f.Step == "" {
			names = required
		}
		for _, name := range names {
			if !slices.Contains(by[name], k.KeyID) {
				by[name] = append(by[name], k.KeyID)
			}
			if !slices.Contains(steps, name) && name != StepSource {
				steps = append(steps, name)
			}
		}
	}
	if len(by[StepSource]) > 0 {
		steps = slices.Insert(steps, 0, StepSource)
	}
	for name := range s.Thresholds {
		if !slices.Contains(steps, name) {
			return nil, fmt.Errorf("writing a layout: there is a threshold for %q, and no functionary", name)
		}
	}
	previous := ""
	for _, name := range steps {
		if len(by[name]) == 0 {
			return nil, fmt.Errorf("writing a layout: the step %s has no functionary", name)
		}
		step := in_toto.Step{Type: "step", PubKeys: by[name], ExpectedCommand: []string{}, Threshold: max(1, s.Thresholds[name])}
		step.Name = name
		step.ExpectedMaterials, step.ExpectedProducts = rules(name, previous, len(by[StepSource]) > 0)
		doc.Steps = append(doc.Steps, step)
		previous = name
	}
	out, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing a layout: %w", err)
	}
	if _, err := Parse(out); err != nil { // also what only the user can have got wrong: a threshold too high
		return nil, err
	}
	return append(out, '\n'), nil
}

// rules are the artifact rules of a step of ours, or of one that follows sign.
func rules(step, previous string, source bool) (materials, products [][]string) {
	end := []string{"DISALLOW", "*"}
	require := func(name string) []string { return []string{"REQUIRE", name} }
	match := func(pattern, side, from string) []string {
		return []string{"MATCH", pattern, "WITH", side, "FROM", from}
	}
	platforms := func(to, from string) []string { // what is at "image/x" must be at "A/x" there
		return []string{"MATCH", "*", "IN", to, "WITH", "PRODUCTS", "IN", twins[from], "FROM", from}
	}
	switch step {
	case StepSource:
		return [][]string{end}, [][]string{
			require(ArtifactRecipe), require(ArtifactContext), {"CREATE", ArtifactRecipe}, {"CREATE", ArtifactDockerfile}, {"CREATE", ArtifactIgnore},
			{"CREATE", ArtifactContext}, {"CREATE", ArtifactContext + "/*"}, end,
		}
	case StepLock:
		materials = [][]string{require(ArtifactRecipe), require(ArtifactContext), {"ALLOW", "*"}}
		if source {
			materials = [][]string{require(ArtifactRecipe), require(ArtifactContext), match("*", "PRODUCTS", StepSource), end}
		}
		return materials, [][]string{require(ArtifactLock), {"CREATE", ArtifactLock}, end}
	case StepBuildA, StepBuildB:
		return [][]string{
				require(ArtifactRecipe), require(ArtifactContext), require(ArtifactLock),
				match(ArtifactLock, "PRODUCTS", StepLock), match("*", "MATERIALS", StepLock), end,
			}, [][]string{
				{"CREATE", twins[step] + "/*"}, end,
			}
	case StepCompare:
		return [][]string{platforms("A", StepBuildA), platforms("B", StepBuildB), end},
			[][]string{require(ArtifactImage), platforms(ArtifactImage, StepBuildA), {"CREATE", ArtifactImage}, end}
	case StepSign:
		return [][]string{require(ArtifactImage), match(ArtifactImage, "PRODUCTS", StepCompare), platforms(ArtifactImage, StepBuildB), end},
			[][]string{require(ArtifactImage), match(ArtifactImage+"*", "PRODUCTS", StepCompare), {"CREATE", "statement/*"}, end}
	default:
		return [][]string{require(ArtifactImage), match(ArtifactImage+"*", "PRODUCTS", previous), {"DISALLOW", ArtifactImage + "*"}, {"ALLOW", "*"}},
			[][]string{require(ArtifactImage), match(ArtifactImage+"*", "PRODUCTS", previous), {"DISALLOW", ArtifactImage + "*"}, {"ALLOW", "*"}}
	}
}

// twins are the folders of what the builders made.
var twins = map[string]string{StepBuildA: "A", StepBuildB: "B"}
