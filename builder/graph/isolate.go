package graph

import (
	"context"
	"fmt"
	"path"
	"slices"

	"github.com/containerd/platforms"
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"
)

// Edge is one state of the draft's graph: what an op gives out.
type Edge struct{ e edge }

// Made is the op that made one layer of the result.
type Made struct {
	Step Step
	Exec bool // a RUN; otherwise a copy or another operation on files
	// From are the states that a copy takes from, other than the one that it adds to.
	From []Copied
	// Inputs are the states that a step runs on: its root first, then what else is mounted. Sources are not among them; OnSource says
	// that the root is one, of BaseLayers layers.
	Inputs     []Edge
	OnSource   bool
	BaseLayers int
}

// Copied is a state that a copy takes from, and the paths that it takes.
type Copied struct {
	Edge
	Paths []string // clean, with a slash first; a pattern as the author wrote it
}

// Made lists what made each layer beyond the base's, first to last; nil where the way back forks or is lost.
func (d *Draft) Made() []Made {
	back := d.back()
	if back.broken || back.forked {
		return nil
	}
	ops := d.ops()
	var out []Made
	for i, dgst := range back.made {
		out = append(out, d.made(dgst, back.outputs[i], ops))
	}
	slices.Reverse(out)
	return out
}

func (d *Draft) made(dgst digest.Digest, output int64, ops map[digest.Digest]*pb.Op) Made {
	file, line := d.place(dgst)
	m := Made{Step: Step{Name: placeName(file, line), File: file, Line: line, Command: d.def.Metadata[dgst.String()].GetDescription()["llb.customname"]}}
	op := ops[dgst]
	if op.GetExec() != nil {
		m.Exec = true
		for _, s := range d.Steps {
			if s.Name == d.names[dgst] {
				m.Step = s
			}
		}
	}
	root := int64(-1) // what is added to, among the inputs; nothing where it begins empty
	switch o := op.Op.(type) {
	case *pb.Op_Exec:
		root = mountInput(o.Exec, rootOutput(o.Exec))
	case *pb.Op_File:
		root = fileInput(o.File, int64(len(op.Inputs)), output)
	}
	m.BaseLayers = d.layers
	for i, in := range op.Inputs {
		e := edge{digest.Digest(in.Digest), in.Index}
		switch {
		case m.Exec && int64(i) == root && ops[e.op].GetSource() != nil:
			m.OnSource = true
		case m.Exec && ops[e.op].GetSource() == nil:
			m.Inputs = append(m.Inputs, Edge{e})
		case !m.Exec && int64(i) != root && ops[e.op].GetSource() == nil:
			m.From = append(m.From, Copied{Edge{e}, copiedPaths(op.GetFile(), int64(i))})
		}
	}
	return m
}

// copiedPaths are what the actions of a file op take from one of its inputs.
func copiedPaths(f *pb.FileOp, input int64) []string {
	var out []string
	for _, a := range f.GetActions() {
		if c := a.GetCopy(); c != nil && a.SecondaryInput == input {
			out = append(out, path.Clean("/"+c.Src))
		}
	}
	return out
}

func (d *Draft) ops() map[digest.Digest]*pb.Op {
	out := map[digest.Digest]*pb.Op{}
	for _, dt := range d.def.Def {
		var op pb.Op
		if op.Unmarshal(dt) == nil {
			out[digest.FromBytes(dt)] = &op
		}
	}
	return out
}

// At is the draft of one state alone, with layers as many as its base has. Its configuration is the whole's: it is no image to publish.
func (d *Draft) At(at Edge, layers func(manifest digest.Digest) (int, error)) (*Draft, error) {
	out, err := d.cut(at.e, nil)
	if err != nil {
		return nil, err
	}
	if base := out.start(); base != "" {
		if out.layers, err = layers(base); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Isolate is the draft of one step alone, running on frozen copies of its inputs: images in the store, by the state that they are copies of.
// Layers is the number of layers of the frozen root.
func (d *Draft) Isolate(step string, frozen map[Edge]digest.Digest, layers int) (*Draft, error) {
	for dgst, name := range d.names {
		if name != step {
			continue
		}
		root := rootOutput(d.ops()[dgst].GetExec())
		out, err := d.cut(edge{dgst, root}, frozen)
		if err != nil {
			return nil, err
		}
		out.layers = layers
		return out, nil
	}
	return nil, fmt.Errorf("there is no step `%s`", step)
}

// rootOutput is the output of a step that is its root filesystem.
func rootOutput(e *pb.ExecOp) int64 {
	for _, m := range e.GetMounts() {
		if m.Dest == pb.RootMount {
			return m.Output
		}
	}
	return 0
}

// cut keeps what at needs, and puts stored images in the place of the frozen states.
func (d *Draft) cut(at edge, frozen map[Edge]digest.Digest) (*Draft, error) {
	need := d.needed(at, frozen)
	part := &pb.Definition{Metadata: d.def.Metadata, Source: d.def.Source}
	for _, dt := range d.def.Def {
		if need[digest.FromBytes(dt)] {
			part.Def = append(part.Def, dt)
		}
	}
	r := newRebuild()
	for e, manifest := range frozen {
		if err := d.freeze(r, e.e, manifest); err != nil {
			return nil, err
		}
	}
	out := &Draft{Platform: d.Platform, Config: d.Config, Runs: d.Runs, names: map[digest.Digest]string{}, epoch: d.epoch}
	// Renamed inputs give an op another digest; the steps keep their names.
	err := r.run(part, func(digest.Digest, *pb.Op, *pb.OpMetadata) (*edge, error) { return nil, nil })
	if err != nil {
		return nil, err
	}
	for old, name := range d.names {
		if to, ok := r.moved[edge{old, 0}]; ok && need[old] {
			out.names[to.op] = name
		}
	}
	for _, s := range d.Steps {
		for _, name := range out.names {
			if s.Name == name {
				out.Steps = append(out.Steps, s)
				break
			}
		}
	}
	end := at
	if to, ok := r.moved[at]; ok {
		end = to
	}
	last, err := marshalOp(&pb.Op{Inputs: []*pb.Input{{Digest: end.op.String(), Index: end.index}}})
	if err != nil {
		return nil, err
	}
	r.out.Def = append(r.out.Def, last)
	out.def = r.out
	return out, nil
}

// freeze puts an image of the store in the place of a state.
func (d *Draft) freeze(r *rebuild, at edge, manifest digest.Digest) error {
	p, err := platforms.Parse(d.Platform)
	if err != nil {
		return err
	}
	def, err := marshal(context.Background(), stored("frozen", manifest, p), d.Platform) // it asks nobody
	if err != nil {
		return err
	}
	var op pb.Op
	if err := op.Unmarshal(def.Def[0]); err != nil {
		return err
	}
	src, err := r.add(&op, def.Metadata[digest.FromBytes(def.Def[0]).String()], nil)
	r.moved[at] = edge{src, 0}
	return err
}

// needed are the ops that at is made of, as far back as the frozen states.
func (d *Draft) needed(at edge, frozen map[Edge]digest.Digest) map[digest.Digest]bool {
	ops := d.ops()
	need := map[digest.Digest]bool{}
	todo := []digest.Digest{at.op}
	for len(todo) > 0 {
		dgst := todo[0]
		todo = todo[1:]
		if need[dgst] || ops[dgst] == nil {
			continue
		}
		need[dgst] = true
		for _, in := range ops[dgst].Inputs {
			if _, ok := frozen[Edge{edge{digest.Digest(in.Digest), in.Index}}]; !ok {
				todo = append(todo, digest.Digest(in.Digest))
			}
		}
	}
	return need
}

// BaseLayers is how many layers of the result are its base's.
func (d *Draft) BaseLayers() int { return d.layers }

// Lines are the first and last line of a step in the author's file, from 1; 0 where they are not known.
func (d *Draft) Lines(step string) (first, last int) {
	if d.def.Source == nil {
		return 0, 0
	}
	for dgst, name := range d.names {
		if name != step {
			continue
		}
		for _, l := range d.def.Source.Locations[dgst.String()].GetLocations() {
			for _, r := range l.Ranges {
				if first == 0 || int(r.Start.Line) < first {
					first = int(r.Start.Line)
				}
				last = max(last, int(r.End.Line))
			}
		}
	}
	return first, last
}
