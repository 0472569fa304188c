package builder

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/selfsame-build/selfsame/builder/graph"
	"github.com/selfsame-build/selfsame/builder/remote"
	"github.com/selfsame-build/selfsame/compare"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/recipes"
	"github.com/selfsame-build/selfsame/recipes/lock"
	"github.com/selfsame-build/selfsame/report"
	"github.com/selfsame-build/selfsame/signing"
)

// Options of one build.
type Options struct {
	Recipe    string   // a file or a folder
	Out       string   // folder that gets "image" (an OCI layout), or on a mismatch "A" and "B"
	Platforms []string // a subset of the recipe's; empty: all
	NoCache   bool     // run every step
	Offline   bool     // do not fetch locked bytes that the store lacks
	// BuilderA and BuilderB are addresses of BuildKit daemons to use instead of our own (unix://, ssh:// or tcp://).
	BuilderA, BuilderB string
	// BuilderTLS is for those at tcp://.
	BuilderTLS remote.TLS
	// Push is the repository (with or without a tag) that gets the image; empty: none.
	Push string
	// Seal is the repository that gets the sealed inputs: "same", a name, or "none" (the default).
	Seal string
	// SealSecrets seals also what looks like a secret.
	SealSecrets bool
	// From repeats a published image's build (REPOSITORY@sha256:...) instead of building Recipe; FromKeys must have signed its
	// provenance, if there are any.
	From     string
	FromKeys []*signing.Verifier
	// Explain says how far a difference is looked into.
	Explain Depth
	// Signer gives what signs the evidence, and is asked for it once there is evidence; nil leaves it unsigned.
	Signer func() (*signing.Signer, error)
	// Links are the in-toto links of the build's steps, and where earlier ones lie.
	Links Links
}

// Depth is how far a difference is looked into.
type Depth int

// The depths. Quick looks for the guilty step and tries remedies for as long as quickTime; Full also runs the experiment, however long it
// takes.
const (
	Quick Depth = iota
	Full
)

// Result of a build that took place, reproducible or not.
type Result struct {
	Report report.Result
	// Mended is the author's file with the remedy that was verified; nil: there is none.
	Mended *Mended
	// Err is what the report's verdict amounts to: nil, or the diagnostic that carries exit 13.
	Err error
}

// Mended is a file of the author's with a remedy in it.
type Mended struct {
	Path     string // the file on disk
	Old, New []byte
}

// Build builds the recipe twice and, if both are the same, writes the image with its evidence. A build that failed because of
// damage in the store is repeated once, with what was damaged fetched anew.
func (h *Host) Build(ctx context.Context, o Options) (*Result, error) {
	return repaired(ctx, h, func() (*Result, error) { return h.build(ctx, o) })
}

func (h *Host) build(ctx context.Context, o Options) (*Result, error) {
	started := h.Now()
	p, l, from, err := h.inputs(ctx, o)
	if err != nil {
		return nil, err
	}
	if err := o.destinations(p.recipe); err != nil {
		return nil, err
	}
	platforms, err := choosePlatforms(p.recipe.Platforms, o.Platforms)
	if from != nil {
		platforms, err = from.choose(o.Platforms)
	}
	if err != nil {
		return nil, err
	}
	if err := h.haveInputs(ctx, p, l, o.Offline); err != nil {
		return nil, err
	}
	if o.Seal != "" && !o.SealSecrets {
		if err := h.checkSeal(ctx, p, l); err != nil {
			return nil, err
		}
	}
	drafts, err := h.drafts(ctx, p, platforms, &lockResolver{h: h, p: p, lock: l, again: o.NoCache})
	if err != nil {
		return nil, err
	}
	work, err := newWorkDir(o.Out)
	if err != nil {
		return nil, err
	}
	defer work.close()
	run := &twinRun{
		host: h, lock: l, drafts: drafts, exports: h.exports(p.recipe.Output.Compression), opt: o, work: work.path,
		subject: &subject{project: p, name: o.imageName(p.recipe), lock: l.Entries},
	}
	defer run.close()
	if err := run.build(ctx); err != nil {
		return nil, err
	}
	proof, reports, err := run.prove(ctx)
	if err != nil {
		return nil, err
	}
	b := &build{host: h, opt: o, project: p, lock: l, run: run, reports: reports, started: started, from: from}
	switch {
	case !proof.Valid():
		return b.mismatch(ctx)
	case o.Explain == Full:
		return &Result{Report: b.agreement()}, nil
	}
	return b.publish(ctx, proof)
}

// build is a build whose twins have run.
type build struct {
	host    *Host
	opt     Options
	project *project
	lock    *lock.Lock
	run     *twinRun
	reports []compare.Report
	started time.Time
	from    *restored       // nil: built from a recipe on disk
	tries   int             // runs of remedies so far
	tried   map[string]bool // changed instructions and files that were built
	control *shape          // what the unchanged step makes; nil: not built alone so far
}

// inputs are a recipe and its lock: from disk, or those of a published image.
func (h *Host) inputs(ctx context.Context, o Options) (*project, *lock.Lock, *restored, error) {
	if o.From != "" {
		r, err := h.restore(ctx, o.From, o.FromKeys)
		if err != nil {
			return nil, nil, nil, err
		}
		return r.project, r.lock, r, nil
	}
	r, err := recipes.Load(o.Recipe)
	if err != nil {
		return nil, nil, nil, err
	}
	if r.Source.Git != "" {
		l, err := readLock(r)
		if err == nil {
			err = stale(lockPath(r.Path), l.Header, ofCommit(r, l))
		}
		if err != nil {
			return nil, nil, nil, err
		}
		p, err := h.locked(ctx, r, l, o.Offline)
		return p, l, nil, err
	}
	p, err := h.open(ctx, r, o.Links, o.Out)
	if err != nil {
		return nil, nil, nil, err
	}
	l, err := readLock(r)
	if err == nil {
		err = stale(lockPath(r.Path), l.Header, p.header)
	}
	return p, l, nil, err
}

// ofCommit is what the lock of a recipe whose source is a commit must have been made for: the commit's own files are what it names.
func ofCommit(r *recipes.Recipe, l *lock.Lock) lock.Header {
	return lock.Header{Recipe: r.Digest(), Dockerfile: l.Header.Dockerfile, Dockerignore: l.Header.Dockerignore, Frontend: frontendVersion}
}

// readLock reads the recipe's lock.
func readLock(r *recipes.Recipe) (*lock.Lock, error) {
	path := lockPath(r.Path)
	l, err := lock.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, diag.Errorf("A0201", "there is no `%s`", path).
			WithWhy("a build only reads inputs that a lock names").WithHelp("run `selfsame lock`")
	}
	return l, err
}

// drafts compiles every platform's graph.
func (h *Host) drafts(ctx context.Context, p *project, platforms []string, res resolver) (map[string]*graph.Draft, error) {
	if err := h.runnable(ctx, p, platforms, res); err != nil {
		return nil, err
	}
	out := map[string]*graph.Draft{}
	for _, pl := range platforms {
		d, err := h.compile(ctx, p, pl, res)
		if err != nil {
			return nil, err
		}
		for _, s := range d.Steps {
			h.warnOf(s)
		}
		out[pl] = d
	}
	return out, nil
}

// warnOf tells what a step declares and a sealed build does not give it.
func (h *Host) warnOf(s graph.Step) {
	at := diag.Position{File: s.File, Line: s.Line}
	for _, c := range s.EmptyCaches {
		h.warn(diag.Warnf("A0313", "the cache mount at `%s` is an empty folder", c).WithAt(at, "").
			WithWhy("what an earlier build left behind is an input that no lock names"))
	}
}
