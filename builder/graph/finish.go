package graph

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// mountDir is where a networked step finds its salt and apt's settings: on the /dev tmpfs, so that nothing of it can
// reach the image.
const mountDir = "/dev/.selfsame"

// Finish says how a Draft is to be built.
type Finish struct {
	// Sealed: the lock's bytes and nothing else. Otherwise the build records: every step may make requests.
	Sealed bool
	// Slice is the digest of the lock's entries for a step, and whether there are any. Sealed builds only.
	Slice func(step string) (d digest.Digest, fetched bool)
	// Checksum is the locked digest of an ADDed URL. Sealed builds only.
	Checksum func(url string) (digest.Digest, bool)
	// Hostname is what steps see as the machine's name.
	Hostname string
	// Env is planted in every step that has not chosen for itself, and reaches no image's configuration.
	Env []Variable
	// OpenFiles is the limit of open files in every step; nil: the daemon's own.
	OpenFiles *Limit
	// AptConf is apt configuration that networked steps get, without a trace in the image.
	AptConf []byte
	// NoCache makes the daemon run every step. While recording every step that could make a request runs anyway: a cached one
	// would make none.
	NoCache bool
	// Once is a word that no other build has. It is the salt of networked steps that must run: BuildKit's own "ignore cache" would
	// also empty the mount with the proxy's certificate (llbsolver/vertex.go, detectPrunedCacheID).
	Once string
	// Salted has networked steps bear the salt of a build with NoCache, without running them again: what such a build left is found.
	Salted bool
	// Alone gives every step a salt, also one without a network: two runs of one step at once are not to be taken for one.
	Alone bool
}

// Finish makes the Plan: the only graph that a daemon ever gets.
func (d *Draft) Finish(f Finish) (*Plan, error) {
	p := &Plan{Platform: d.Platform, Config: d.Config, Epoch: d.epoch, Steps: slices.Clone(d.Steps)}
	r := newRebuild()
	var list diag.List
	err := r.run(d.def, func(old digest.Digest, op *pb.Op, md *pb.OpMetadata) (*edge, error) {
		if md != nil {
			md.IgnoreCache = false
		}
		switch o := op.Op.(type) {
		case *pb.Op_Source:
			if bad := f.source(o.Source); bad != nil {
				list = append(list, bad)
			}
		case *pb.Op_Exec:
			i := slices.IndexFunc(p.Steps, func(s Step) bool { return s.Name == d.names[old] })
			if i < 0 {
				return nil, fmt.Errorf("a step has no name")
			}
			return nil, f.exec(r, op, o.Exec, md, &p.Steps[i], d.epoch.Unix())
		}
		return nil, nil
	})
	if err != nil {
		return nil, err
	}
	if err := list.Err(); err != nil {
		return nil, err
	}
	p.Definition = r.out
	p.Layers, p.Base = d.attribute(p.Steps), d.start()
	if f.Sealed {
		return p, Hermetic(p.Definition)
	}
	return p, nil
}

// source pins what the author fetches by address.
func (f Finish) source(s *pb.SourceOp) *diag.Diagnostic {
	if !f.Sealed || !strings.HasPrefix(s.Identifier, "http") {
		return nil
	}
	sum, ok := f.Checksum(s.Identifier)
	if !ok {
		return diag.Errorf("A0331", "`%s` is not in the lock", s.Identifier).WithHelp("run `selfsame lock`")
	}
	if own := s.Attrs[pb.AttrHTTPChecksum]; own != "" && own != sum.String() {
		return diag.Errorf("A0332", "`%s` is locked as %s, but the Dockerfile says %s", s.Identifier, sum, own).WithHelp("run `selfsame lock`")
	}
	if s.Attrs == nil {
		s.Attrs = map[string]string{}
	}
	s.Attrs[pb.AttrHTTPChecksum] = sum.String()
	return nil
}

// exec rewrites one step.
func (f Finish) exec(r *rebuild, op *pb.Op, e *pb.ExecOp, md *pb.OpMetadata, s *Step, epoch int64) error {
	var salt digest.Digest
	networked := s.Networked
	if f.Sealed && networked {
		salt, networked = f.Slice(s.Name)
	}
	if f.NoCache || f.Salted || !f.Sealed {
		salt = digest.FromString(f.Once + salt.String())
	}
	s.Networked = networked
	setEnv(e.Meta, "SOURCE_DATE_EPOCH="+strconv.FormatInt(epoch, 10))
	s.Own = plant(e.Meta, f.Env)
	f.OpenFiles.set(e.Meta, md)
	e.Meta.Hostname = f.Hostname
	e.Meta.ProxyEnv = nil
	if err := f.mounts(r, op, e); err != nil {
		return err
	}
	e.Network = pb.NetMode_NONE
	if f.Alone && !networked {
		if err := f.mountSalt(r, op, e, salt); err != nil {
			return err
		}
	}
	if networked {
		e.Network = pb.NetMode_HOST
		setEnv(e.Meta, "APT_CONFIG="+mountDir+"/apt.conf")
		trust(e)
		if err := f.mountSalt(r, op, e, salt); err != nil {
			return err
		}
	}
	if md != nil {
		md.IgnoreCache = f.NoCache && !networked
		if md.Description == nil {
			md.Description = map[string]string{}
		}
		md.Description["llb.customname"] = s.Name + " " + s.Command
		if networked {
			if md.Caps == nil {
				md.Caps = map[string]bool{}
			}
			// An older daemon that ignores the proxy must refuse instead of handing the step the host's network.
			md.Caps[string(pb.CapExecMetaNetworkProxy)] = true
			md.Caps[string(pb.CapExecMetaNetwork)] = true
		}
	}
	return nil
}

// mounts empties cache mounts, and where the build is sealed takes secrets and agents away.
func (f Finish) mounts(r *rebuild, op *pb.Op, e *pb.ExecOp) error {
	kept := e.Mounts[:0]
	for _, m := range e.Mounts {
		switch m.MountType {
		case pb.MountType_CACHE:
			m = &pb.Mount{Input: m.Input, Selector: m.Selector, Dest: m.Dest, Output: int64(pb.SkipOutput), MountType: pb.MountType_BIND}
		case pb.MountType_SECRET, pb.MountType_SSH:
			if !f.Sealed {
				break
			}
			blank, err := blank(r, op, m)
			if err != nil {
				return err
			}
			if m = blank; m == nil {
				continue
			}
		}
		kept = append(kept, m)
	}
	e.Mounts = kept
	if f.Sealed {
		blankEnv(e)
	}
	return nil
}

// mountSalt gives the step a read-only folder whose content depends on its slice of the lock.
func (f Finish) mountSalt(r *rebuild, op *pb.Op, e *pb.ExecOp, salt digest.Digest) error {
	folder := &pb.Op{
		Op: &pb.Op_File{File: &pb.FileOp{Actions: []*pb.FileAction{
			mkfile(-1, -1, "/salt", []byte(salt)),
			mkfile(0, -1, "/apt.conf", append([]byte(aptTrust), f.AptConf...)),
			mkfile(1, 0, "/wgetrc", []byte(wgetTrust)),
		}}},
		Platform: op.Platform, Constraints: op.Constraints,
	}
	d, err := r.add(folder, &pb.OpMetadata{
		Description: map[string]string{"llb.customname": "sealed inputs"},
		Caps:        map[string]bool{string(pb.CapFileBase): true},
	}, nil)
	if err != nil {
		return err
	}
	op.Inputs = append(op.Inputs, &pb.Input{Digest: d.String(), Index: 0})
	e.Mounts = append(e.Mounts, &pb.Mount{
		Input: int64(len(op.Inputs) - 1), Dest: mountDir, Output: int64(pb.SkipOutput), Readonly: true, MountType: pb.MountType_BIND,
	})
	return nil
}

// mkfile is one file action: in and out are indices as the file op counts them (-1: nothing).
func mkfile(in, out int64, path string, data []byte) *pb.FileAction {
	return &pb.FileAction{
		Input: in, SecondaryInput: -1, Output: out,
		Action: &pb.FileAction_Mkfile{Mkfile: &pb.FileActionMkFile{Path: path, Mode: 0o444, Data: data, Timestamp: 0}},
	}
}
