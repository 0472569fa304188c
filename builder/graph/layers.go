package graph

import (
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"
)

// attribute says which step made each layer, by walking from the result back along the root filesystem. The walk ends at
// a source, whose layers are the base's. It gives nil where the chain forks (a merge), because then the order of layers
// is not the order of steps.
func (d *Draft) attribute(steps []Step) []Step {
	ops := map[digest.Digest]*pb.Op{}
	var last *pb.Op
	for _, dt := range d.def.Def {
		var op pb.Op
		if op.Unmarshal(dt) != nil {
			return nil
		}
		last = &op
		ops[digest.FromBytes(dt)] = last
	}
	var chain []Step
	in := last.Inputs
	at := input(in, 0)
	for at != nil {
		dgst := digest.Digest(at.Digest)
		op := ops[dgst]
		if op == nil {
			return nil
		}
		file, line := d.place(dgst)
		made := Step{Name: placeName(file, line), File: file, Line: line, Command: d.def.Metadata[dgst.String()].GetDescription()["llb.customname"]}
		switch o := op.Op.(type) {
		case *pb.Op_Exec:
			for _, s := range steps {
				if s.Name == d.names[dgst] {
					made = s
				}
			}
			at = input(op.Inputs, mountInput(o.Exec, at.Index))
		case *pb.Op_File:
			at = input(op.Inputs, fileInput(o.File, int64(len(op.Inputs)), at.Index))
		case *pb.Op_Source:
			return append(make([]Step, d.layers), reversed(chain)...)
		default:
			return nil
		}
		chain = append(chain, made)
	}
	return reversed(chain)
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

func reversed(s []Step) []Step {
	out := make([]Step, 0, len(s))
	for i := len(s) - 1; i >= 0; i-- {
		out = append(out, s[i])
	}
	return out
}
