package lint

import (
	"slices"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/selfsame-build/selfsame/recipes"
)

// Outline is what a recipe for a Dockerfile needs to know of it.
type Outline struct {
	// Stages are the names behind AS, in order; stages without a name are left out.
	Stages []string
	// Args are the build arguments, in order, each once; those that BuildKit sets by itself are left out.
	Args []Arg
}

// Arg is a build argument.
type Arg struct {
	Name string
	// Default is its value when none is given; HasDefault tells an empty one from none.
	Default    string
	HasDefault bool
}

// automatic are the arguments that BuildKit sets (Dockerfile reference, "Automatic platform ARGs"), and the epoch.
var automatic = []string{"TARGETPLATFORM", "TARGETOS", "TARGETARCH", "TARGETVARIANT", "BUILDPLATFORM", "BUILDOS", "BUILDARCH", "BUILDVARIANT",
	"TARGETSTAGE", "SOURCE_DATE_EPOCH"}

// ReadOutline parses a Dockerfile that the user calls name. The error is a diag.List with A0150.
func ReadOutline(name string, data []byte) (Outline, error) {
	l := &linter{recipe: &recipes.Recipe{}, seen: map[finding]bool{}}
	f := l.open(name, data)
	if !f.parse(data) {
		return Outline{}, l.list.Err()
	}
	var o Outline
	add := func(c instructions.ArgCommand) {
		for _, kv := range c.Args {
			known := slices.ContainsFunc(o.Args, func(a Arg) bool { return a.Name == kv.Key })
			if known || slices.Contains(automatic, kv.Key) {
				continue
			}
			a := Arg{Name: kv.Key, HasDefault: kv.Value != nil}
			if kv.Value != nil {
				a.Default = *kv.Value
			}
			o.Args = append(o.Args, a)
		}
	}
	for _, a := range f.global {
		add(a)
	}
	for _, s := range f.stages {
		if s.Name != "" {
			o.Stages = append(o.Stages, s.Name)
		}
		for _, c := range s.Commands {
			if a, ok := c.(*instructions.ArgCommand); ok {
				add(*a)
			}
		}
	}
	return o, nil
}
