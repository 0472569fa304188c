package graph

import (
	"context"
	"fmt"

	"github.com/containerd/platforms"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// stored is an image that the daemon reads from the store through the session.
func stored(name string, d digest.Digest, p ocispecs.Platform) llb.State {
	return llb.OCILayout("selfsame.invalid/"+name+"@"+d.String(), llb.OCIStore("", StoreID), llb.Platform(p),
		llb.WithCustomName(name))
}

// state configures the unpacked packages in one sealed step and copies the result into an empty filesystem, so that the
// image has one layer without what the configuration replaced.
func (d *DebianBase) state(p ocispecs.Platform) llb.State {
	run := stored("debian-rootfs", d.Rootfs, p).Run(
		llb.Args([]string{"/bin/sh", "-ec", d.Script}),
		llb.AddEnv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
		llb.AddEnv("LC_ALL", "C.UTF-8"),
		llb.AddMount("/debs", stored("debian-packages", d.Debs, p), llb.SourcePath("/debs"), llb.Readonly),
		llb.Network(pb.NetMode_NONE),
		llb.WithCustomName(d.Name+" configure the packages"),
	)
	return llb.Scratch().File(
		llb.Copy(run.Root(), "/", "/", &llb.CopyInfo{CopyDirContentsOnly: true, AttemptUnpack: false}),
		llb.WithCustomName(d.Name+" root filesystem"),
	)
}

// marshal makes the definition of a state for this platform.
func marshal(ctx context.Context, st llb.State, platform string) (*pb.Definition, error) {
	p, err := platforms.Parse(platform)
	if err != nil {
		return nil, fmt.Errorf("parsing platform %q: %w", platform, err)
	}
	def, err := st.Marshal(ctx, llb.Platform(p))
	if err != nil {
		return nil, fmt.Errorf("marshalling the graph: %w", err)
	}
	return def.ToPB(), nil
}
