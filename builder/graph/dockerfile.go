package graph

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"

	"github.com/containerd/platforms"
	"github.com/distribution/reference"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerui"
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// dockerfile runs BuildKit's own frontend in this process, with our answers to every question it asks.
func (c *compiler) dockerfile(ctx context.Context) error {
	p, err := platforms.Parse(c.in.Platform)
	if err != nil {
		return fmt.Errorf("parsing platform %q: %w", c.in.Platform, err)
	}
	args := map[string]string{}
	for k, v := range c.in.Recipe.Build.Args {
		args[k] = v
	}
	args["SOURCE_DATE_EPOCH"] = strconv.FormatInt(c.in.Epoch.Unix(), 10)
	main := stored("context", c.in.Context, p)
	res, err := dockerfile2llb.Dockerfile2LLB(ctx, c.in.Dockerfile, dockerfile2llb.ConvertOpt{
		Config: dockerui.Config{
			BuildArgs:        args,
			Target:           c.in.Recipe.Build.Target,
			TargetPlatforms:  []ocispecs.Platform{p},
			BuildPlatforms:   []ocispecs.Platform{platforms.DefaultSpec()},
			CacheIDNamespace: "selfsame",
		},
		MainContext:    &main,
		SourceMap:      llb.NewSourceMap(nil, c.in.DockerfileName, "Dockerfile", c.in.Dockerfile),
		MetaResolver:   metaResolver{c},
		TargetPlatform: &p,
		LLBCaps:        nil,
	})
	if err != nil {
		return c.dockerfileError(err)
	}
	if res.BaseImage != nil {
		c.baseLayers = len(res.BaseImage.RootFS.DiffIDs)
	}
	if c.config, err = json.Marshal(res.Image); err != nil {
		return fmt.Errorf("encoding the image configuration: %w", err)
	}
	c.def, err = marshal(ctx, res.State, c.in.Platform)
	return err
}

// dockerfileError gives a syntax error its place.
func (c *compiler) dockerfileError(err error) error {
	if ds := diag.All(err); len(ds) > 0 {
		return err
	}
	d := diag.Errorf("A0301", "reading `%s`: %w", filepath.Base(c.in.DockerfileName), err).
		WithHelp("see the Dockerfile reference, then run `selfsame check`")
	var le *parser.LocationError
	if errors.As(err, &le) && len(le.Locations) > 0 && len(le.Locations[0]) > 0 {
		d = d.WithAt(diag.Position{File: c.in.DockerfileName, Line: le.Locations[0][0].Start.Line}, "")
	}
	return d
}

// metaResolver answers the frontend's questions about images from what Input.Base says.
type metaResolver struct{ c *compiler }

func (m metaResolver) ResolveImageConfig(ctx context.Context, ref string, _ sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return "", "", nil, fmt.Errorf("parsing image reference %q: %w", ref, err)
	}
	full := reference.TagNameOnly(named).String()
	cfg, err := m.c.base(ctx, full)
	if err != nil {
		return "", "", nil, err
	}
	return full, "", cfg, nil
}

// base looks a reference up once and remembers the graph that stands for it. BuildKit asks for all stages' bases at once; they
// wait for each other here, so that Input.Base needs no lock of its own.
func (c *compiler) base(ctx context.Context, ref string) ([]byte, error) {
	c.asking.Lock()
	defer c.asking.Unlock()
	if cfg, ok := c.configs[ref]; ok {
		return cfg, nil
	}
	b, err := c.in.Base(ctx, ref)
	if err != nil {
		return nil, err
	}
	p, err := platforms.Parse(c.in.Platform)
	if err != nil {
		return nil, err
	}
	if c.replaced["docker-image://"+ref], err = marshal(ctx, stored("base", b.Digest, p), c.in.Platform); err != nil {
		return nil, err
	}
	c.images = append(c.images, ref)
	c.configs[ref] = b.Config
	return c.configs[ref], nil
}

// sourceInfo is the file that a graph's places refer to.
func sourceInfo(src *pb.Source, loc *pb.Location) string {
	if src == nil || int(loc.SourceIndex) >= len(src.Infos) {
		return ""
	}
	return src.Infos[loc.SourceIndex].Filename
}
