package builder

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/builder/graph"
	"github.com/selfsame-build/selfsame/inputs/source"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/recipes"
	"github.com/selfsame-build/selfsame/recipes/lock"
)

// frontendVersion names the Dockerfile frontend that is linked in; it is part of what a lock binds.
const frontendVersion = "dockerfile.v0@" + BuildKitVersion

// BuildKitVersion is the module version of client, frontend and daemon; a test holds it to go.mod.
const BuildKitVersion = "v0.34.2"

// project is a recipe with everything local that its build reads: the first thing that both modes make.
type project struct {
	recipe     *recipes.Recipe
	dockerfile []byte
	ignore     []byte
	header     lock.Header
	epoch      time.Time
	context    source.Context
	// recipeBytes and recipePath are the recipe file, for the evidence.
	recipeBytes []byte
	paths       map[string]digest.Digest // packed folders of path contexts, by normalised name
}

// open loads a recipe whose source is a folder, and packs its context.
func (h *Host) open(ctx context.Context, r *recipes.Recipe, links Links, exclude ...string) (*project, error) {
	p, err := newProject(r)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(r.Dir, r.Source.Path)
	if err := p.readDockerfile(dir); err != nil {
		return nil, err
	}
	if p.epoch, err = epoch(ctx, r, dir); err != nil {
		return nil, err
	}
	exclude = append(append(exclude, relative(dir, lockPath(r.Path))...), links.exclude(dir, r.Path)...)
	exclude = append(exclude, h.private(dir)...)
	opts := source.Options{Dir: dir, Epoch: p.epoch, Ignore: p.ignore, Exclude: exclude}
	if p.context, err = source.Pack(ctx, h.Store, opts); err != nil {
		return nil, err
	}
	h.warnSource(p.context, dir)
	return p, h.finish(ctx, p)
}

// newProject begins with the recipe's own bytes.
func newProject(r *recipes.Recipe) (*project, error) {
	data, err := os.ReadFile(r.Path)
	if err != nil {
		return nil, fmt.Errorf("reading the recipe again: %w", err)
	}
	return &project{recipe: r, recipeBytes: data, paths: map[string]digest.Digest{}}, nil
}

// finish packs the other contexts, and says what a lock must have been made for.
func (h *Host) finish(ctx context.Context, p *project) error {
	if err := h.packContexts(ctx, p); err != nil {
		return err
	}
	p.header = lock.Header{Recipe: p.recipe.Digest(), Frontend: frontendVersion}
	if p.dockerfile != nil {
		p.header.Dockerfile = digest.FromBytes(p.dockerfile)
	}
	if p.ignore != nil {
		p.header.Dockerignore = digest.FromBytes(p.ignore)
	}
	return nil
}

// relative gives path as a list for Options.Exclude: empty when it does not lie below dir.
// private are the machine's private files as far as they lie below dir.
func (h *Host) private(dir string) []string {
	var out []string
	for _, path := range h.Private {
		out = append(out, relative(dir, path)...)
	}
	return out
}

func relative(dir, path string) []string {
	absDir, err1 := filepath.Abs(dir)
	abs, err2 := filepath.Abs(path)
	if err1 != nil || err2 != nil {
		return nil
	}
	rel, err := filepath.Rel(absDir, abs)
	if err != nil || strings.HasPrefix(rel, "..") {
		return nil
	}
	return []string{filepath.ToSlash(rel)}
}

func (p *project) readDockerfile(dir string) error {
	name := p.recipe.Build.Dockerfile
	var err error
	if name != "" {
		if p.dockerfile, err = ReadDockerfile(dir, name); err != nil {
			at, text := p.recipe.Where("build.dockerfile")
			return diag.Errorf("A0301", "reading `%s`: %w", filepath.Join(dir, name), err).WithAt(at, text).
				WithHelp("correct `dockerfile:` in the recipe")
		}
	}
	_, p.ignore, err = source.ReadIgnore(dir, name)
	return err
}

// maxDockerfile is the most bytes of a Dockerfile.
const maxDockerfile = 16 << 20

// ReadDockerfile reads the regular file name below the source dir. Links are followed within dir only: what lies outside is no
// part of the source.
func ReadDockerfile(dir, name string) ([]byte, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	f, err := root.OpenFile(filepath.FromSlash(name), os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe must not make us wait
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		return nil, errors.Join(err, errors.New("it is no regular file"))
	}
	data, err := io.ReadAll(io.LimitReader(f, maxDockerfile+1))
	if err == nil && len(data) > maxDockerfile {
		err = fmt.Errorf("it has more than %d bytes", maxDockerfile)
	}
	return data, err
}

// epoch is the time that the image bears.
func epoch(ctx context.Context, r *recipes.Recipe, dir string) (time.Time, error) {
	if !r.Epoch.FromSource {
		return time.Unix(r.Epoch.Seconds, 0).UTC(), nil
	}
	t, err := source.Epoch(ctx, "", dir)
	if err != nil {
		return t, diag.Errorf("A0311", "`epoch: source` needs a git commit: %w", err).WithAt(r.At["epoch"], "").
			WithHelp("commit the source, or write `epoch: 1700000000` in the recipe")
	}
	return t.UTC(), nil
}

func (h *Host) packContexts(ctx context.Context, p *project) error {
	for name, c := range p.recipe.Build.Contexts {
		if c.Path == "" {
			continue
		}
		dir := filepath.Join(p.recipe.Dir, c.Path)
		packed, err := source.Pack(ctx, h.Store, source.Options{Dir: dir, Epoch: p.epoch, Exclude: h.private(dir)})
		if err != nil {
			return fmt.Errorf("packing context `%s`: %w", name, err)
		}
		ref, err := normalise(name)
		if err != nil {
			return err
		}
		p.paths[ref] = packed.Descriptor.Digest
	}
	return nil
}

// normalise writes a name as BuildKit does when it meets it after FROM.
func normalise(name string) (string, error) {
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return "", fmt.Errorf("parsing `%s` as an image name: %w", name, err)
	}
	return reference.TagNameOnly(named).String(), nil
}

// named finds what the recipe's contexts say of a reference.
func (p *project) named(ref string) (string, recipes.Context, bool) {
	for name, c := range p.recipe.Build.Contexts {
		if n, err := normalise(name); err == nil && n == ref {
			return name, c, true
		}
	}
	return "", recipes.Context{}, false
}

// resolver answers a graph's questions about bases; record and build have one each.
type resolver interface {
	image(ctx context.Context, ref, platform string) (graph.Image, error)
	debian(ctx context.Context, d recipes.Debian, platform string) (graph.Image, error)
	git(ctx context.Context, g graph.Git) (digest.Digest, error)
}

// compile makes the draft for one platform.
func (h *Host) compile(ctx context.Context, p *project, platform string, res resolver) (*graph.Draft, error) {
	used := map[string]bool{}
	d, err := graph.Compile(ctx, graph.Input{
		Recipe: p.recipe, Platform: platform, Epoch: p.epoch, Context: p.context.Descriptor.Digest,
		Dockerfile: p.dockerfile, DockerfileName: filepath.Join(p.recipe.Dir, p.recipe.Source.Path, p.recipe.Build.Dockerfile),
		Base: func(ctx context.Context, ref, platform string) (graph.Image, error) {
			name, c, ok := p.named(ref)
			used[name] = ok
			switch {
			case ok && c.Debian != nil:
				return res.debian(ctx, *c.Debian, platform)
			case ok && c.Path != "":
				return h.pathBase(p.paths[ref])
			case ok:
				ref = c.Image
			}
			return res.image(ctx, ref, platform)
		},
		Git: res.git,
		DebianBase: func(ctx context.Context, d recipes.Debian) (graph.Image, error) {
			return res.debian(ctx, d, platform)
		},
	})
	if err != nil {
		return nil, err
	}
	for name := range p.recipe.Build.Contexts {
		if !used[name] {
			return nil, diag.Errorf("A0312", "nothing in the build uses context `%s`", name).
				WithAt(p.recipe.At["build.contexts."+name], "").
				WithHelp("remove it, or use the name after FROM or in COPY --from")
		}
	}
	return d, d.Check()
}

// pathBase is a packed folder as an image.
func (h *Host) pathBase(manifest digest.Digest) (graph.Image, error) {
	cfg, err := h.imageConfig(manifest)
	return graph.Image{Digest: manifest, Config: cfg}, err
}

// imageConfig reads the configuration of an image in the store.
func (h *Host) imageConfig(manifest digest.Digest) ([]byte, error) {
	var m struct {
		Config struct {
			Digest digest.Digest `json:"digest"`
		} `json:"config"`
	}
	data, err := h.blob(manifest, 4<<20)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("reading manifest %s: %w", manifest, err)
	}
	return h.blob(m.Config.Digest, 8<<20)
}
