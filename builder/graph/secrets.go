package graph

import (
	"github.com/moby/buildkit/solver/pb"
)

// blank is what a sealed build has in the place of a secret or an agent. What the author calls optional is absent: the step can do
// without, and says so. A required secret is an empty file, the same in every build, so that a step that reads it to
// send it along with a request goes on to make that request, which the lock answers. nil: absent.
func blank(r *rebuild, op *pb.Op, m *pb.Mount) (*pb.Mount, error) {
	o := m.GetSecretOpt()
	if o == nil || o.Optional {
		return nil, nil
	}
	file := mkfile(-1, 0, "/secret", nil)
	mk := file.GetMkfile()
	mk.Mode = int32(o.Mode) //nolint:gosec // nine bits
	mk.Owner = &pb.ChownOpt{User: owned(o.Uid), Group: owned(o.Gid)}
	d, err := r.add(&pb.Op{
		Op:       &pb.Op_File{File: &pb.FileOp{Actions: []*pb.FileAction{file}}},
		Platform: op.Platform, Constraints: op.Constraints,
	}, &pb.OpMetadata{
		Description: map[string]string{"llb.customname": "an empty file for secret " + o.ID},
		Caps:        map[string]bool{string(pb.CapFileBase): true},
	}, nil)
	if err != nil {
		return nil, err
	}
	op.Inputs = append(op.Inputs, &pb.Input{Digest: d.String(), Index: 0})
	return &pb.Mount{
		Input: int64(len(op.Inputs) - 1), Selector: "/secret", Dest: m.Dest, Output: int64(pb.SkipOutput), Readonly: true,
		MountType: pb.MountType_BIND,
	}, nil
}

func owned(id uint32) *pb.UserOpt { return &pb.UserOpt{User: &pb.UserOpt_ByID{ByID: id}} }

// blankEnv does the same for secrets that are variables of the environment.
func blankEnv(e *pb.ExecOp) {
	for _, env := range e.Secretenv {
		if !env.Optional {
			setEnv(e.Meta, env.Name+"=")
		}
	}
	e.Secretenv = nil
}
