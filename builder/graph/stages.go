package graph

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/containerd/platforms"
	"github.com/distribution/reference"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/solver/pb"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/recipes"
)

// built is a stage with what its later users must know of it.
type built struct {
	state  llb.State
	config ocispecs.Image
	layers int
}

// stages compiles a recipe that spells its build out.
func (c *compiler) stages(ctx context.Context) error {
	p, err := platforms.Parse(c.in.Platform)
	if err != nil {
		return fmt.Errorf("parsing platform %q: %w", c.in.Platform, err)
	}
	r := c.in.Recipe
	sm := llb.NewSourceMap(nil, r.Path, "YAML", []byte(strings.Join(r.Lines, "\n")))
	s := &stageCompiler{compiler: c, platform: p, sources: sm, done: map[string]built{}}
	var last built
	for i, st := range r.Build.Stages {
		if last, err = s.stage(ctx, i, st); err != nil {
			return err
		}
		s.done[st.Name] = last
	}
	c.baseLayers = last.layers
	img := s.imageConfig(last.config, r.Build.Config)
	if c.config, err = json.Marshal(img); err != nil {
		return fmt.Errorf("encoding the image configuration: %w", err)
	}
	c.def, err = marshal(ctx, last.state, c.in.Platform)
	return err
}

type stageCompiler struct {
	*compiler
	platform ocispecs.Platform
	sources  *llb.SourceMap
	done     map[string]built
}

// at is the place of a field of the recipe, for the graph.
func (s *stageCompiler) at(format string, args ...any) llb.ConstraintsOpt {
	pos := s.in.Recipe.At[fmt.Sprintf(format, args...)]
	line := int32(pos.Line) //nolint:gosec // a recipe has at most 1 MiB
	rng := []*pb.Range{{Start: &pb.Position{Line: line}, End: &pb.Position{Line: line}}}
	return s.sources.Location(rng)
}

func (s *stageCompiler) stage(ctx context.Context, i int, st recipes.Stage) (built, error) {
	b, err := s.from(ctx, st.From)
	if err != nil {
		return built{}, err
	}
	cur := b.state
	for _, k := range slices.Sorted(maps.Keys(st.Env)) {
		cur = cur.AddEnv(k, st.Env[k])
	}
	dir := st.Workdir
	if dir == "" {
		dir = "/"
	}
	if dir != "/" {
		loc := s.at("build.stages[%d].workdir", i)
		cur = cur.File(llb.Mkdir(dir, 0o755, llb.WithParents(true), llb.WithCreatedTime(s.in.Epoch)), loc,
			llb.WithCustomNamef("[%s] workdir %s", st.Name, dir))
	}
	for j, step := range st.Steps {
		if step.Copy != nil {
			cur, err = s.copy(ctx, cur, i, j, *step.Copy, st.Name, dir)
		} else {
			cur = s.run(cur, i, j, step.Run, st, dir)
		}
		if err != nil {
			return built{}, err
		}
	}
	b.state = cur
	return b, nil
}

func (s *stageCompiler) run(cur llb.State, i, j int, script string, st recipes.Stage, dir string) llb.State {
	loc := s.at("build.stages[%d].steps[%d].run", i, j)
	opts := []llb.RunOption{
		llb.Args([]string{"/bin/sh", "-ec", script}), llb.Dir(dir), loc,
		llb.WithCustomNamef("[%s %d/%d] run %s", st.Name, j+1, len(st.Steps), firstLine(script)),
	}
	if st.User != "" {
		opts = append(opts, llb.User(st.User))
	}
	return cur.Run(opts...).Root()
}

func (s *stageCompiler) copy(ctx context.Context, cur llb.State, i, j int, cp recipes.Copy, stage, dir string) (llb.State, error) {
	src, err := s.copySource(ctx, cp.From)
	if err != nil {
		return cur, err
	}
	info := &llb.CopyInfo{
		CreateDestPath: true, AllowWildcard: true, AllowEmptyWildcard: false, FollowSymlinks: true,
		CopyDirContentsOnly: true, CreatedTime: nil,
	}
	if cp.Mode != "" {
		m, err := strconv.ParseUint(cp.Mode, 8, 12)
		if err != nil {
			return cur, fmt.Errorf("parsing mode %q: %w", cp.Mode, err)
		}
		info.Mode = &llb.ChmodOpt{Mode: os.FileMode(m)}
	}
	if err := owner(cp.Owner, info); err != nil {
		return cur, err
	}
	to := cp.To
	if !strings.HasPrefix(to, "/") {
		to = strings.TrimSuffix(dir, "/") + "/" + to
	}
	var action *llb.FileAction
	for _, from := range cp.Sources {
		if action == nil {
			action = llb.Copy(src, from, to, info)
		} else {
			action = action.Copy(src, from, to, info)
		}
	}
	loc := s.at("build.stages[%d].steps[%d].copy", i, j)
	return cur.File(action, loc, llb.WithCustomNamef("[%s %d] copy %s to %s", stage, j+1, strings.Join(cp.Sources, " "), cp.To)), nil
}

func owner(o string, info *llb.CopyInfo) error {
	uid, gid := 0, 0
	if o != "" {
		if _, err := fmt.Sscanf(o, "%d:%d", &uid, &gid); err != nil {
			return fmt.Errorf("parsing owner %q as uid:gid: %w", o, err)
		}
	}
	info.ChownOpt = &llb.ChownOpt{User: &llb.UserOpt{UID: uid}, Group: &llb.UserOpt{UID: gid}}
	return nil
}

func (s *stageCompiler) copySource(ctx context.Context, from string) (llb.State, error) {
	if from == "" {
		return stored("context", s.in.Context, s.platform), nil
	}
	if b, ok := s.done[from]; ok {
		return b.state, nil
	}
	b, err := s.image(ctx, from)
	return b.state, err
}

func (s *stageCompiler) from(ctx context.Context, f recipes.From) (built, error) {
	switch {
	case f.Debian != nil:
		base, err := s.in.DebianBase(ctx, *f.Debian)
		if err != nil {
			return built{}, err
		}
		return fromImage(stored("debian", base.Digest, s.platform), base.Config)
	case f.Name == "scratch":
		return built{state: llb.Scratch(), config: s.empty()}, nil
	}
	if b, ok := s.done[f.Name]; ok {
		return b, nil
	}
	return s.image(ctx, f.Name)
}

func (s *stageCompiler) image(ctx context.Context, name string) (built, error) {
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return built{}, fmt.Errorf("parsing image reference %q: %w", name, err)
	}
	ref := reference.TagNameOnly(named).String()
	cfg, err := s.base(ctx, ref, s.in.Platform)
	if err != nil {
		return built{}, err
	}
	return fromImage(llb.Image(ref, llb.Platform(s.platform)), cfg)
}

// fromImage is a stage that starts as an image: its files, its environment, its configuration.
func fromImage(st llb.State, config []byte) (built, error) {
	b := built{state: st}
	if err := json.Unmarshal(config, &b.config); err != nil {
		return built{}, fmt.Errorf("reading an image's configuration: %w", err)
	}
	b.layers = len(b.config.RootFS.DiffIDs)
	for _, e := range b.config.Config.Env {
		k, v, _ := strings.Cut(e, "=")
		b.state = b.state.AddEnv(k, v)
	}
	return b, nil
}

func (s *stageCompiler) empty() ocispecs.Image {
	var img ocispecs.Image
	img.OS, img.Architecture, img.Variant = s.platform.OS, s.platform.Architecture, s.platform.Variant
	img.RootFS.Type = "layers"
	return img
}

func firstLine(s string) string {
	s = strings.TrimSpace(s)
	if line, _, more := strings.Cut(s, "\n"); more {
		return line + " ..."
	}
	return s
}
