package graph

import (
	"context"

	"github.com/containerd/platforms"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"
)

// CanaryStep is the name of the canary's step.
const CanaryStep = "canary"

// Look is how the canary looks at a builder from inside.
type Look struct {
	Platform string
	Image    digest.Digest // holds one static program, /canary
	Args     []string      // of the program: a folder, and addresses that must not be reachable
	// Hostname, Env and OpenFiles are what the builder's steps get (Finish).
	Hostname  string
	Env       []Variable
	OpenFiles *Limit
	// Once is a word that no other look has, so that it is never found in a cache. BuildKit's own "ignore cache" would also empty the
	// mount that carries the certificate, under the steps of other builds (see Finish.Once).
	Once string
	// Carry has it sit behind the builder's proxy, and bring that one's certificate to where networked steps look for it. Without, it
	// has no network.
	Carry bool
}

// Canary is the plan of that step. It is never cached.
func Canary(ctx context.Context, l Look) (*Plan, error) {
	p, err := platforms.Parse(l.Platform)
	if err != nil {
		return nil, err
	}
	root := stored("canary", l.Image, p)
	opts := []llb.RunOption{
		llb.Hostname(l.Hostname), llb.AddEnv("SELFSAME_ONCE", l.Once), llb.WithCustomName(CanaryStep + " measure the builder's surroundings"),
	}
	for _, v := range l.Env {
		opts = append(opts, llb.AddEnv(v.Name, v.Value))
	}
	if l.OpenFiles != nil {
		opts = append(opts, llb.AddUlimit("nofile", l.OpenFiles.Soft, l.OpenFiles.Hard))
	}
	if l.Carry {
		root = root.File(emptyBundle(), llb.WithCustomName("an empty bundle"))
		opts = append(opts, llb.Args(append([]string{"/canary", "carry", bundle, trustDir}, l.Args...)), llb.Network(pb.NetMode_HOST), carriedMount())
	} else {
		opts = append(opts, llb.Args(append([]string{"/canary", "canary"}, l.Args...)), llb.Network(pb.NetMode_NONE))
	}
	def, err := marshal(ctx, root.Run(opts...).Root(), l.Platform)
	if err != nil {
		return nil, err
	}
	behindProxy(def)
	return &Plan{Platform: l.Platform, Definition: def, Steps: []Step{{Name: CanaryStep}}}, nil
}
