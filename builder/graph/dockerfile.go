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
	// $BUILDPLATFORM is the recipe's first platform and not the machine's own, which would make one recipe mean another build on
	// another machine.
	buildPlatform, err := platforms.Parse(c.in.Recipe.Platforms[0])
	if err != nil {
		return fmt.Errorf("parsing platform %q: %w", c.in.Recipe.Platforms[0], err)
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
			BuildPlatforms:   []ocispecs.Platform{buildPlatform},
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

func (m metaResolver) ResolveImageConfig(ctx context.Context, ref string, opt sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return "", "", nil, fmt.Errorf("parsing image reference %q: %w", ref, err)
	}
	full := reference.TagNameOnly(named).String()
	platform := m.c.in.Platform
	if opt.ImageOpt != nil && opt.ImageOpt.Platform != nil {
		platform = platforms.Format(platforms.Normalize(*opt.ImageOpt.Platform))
	}
	cfg, err := m.c.base(ctx, full, platform)
	if err != nil {
		return "", "", nil, err
	}
	return full, "", cfg, nil
}

// source is an image as the author's graph names it: one reference is another image on another platform.
type source struct{ id, platform string }

// imageSource is the image ref on a platform.
func imageSource(ref, platform string) source { return source{"docker-image://" + ref, platform} }

// base looks a reference up once for each platform and remembers the graph that stands for it. BuildKit asks for all stages' bases
// at once; they wait for each other here, so that Input.Base needs no lock of its own.
func (c *compiler) base(ctx context.Context, ref, platform string) ([]byte, error) {
	c.asking.Lock()
	defer c.asking.Unlock()
	src := imageSource(ref, platform)
	if cfg, ok := c.configs[src]; ok {
		return cfg, nil
	}
	b, err := c.in.Base(ctx, ref, platform)
	if err != nil {
		return nil, err
	}
	p, err := platforms.Parse(platform)
	if err != nil {
		return nil, err
	}
	if c.replaced[src], err = marshal(ctx, stored("base", b.Digest, p), platform); err != nil {
		return nil, err
	}
	c.images = append(c.images, ref)
	c.configs[src] = b.Config
	return b.Config, nil
}

// sourceInfo is the file that a graph's places refer to.
func sourceInfo(src *pb.Source, loc *pb.Location) string {
	if src == nil || int(loc.SourceIndex) >= len(src.Infos) {
		return ""
	}
	return src.Infos[loc.SourceIndex].Filename
}
