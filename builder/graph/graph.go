// Package graph turns a recipe into the build graph that BuildKit runs (LLB), and checks that the graph is sealed.
//
// The work has two halves. Compile reads the recipe's Dockerfile or stages into a Draft: what the author wrote, as a graph,
// with every step named by its place in the author's file. Draft.Finish then makes the Plan that is really built: sources
// point at the store, steps lose the network unless the lock says what they fetched, and each networked step carries a
// salt, the digest of its slice of the lock, because BuildKit leaves fetched bytes out of its cache key (DESIGN §11).
// Nothing here talks to a daemon, a registry or the disk.
package graph

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/containerd/platforms"
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/recipes"
)

// StoreID names the store in the session; the daemon reads every sealed image through it.
const StoreID = "selfsame"

// Image is a base image that lies in the store.
type Image struct {
	// Digest is the platform manifest's, a blob of the store.
	Digest digest.Digest
	// Config is the OCI image configuration, JSON.
	Config []byte
}

// DebianBase is a root filesystem of Debian packages, unpacked but not yet configured.
type DebianBase struct {
	// Name is what the lock calls the base, such as "debian:trixie".
	Name string
	// Rootfs and Debs are one-layer images in the store: the unpacked packages, and the .deb files themselves under /debs.
	Rootfs, Debs digest.Digest
	// Script configures the packages; it runs with no network and with Debs mounted at /debs.
	Script string
	// Config is the base's image configuration, JSON.
	Config []byte
}

// Input is all that a graph is made of.
type Input struct {
	Recipe   *recipes.Recipe
	Platform string // os/arch[/variant]
	// Dockerfile holds the bytes of the recipe's Dockerfile, DockerfileName its name as the user knows it.
	Dockerfile     []byte
	DockerfileName string
	// Context is the manifest digest of the packed build context in the store.
	Context digest.Digest
	// Base finds what a reference stands for on a platform: Platform, or what the author wrote after `FROM --platform=`. ref is as
	// BuildKit normalises it ("docker.io/library/debian:trixie"). It is called once a reference and platform that the build
	// reaches, one call at a time.
	Base func(ctx context.Context, ref, platform string) (Image, error)
	// DebianBase finds the base of a stage that says `from: {debian: ...}`.
	DebianBase func(ctx context.Context, d recipes.Debian) (Image, error)
	// Git finds the folder in the store that stands for a commit that the build adds: a one-layer image's manifest.
	Git func(ctx context.Context, g Git) (digest.Digest, error)
	// Epoch is SOURCE_DATE_EPOCH.
	Epoch time.Time
}

// Step is one command of the build.
type Step struct {
	// Name identifies the step in the lock: its place in the author's file ("Dockerfile:12"), or its base's name.
	Name string
	// Command is what the author wrote, for people.
	Command string
	// File and Line point at it; Line 0 means that no author's line exists.
	File string
	Line int
	// Networked says that the step may make requests: always while recording, if the lock has entries for it when sealed.
	Networked bool
	// Secrets and SSH are ids of mounts that the step declares; a sealed build has no values for them. Required are those of either
	// kind without which the author says that the step cannot do.
	Secrets, SSH, Required []string
	// EmptyCaches are the targets of cache mounts, which are empty folders in every build.
	EmptyCaches []string
	// Own are variables of Finish.Env that the step has chosen for itself: the planted one's name, and that of the variable by which it
	// did. Finish fills it in.
	Own map[string]string
}

// Draft is the author's graph for one platform, before it is sealed.
type Draft struct {
	Platform string
	Config   []byte // OCI image configuration, JSON
	Steps    []Step
	// Runs are the platforms that steps run on, sorted: more than Platform's own where a stage says `FROM --platform=`, none where
	// nothing is run.
	Runs   []string
	URLs   []Remote // ADD of a URL
	Images []string // normalised references that the build reaches, sorted

	def      *pb.Definition
	replaced map[source]*pb.Definition // image -> graph that stands for it
	names    map[digest.Digest]string  // exec op -> step name
	epoch    time.Time
	layers   int // layers of the base that the image starts from
}

// Remote is a source that the author fetches by address.
type Remote struct {
	URL      string
	Checksum digest.Digest // the author's own, or empty
	Step     string        // place in the author's file
}

// Plan is one platform's build, ready for a daemon.
type Plan struct {
	Platform   string
	Definition *pb.Definition
	Config     []byte
	Steps      []Step
	// Layers says which step made each layer of the image, in order; a base's own layers have an empty step. It is nil
	// when that could not be told.
	Layers []Step
	// Base is the manifest of the image in the store that this one starts from, whose layers it keeps; empty for none.
	Base  digest.Digest
	Epoch time.Time
}

// StepOf finds a step by the vertex name that the daemon reports: each name starts with the step's.
func (p *Plan) StepOf(vertex string) (Step, bool) {
	for _, s := range p.Steps {
		if len(vertex) > len(s.Name) && vertex[:len(s.Name)] == s.Name && vertex[len(s.Name)] == ' ' {
			return s, true
		}
	}
	return Step{}, false
}

// Compile reads the author's build into a Draft.
func Compile(ctx context.Context, in Input) (*Draft, error) {
	c := &compiler{in: in, replaced: map[source]*pb.Definition{}, configs: map[source][]byte{}}
	var err error
	if len(in.Recipe.Build.Stages) > 0 {
		err = c.stages(ctx)
	} else {
		err = c.dockerfile(ctx)
	}
	if err == nil {
		err = c.gits(ctx)
	}
	if err != nil {
		return nil, err
	}
	slices.Sort(c.images)
	d := &Draft{
		Platform: in.Platform, Config: c.config, Images: c.images, layers: c.baseLayers,
		def: c.def, replaced: c.replaced, epoch: in.Epoch,
	}
	if err := d.inspect(); err != nil {
		return nil, fmt.Errorf("reading the build graph: %w", err)
	}
	return d, nil
}

// CompileBase makes the Draft of a Debian base, which is an image of its own: it is built twice and compared before any recipe
// starts from it.
func CompileBase(ctx context.Context, base DebianBase, platform string, epoch time.Time) (*Draft, error) {
	p, err := platforms.Parse(platform)
	if err != nil {
		return nil, fmt.Errorf("parsing platform %q: %w", platform, err)
	}
	def, err := marshal(ctx, base.state(p), platform)
	if err != nil {
		return nil, err
	}
	d := &Draft{Platform: platform, Config: base.Config, def: def, epoch: epoch}
	if err := d.inspect(); err != nil {
		return nil, fmt.Errorf("reading the base's graph: %w", err)
	}
	return d, d.Check()
}

// compiler gathers what the two kinds of recipe produce alike.
type compiler struct {
	in         Input
	def        *pb.Definition
	config     []byte
	replaced   map[source]*pb.Definition
	configs    map[source][]byte
	images     []string
	baseLayers int
	asking     sync.Mutex // held while a base is looked up
}
