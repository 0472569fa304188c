package graph

import (
	"slices"
	"strings"

	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"
)

// attribute says which step made each layer, by walking from the result back along the root filesystem. The walk ends at
// a source, whose layers are the base's. It gives nil where the chain forks (a merge), because then the order of layers
// is not the order of steps.
func (d *Draft) attribute(steps []Step) []Step {
	back := d.back()
	if back.broken || back.forked {
		return nil
	}
	var chain []Step
	for _, dgst := range back.made {
		file, line := d.place(dgst)
		made := Step{Name: placeName(file, line), File: file, Line: line, Command: d.def.Metadata[dgst.String()].GetDescription()["llb.customname"]}
		for _, s := range steps {
			if name := d.names[dgst]; name != "" && s.Name == name {
				made = s
			}
		}
		chain = append(chain, made)
	}
	slices.Reverse(chain)
	if back.source == nil {
		return chain
	}
	return append(make([]Step, d.layers), chain...)
}

// start is the manifest of the image that the result starts from; empty for one that starts from nothing.
func (d *Draft) start() digest.Digest {
	back := d.back()
	if back.source == nil || back.broken {
		return ""
	}
	_, manifest, _ := strings.Cut(back.source.Identifier, "@")
	return digest.Digest(manifest)
}

// history is the way from the result back to where its root filesystem begins.
type history struct {
	made    []digest.Digest // the steps' and copies' ops, the last one first
	outputs []int64         // of these, the one that the way comes from
	source  *pb.SourceOp    // nil: it begins empty
	forked  bool            // layers were merged in from elsewhere
	broken  bool            // the way could not be followed
}

func (d *Draft) back() history {
	ops := map[digest.Digest]*pb.Op{}
	var last *pb.Op
	for _, dt := range d.def.Def {
		var op pb.Op
		if op.Unmarshal(dt) != nil {
			return history{broken: true}
		}
		last = &op
		ops[digest.FromBytes(dt)] = last
	}
	var h history
	for at := input(last.GetInputs(), 0); at != nil; {
		dgst := digest.Digest(at.Digest)
		op := ops[dgst]
		switch o := op.GetOp().(type) {
		case *pb.Op_Exec:
			h.made, h.outputs = append(h.made, dgst), append(h.outputs, at.Index)
			at = input(op.Inputs, mountInput(o.Exec, at.Index))
		case *pb.Op_File:
			h.made, h.outputs = append(h.made, dgst), append(h.outputs, at.Index)
			at = input(op.Inputs, fileInput(o.File, int64(len(op.Inputs)), at.Index))
		case *pb.Op_Merge:
			h.forked = true
			at = input(op.Inputs, 0)
		case *pb.Op_Source:
			h.source = o.Source
			return h
		default:
			h.broken = true
			return h
		}
	}
	return h
}

func input(ins []*pb.Input, i int64) *pb.Input {
	if i < 0 || i >= int64(len(ins)) {
		return nil
	}
	return ins[i]
}

func mountInput(e *pb.ExecOp, output int64) int64 {
	for _, m := range e.Mounts {
		if m.Output == output {
			return m.Input
		}
	}
	return -1
}

// fileInput follows a file op's actions from the one that makes output back to the op's own input.
func fileInput(f *pb.FileOp, inputs, output int64) int64 {
	for _, a := range f.Actions {
		if a.Output != output {
			continue
		}
		for a.Input >= inputs {
			a = f.Actions[a.Input-inputs]
		}
		return a.Input
	}
	return -1
}
