package graph

import (
	"fmt"
	"strings"

	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// Hermetic proves from the final graph, whatever made it, that a build of it reaches sealed bytes and nothing else:
// every source is content-addressed, and every step either has no network or sits behind the proxy with a salt.
// It is the last thing between a graph and a daemon.
func Hermetic(def *pb.Definition) error {
	var list diag.List
	for _, dt := range def.Def {
		var op pb.Op
		if err := op.Unmarshal(dt); err != nil {
			return fmt.Errorf("decoding an op: %w", err)
		}
		md := def.Metadata[digest.FromBytes(dt).String()]
		var fault string
		switch o := op.Op.(type) {
		case *pb.Op_Source:
			fault = sourceFault(o.Source)
		case *pb.Op_Exec:
			fault = execFault(o.Exec, md)
		case *pb.Op_Build:
			fault = "the graph holds a nested build"
		}
		if fault != "" {
			name := md.GetDescription()["llb.customname"]
			list = append(list, diag.Errorf("A0306", "the build is not sealed: %s (%s)", fault, name).
				WithHelp("run `selfsame lock`, then build again"))
		}
	}
	return list.Err()
}

func sourceFault(s *pb.SourceOp) string {
	switch id := s.Identifier; {
	case strings.HasPrefix(id, "oci-layout://"):
		_, d, ok := strings.Cut(id, "@")
		if !ok || digest.Digest(d).Validate() != nil || s.Attrs[pb.AttrOCILayoutStoreID] != StoreID {
			return fmt.Sprintf("`%s` is not an image of the store", id)
		}
	case strings.HasPrefix(id, "http://"), strings.HasPrefix(id, "https://"):
		if digest.Digest(s.Attrs[pb.AttrHTTPChecksum]).Validate() != nil {
			return fmt.Sprintf("`%s` has no checksum", id)
		}
	default:
		return fmt.Sprintf("`%s` cannot be sealed", id)
	}
	return ""
}

func execFault(e *pb.ExecOp, md *pb.OpMetadata) string {
	switch {
	case e.Security != pb.SecurityMode_SANDBOX:
		return "a step is privileged"
	case len(e.CdiDevices) > 0:
		return "a step uses a device"
	case len(e.Secretenv) > 0:
		return "a step reads a secret"
	}
	salted := false
	for _, m := range e.Mounts {
		if isTrust(m) {
			continue
		}
		switch m.MountType {
		case pb.MountType_SECRET, pb.MountType_SSH, pb.MountType_CACHE:
			return fmt.Sprintf("a step mounts %s at %s", strings.ToLower(m.MountType.String()), m.Dest)
		}
		salted = salted || (m.Dest == mountDir && m.Readonly)
	}
	switch e.Network {
	case pb.NetMode_NONE:
		return ""
	case pb.NetMode_HOST:
		if !salted {
			return "a step with network has no salt"
		}
		if !md.GetCaps()[string(pb.CapExecMetaNetworkProxy)] {
			return "a step with network does not demand the proxy"
		}
		return ""
	default:
		return "a step has the sandbox's network"
	}
}
