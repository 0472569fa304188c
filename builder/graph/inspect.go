package graph

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/containerd/platforms"
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"google.golang.org/protobuf/proto"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// inspect splices the bases in, names the steps by their place, and lists what the author fetches by address.
func (d *Draft) inspect() error {
	if err := d.splice(); err != nil {
		return err
	}
	d.names = map[digest.Digest]string{}
	users := d.users()
	seen := map[string]int{}
	for _, dt := range d.def.Def {
		var op pb.Op
		if err := op.Unmarshal(dt); err != nil {
			return err
		}
		dgst := digest.FromBytes(dt)
		file, line := d.place(dgst)
		switch o := op.Op.(type) {
		case *pb.Op_Exec:
			s := d.step(dgst, o.Exec, file, line)
			if seen[s.Name]++; seen[s.Name] > 1 {
				s.Name = fmt.Sprintf("%s#%d", s.Name, seen[s.Name])
			}
			d.names[dgst] = s.Name
			d.Steps = append(d.Steps, s)
			d.Runs = append(d.Runs, platformOf(&op))
		case *pb.Op_Source:
			if file == "" { // the frontend gives the place to the copy, not to what it copies
				file, line = d.place(users[dgst])
			}
			d.remote(o.Source, placeName(file, line))
		}
	}
	slices.Sort(d.Runs)
	d.Runs = slices.Compact(d.Runs)
	return nil
}

// platformOf is the platform that an op is for, as recipes spell it.
func platformOf(op *pb.Op) string {
	p := op.Platform
	return platforms.Format(platforms.Normalize(ocispecs.Platform{OS: p.GetOS(), Architecture: p.GetArchitecture(), Variant: p.GetVariant()}))
}

// users finds for each op one that reads it.
func (d *Draft) users() map[digest.Digest]digest.Digest {
	out := map[digest.Digest]digest.Digest{}
	for _, dt := range d.def.Def {
		var op pb.Op
		if op.Unmarshal(dt) != nil {
			continue
		}
		for _, in := range op.Inputs {
			out[digest.Digest(in.Digest)] = digest.FromBytes(dt)
		}
	}
	return out
}

// place is the first line of the author's file that an op comes from.
func (d *Draft) place(dgst digest.Digest) (file string, line int) {
	if d.def.Source == nil {
		return "", 0
	}
	locs := d.def.Source.Locations[dgst.String()]
	if locs == nil {
		return "", 0
	}
	for _, l := range locs.Locations {
		if len(l.Ranges) > 0 {
			return sourceInfo(d.def.Source, l), int(l.Ranges[0].Start.Line)
		}
	}
	return "", 0
}

func placeName(file string, line int) string {
	if line == 0 {
		return file
	}
	return fmt.Sprintf("%s:%d", filepath.Base(file), line)
}

func (d *Draft) step(dgst digest.Digest, e *pb.ExecOp, file string, line int) Step {
	custom := d.def.Metadata[dgst.String()].GetDescription()["llb.customname"]
	s := Step{Name: placeName(file, line), Command: custom, File: file, Line: line}
	if s.Name == "" {
		// A step of a base: its custom name starts with the base's.
		s.Name, s.Command, _ = strings.Cut(custom, " ")
	}
	for _, m := range e.Mounts {
		switch m.MountType {
		case pb.MountType_SECRET:
			o := m.GetSecretOpt()
			s.Secrets = append(s.Secrets, o.GetID())
			if !o.GetOptional() {
				s.Required = append(s.Required, o.GetID())
			}
		case pb.MountType_SSH:
			o := m.GetSSHOpt()
			id := cmp.Or(o.GetID(), "default") // BuildKit's sshforward.DefaultID
			s.SSH = append(s.SSH, id)
			if !o.GetOptional() {
				s.Required = append(s.Required, id)
			}
		case pb.MountType_CACHE:
			s.EmptyCaches = append(s.EmptyCaches, m.Dest)
		}
	}
	for _, env := range e.Secretenv {
		s.Secrets = append(s.Secrets, env.ID)
		if !env.Optional {
			s.Required = append(s.Required, env.ID)
		}
	}
	s.Networked = e.Network != pb.NetMode_NONE
	return s
}

func (d *Draft) remote(s *pb.SourceOp, step string) {
	if strings.HasPrefix(s.Identifier, "http://") || strings.HasPrefix(s.Identifier, "https://") {
		d.URLs = append(d.URLs, Remote{URL: s.Identifier, Checksum: digest.Digest(s.Attrs[pb.AttrHTTPChecksum]), Step: step})
	}
}

// Check refuses what no build of ours may contain, in either mode: privileged steps, devices, the host's network.
func (d *Draft) Check() error {
	var list diag.List
	for _, dt := range d.def.Def {
		var op pb.Op
		if err := op.Unmarshal(dt); err != nil {
			return err
		}
		e := op.GetExec()
		if e == nil {
			continue
		}
		file, line := d.place(digest.FromBytes(dt))
		at := diag.Position{File: file, Line: line}
		if e.Security != pb.SecurityMode_SANDBOX {
			list = append(list, diag.Errorf("A0302", "the step asks for `--security=insecure`").WithAt(at, "").
				WithWhy("a privileged step can reach the machine, so nothing it makes can be called sealed").
				WithHelp("remove `--security=insecure` from the step"))
		}
		if e.Network == pb.NetMode_HOST {
			list = append(list, diag.Errorf("A0303", "the step asks for the host's network").WithAt(at, "").
				WithWhy("the host's network cannot be recorded").WithHelp("remove `--network=host` from the step"))
		}
		if len(e.CdiDevices) > 0 {
			list = append(list, diag.Errorf("A0304", "the step asks for a device").WithAt(at, "").
				WithWhy("a device is an input that no lock can name").WithHelp("remove `--device` from the step"))
		}
	}
	return list.Err()
}

// marshalOp encodes an op as LLB's own marshaller does, so that equal ops have equal digests.
func marshalOp(op *pb.Op) ([]byte, error) {
	return proto.MarshalOptions{Deterministic: true}.Marshal(op)
}
