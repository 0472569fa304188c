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

// Canary is the plan of the step that looks at a builder from inside: image holds one static program, argv is its command
// line. It is never cached.
func Canary(ctx context.Context, platform string, image digest.Digest, argv []string, hostname string, env string) (*Plan, error) {
	p, err := platforms.Parse(platform)
	if err != nil {
		return nil, err
	}
	st := stored("canary", image, p).Run(
		llb.Args(argv), llb.Network(pb.NetMode_NONE), llb.Hostname(hostname), llb.IgnoreCache,
		llb.AddEnv("SELFSAME_CANARY", env), llb.WithCustomName(CanaryStep+" measure the builder's surroundings"),
	).Root()
	def, err := marshal(ctx, st, platform)
	if err != nil {
		return nil, err
	}
	return &Plan{Platform: platform, Definition: def, Steps: []Step{{Name: CanaryStep}}}, nil
}
