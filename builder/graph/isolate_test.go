package graph

import (
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"
)

const staged = "FROM base AS build\nWORKDIR /w\nRUN make one\nRUN make two\n\nFROM scratch\nCOPY --from=build /w/out /out\nCOPY extra /extra\n"

// sealedPlan finishes a draft as a build would.
func sealedPlan(t *testing.T, d *Draft, f Finish) *Plan {
	t.Helper()
	f.Sealed = true
	f.Slice = func(string) (digest.Digest, bool) { return "", false }
	p, err := d.Finish(f)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func execs(t *testing.T, p *Plan) []*pb.Op {
	t.Helper()
	var out []*pb.Op
	for _, dt := range p.Definition.Def {
		var op pb.Op
		if err := op.Unmarshal(dt); err != nil {
			t.Fatal(err)
		}
		if op.GetExec() != nil {
			out = append(out, &op)
		}
	}
	return out
}

// TestMadeLeadsToTheStage follows a copied layer to the stage that it came from, and a copy from the context nowhere.
func TestMadeLeadsToTheStage(t *testing.T) {
	d := compile(t, staged)
	made := d.Made()
	if len(made) != 2 || made[0].Exec || len(made[0].From) != 1 || !slices.Equal(made[0].From[0].Paths, []string{"/w/out"}) || len(made[1].From) != 0 {
		t.Fatalf("made %+v", made)
	}
	stage, err := d.At(made[0].From[0].Edge, func(digest.Digest) (int, error) { return 1, nil })
	if err != nil {
		t.Fatal(err)
	}
	inner := stage.Made()
	var lines []int
	for _, m := range inner {
		lines = append(lines, m.Step.Line)
	}
	if len(inner) != 3 || !inner[1].Exec || inner[1].Step.Line != 3 || inner[2].Step.Line != 4 || stage.BaseLayers() != 1 {
		t.Fatalf("the stage's layers are from lines %v, over %d", lines, stage.BaseLayers())
	}
	if p := sealedPlan(t, stage, Finish{}); len(execs(t, p)) != 2 {
		t.Errorf("%d steps in the stage alone, want 2", len(execs(t, p)))
	}
}

// TestIsolate leaves one step of a build, on a frozen copy of what it runs on; two runs of it are two vertices.
func TestIsolate(t *testing.T) {
	d := compile(t, staged)
	stage, err := d.At(d.Made()[0].From[0].Edge, func(digest.Digest) (int, error) { return 1, nil })
	if err != nil {
		t.Fatal(err)
	}
	m := stage.Made()[2]
	if len(m.Inputs) != 1 || m.OnSource {
		t.Fatalf("the step's inputs are %+v", m)
	}
	frozen := digest.FromString("frozen")
	one, err := d.Isolate(m.Step.Name, map[Edge]digest.Digest{m.Inputs[0]: frozen}, 3)
	if err != nil {
		t.Fatal(err)
	}
	a, b := sealedPlan(t, one, Finish{NoCache: true, Alone: true, Once: "a"}), sealedPlan(t, one, Finish{NoCache: true, Alone: true, Once: "b"})
	for _, p := range []*Plan{a, b} {
		ops := execs(t, p)
		if len(ops) != 1 || !strings.Contains(strings.Join(ops[0].GetExec().Meta.Args, " "), "make two") {
			t.Fatalf("%d steps are left, want the second one alone", len(ops))
		}
		if p.Base != frozen || len(p.Layers) != 4 || p.Layers[3].Line != 4 {
			t.Errorf("base %s, layers %+v", p.Base, p.Layers)
		}
	}
	if digest.FromBytes(a.Definition.Def[len(a.Definition.Def)-1]) == digest.FromBytes(b.Definition.Def[len(b.Definition.Def)-1]) {
		t.Error("two runs of the step are one vertex to a daemon, and would be run once")
	}
	if first, last := d.Lines(m.Step.Name); first != 4 || last != 4 {
		t.Errorf("lines %d to %d, want 4", first, last)
	}
	if _, err := d.Isolate("Dockerfile:99", nil, 0); err == nil {
		t.Error("a step that is not there was isolated")
	}
}
