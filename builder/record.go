package builder

import (
	"context"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	digest "github.com/opencontainers/go-digest"
	"github.com/package-url/packageurl-go"

	"github.com/selfsame-build/selfsame/builder/daemon"
	"github.com/selfsame-build/selfsame/builder/graph"
	"github.com/selfsame-build/selfsame/builder/remote"
	"github.com/selfsame-build/selfsame/builder/solver"
	"github.com/selfsame-build/selfsame/inputs"
	"github.com/selfsame-build/selfsame/inputs/debian"
	"github.com/selfsame-build/selfsame/inputs/debian/archive"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/recipes"
	"github.com/selfsame-build/selfsame/recipes/lock"
)

// LockOptions of one recording.
type LockOptions struct {
	Recipe string
	Out    string // the build's output folder, which is no part of the context
	// Upgrade asks upstream again for inputs whose line contains one of the words; the word "*" means all of them.
	Upgrade []string
	// Check only says whether the lock is fresh.
	Check bool
	// Offline makes a lock from what the store has.
	Offline bool
	// Mirror is the Debian mirror to ask; empty: the machine's own.
	Mirror string
	// Links are the in-toto links of source and lock, which are kept beside the lock.
	Links Links
	// Credentials are what steps may use.
	Credentials Credentials
}

// LockResult says what changed.
type LockResult struct {
	Path    string
	Plan    lock.Plan
	Entries int
	Written bool
	// Links are the files of the in-toto links that were signed.
	Links []string
	// Refused are requests that could not be recorded, though no step failed for it.
	Refused diag.List
}

// Lock runs the recipe once behind the recording input server and writes what it read into the lock. It is the only mode
// with a network.
func (h *Host) Lock(ctx context.Context, o LockOptions) (*LockResult, error) {
	return repaired(ctx, h, func() (*LockResult, error) { return h.record(ctx, o) })
}

func (h *Host) record(ctx context.Context, o LockOptions) (*LockResult, error) {
	recipe, err := recipes.Load(o.Recipe)
	if err != nil {
		return nil, err
	}
	path := lockPath(recipe.Path)
	before, err := readLock(recipe)
	if err != nil && (o.Check || !missingLock(err)) {
		return nil, err
	}
	if err != nil {
		before = &lock.Lock{}
	}
	if o.Check {
		return h.checkLock(ctx, recipe, before, o)
	}
	p, entries, err := h.recordSource(ctx, recipe, before, o)
	if err != nil {
		return nil, err
	}
	r := &recorder{h: h, p: p, o: o, before: before, after: &lock.Lock{Header: p.header, Entries: entries}}
	if err := r.run(ctx); err != nil {
		return nil, err
	}
	r.after.Entries = tidy(r.after.Entries)
	res := &LockResult{Path: path, Plan: lock.Diff(before, r.after), Entries: len(r.after.Entries), Refused: r.refused}
	locked := before
	if !res.Plan.Empty() {
		locked, res.Written = r.after, true
		if err := lock.WriteFile(path, r.after); err != nil {
			return res, err
		}
	}
	res.Links, err = h.keepLinks(ctx, o.Links, p, locked.Digest(), true)
	return res, err
}

// recorder is one recording.
type recorder struct {
	h       *Host
	p       *project
	o       LockOptions
	before  *lock.Lock
	after   *lock.Lock
	refused diag.List
	mirrors *debian.Mirrors

	mu sync.Mutex
}

func (r *recorder) run(ctx context.Context) error {
	drafts, err := r.h.drafts(ctx, r.p, r.p.recipe.Platforms, r)
	if err != nil {
		return err
	}
	if err := r.o.Credentials.check(drafts); err != nil {
		return err
	}
	run := stepPlatforms(drafts)
	for _, platform := range r.p.recipe.Platforms {
		if err := r.platform(ctx, platform, drafts[platform], run); err != nil {
			return err
		}
	}
	return nil
}

// platform runs one platform's graph behind a recorder. run are the platforms that the steps of all graphs run on.
func (r *recorder) platform(ctx context.Context, platform string, d *graph.Draft, run []string) error {
	if !networked(d) {
		return nil
	}
	w := r.h.worldRecord()
	spec := w.spec()
	// BuildKit runs a step that two solves have in common once, for both, and its requests would be recorded for one of them.
	spec.Alone = true
	lease, err := r.h.Daemons.Acquire(ctx, spec)
	if err != nil {
		return err
	}
	defer lease.Release()
	server, address, err := r.server(ctx, d, lease)
	if err != nil {
		return err
	}
	defer server.Close()
	t := &twin{label: "record", world: w, lease: lease, server: server, address: address, results: map[string]*solver.Result{}}
	if err := t.connect(ctx, lease.Address, remote.TLS{}); err != nil {
		return err
	}
	defer t.client.Close()
	if err := canRun("record", t.info, run); err != nil {
		return err
	}
	if _, err := r.h.observe(ctx, t, "linux/"+hostArch, true); err != nil {
		return err
	}
	once, err := r.h.word()
	if err != nil {
		return err
	}
	plan, err := d.Finish(graph.Finish{Once: once, Hostname: w.hostname, Env: w.variables()})
	if err != nil {
		return err
	}
	ctx, leave := attend(ctx, t)
	defer leave()
	res, err := t.client.Solve(ctx, solver.Request{
		Plan: plan, Store: r.h.Store.Content(), Convert: r.converter(server, d), Own: server.Owns, Display: r.h.Display.Attempt("record"),
		Credentials: solver.Credentials{
			Secrets: r.o.Credentials.Secrets, Agents: r.o.Credentials.Agents, Hide: r.o.Credentials.values(),
		},
	})
	if err != nil {
		if settle(ctx, t); ctx.Err() != nil {
			return context.Cause(ctx)
		}
		t.results[platform] = res
		return r.stepError(err, t)
	}
	return r.collect(platform, d, server, res)
}

// networked says whether anything in the graph can make a request.
func networked(d *graph.Draft) bool {
	return len(d.URLs) > 0 || slices.ContainsFunc(d.Steps, func(s graph.Step) bool { return s.Networked })
}

// server makes the recording input server, where the builder of the lease reaches it: the address.
func (r *recorder) server(ctx context.Context, d *graph.Draft, lease *daemon.Lease) (*inputs.Server, string, error) {
	token, err := inputs.NewToken(r.h.Random)
	if err != nil {
		return nil, "", err
	}
	opts := inputs.RecorderOptions{Private: r.p.recipe.Record.Private, Mirrors: r.neutral(ctx, d), Now: r.h.Now, Previous: r.kept(),
		Secrets: r.o.Credentials.values()}
	if r.o.Offline {
		opts.Transport, opts.KeepRefusals = offline{}, true
	}
	s, err := inputs.NewRecorder(r.h.Store, token, opts)
	if err != nil {
		return nil, "", err
	}
	ln, err := lease.Listen(ctx)
	if err != nil {
		return nil, "", err
	}
	return s, ln.Addr().String(), s.Start(ln, "")
}

// kept are the responses of the old lock that need not be asked for again.
func (r *recorder) kept() []lock.Entry {
	var out []lock.Entry
	for _, e := range r.before.Entries {
		if (e.Kind == lock.KindResponse || e.Kind == lock.KindHTTP) && !r.upgrades(e) && r.h.Store.Has(e.Digest) {
			out = append(out, e)
		}
	}
	return out
}

// upgrades says whether the user asked to look for a newer one of this input.
func (r *recorder) upgrades(e lock.Entry) bool { return r.o.upgrades(e) }

func (o LockOptions) upgrades(e lock.Entry) bool {
	return slices.ContainsFunc(o.Upgrade, func(w string) bool {
		return w == "*" || strings.Contains(e.Key, w) || strings.Contains(e.PURL, w)
	})
}

// recordSource packs the source: the folder as it is, or the commit that the lock names already or that the reference now stands for.
func (h *Host) recordSource(ctx context.Context, r *recipes.Recipe, before *lock.Lock, o LockOptions) (*project, []lock.Entry, error) {
	if r.Source.Git == "" {
		p, err := h.open(ctx, r, o.Links, o.Out)
		return p, nil, err
	}
	e, ok := before.Find(lock.KindGit, "", sourceGit(r).Key())
	if ok = ok && !o.upgrades(e); ok && before.Header.Recipe == r.Digest() && h.hasSource(e, before.Header) {
		p, err := h.locked(ctx, r, before, true)
		e.Step = sourceGit(r).Step
		return p, []lock.Entry{e}, err
	}
	if o.Offline {
		return nil, nil, diag.Errorf("A0338", "the source is not in the store").WithHelp("run `selfsame lock` without --offline")
	}
	at := ""
	if ok {
		at = commitOf(e)
	}
	p, e, err := h.cloned(ctx, r, at)
	return p, []lock.Entry{e}, err
}

// missingLock says whether there is no lock at all.
func missingLock(err error) bool {
	return slices.ContainsFunc(diag.All(err), func(d *diag.Diagnostic) bool { return d.Code == "A0201" })
}

// converter sends a step's requests and the build's own ADDs to the server.
func (r *recorder) converter(s *inputs.Server, d *graph.Draft) func(string) (string, bool) {
	return func(id string) (string, bool) {
		if slices.ContainsFunc(d.URLs, func(u graph.Remote) bool { return u.URL == id }) {
			return s.SourceURL(id)
		}
		return s.ConvertURL(id)
	}
}

// image finds a base image upstream, unless the old lock has it.
func (r *recorder) image(ctx context.Context, ref, platform string) (graph.Image, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e, ok := r.before.Find(lock.KindImage, platform, ref)
	if !ok || r.upgrades(e) || !r.h.Store.Has(e.Digest) {
		if r.o.Offline {
			return graph.Image{}, diag.Errorf("A0338", "image `%s` is not in the store", ref).WithHelp("run `selfsame lock` without --offline")
		}
		r.h.notice("resolving %s for %s", ref, platform)
		var err error
		if e, err = r.copyImage(ctx, ref, platform); err != nil {
			return graph.Image{}, err
		}
	}
	r.after.Entries = append(r.after.Entries, e)
	cfg, err := r.h.imageConfig(e.Digest)
	return graph.Image{Digest: e.Digest, Config: cfg}, err
}

// copyImage brings one platform of an image into the store.
func (r *recorder) copyImage(ctx context.Context, ref, platform string) (lock.Entry, error) {
	img, err := r.h.Registry.ResolveImage(ctx, ref, platform)
	if err != nil {
		return lock.Entry{}, err
	}
	if _, err := r.h.Registry.CopyTo(ctx, ref, platform, sink{r.h.Store}); err != nil {
		return lock.Entry{}, err
	}
	return lock.Entry{
		Kind: lock.KindImage, Platform: platform, Digest: img.Manifest.Digest, Size: img.Manifest.Size, Key: ref,
		PURL: imagePURL(img.Repository.Name(), img.Tag, img.Manifest.Digest),
	}, nil
}

// imagePURL names an image with the repository that it is from: two of one short name are two images.
//
//	> repository_url: A repository URL where the artifact may be found, but not intended as the only location. (purl-spec, oci)
func imagePURL(repository, tag string, d digest.Digest) string {
	q := map[string]string{"repository_url": repository}
	if tag != "" {
		q["tag"] = tag
	}
	name := strings.ToLower(path.Base(repository))
	return packageurl.NewPackageURL(packageurl.TypeOCI, "", name, d.String(), packageurl.QualifiersFromMap(q), "").ToString()
}

// debian chooses a base's packages, unless the old lock has them.
func (r *recorder) debian(ctx context.Context, d recipes.Debian, platform string) (graph.Image, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	name := baseName(d)
	entries := r.before.Step(platform, name)
	if len(entries) == 0 || slices.ContainsFunc(entries, r.upgrades) || slices.ContainsFunc(entries, func(e lock.Entry) bool { return !r.h.Store.Has(e.Digest) }) {
		var err error
		if entries, err = r.resolveDebian(ctx, d, platform, name, entries); err != nil {
			return graph.Image{}, err
		}
	}
	r.after.Entries = append(r.after.Entries, entries...)
	return r.h.provenBase(ctx, r.p.epoch, d, platform, entries, baseOptions{})
}

func (r *recorder) resolveDebian(ctx context.Context, d recipes.Debian, platform, name string, previous []lock.Entry) ([]lock.Entry, error) {
	if r.o.Offline {
		return nil, diag.Errorf("A0338", "Debian base `%s` is not in the store", name).WithHelp("run `selfsame lock` without --offline")
	}
	m, err := r.mirrorsFor(ctx, d)
	if err != nil {
		return nil, err
	}
	_, entries, err := debian.Resolve(ctx, debian.HTTP{Client: &http.Client{Transport: r.h.HTTP}}, r.h.Store, debian.Options{
		Spec: d, Step: name, Arch: debian.Arch(platform), Platform: platform, Mirrors: m, Keyring: archive.DebianKeyring(),
		Now: r.h.Now(), Previous: previous,
		OnFetch: func(pkg string, done, total int) {
			if done == total || done%25 == 0 {
				r.h.notice("%s: %d of %d packages (%s)", name, done, total, pkg)
			}
		},
	})
	return entries, err
}

// mirrorPatience is how long a recipe without Debian bases waits for the machine's mirrors to answer. Only an image that was made from
// such a base elsewhere may need them, and a machine that cannot reach a mirror must not wait for one at each lock.
const mirrorPatience = 10 * time.Second

// neutral maps Debian's neutral addresses to the mirror to ask, if the graph may need it and one is known.
func (r *recorder) neutral(ctx context.Context, d *graph.Draft) map[string]string {
	if !slices.ContainsFunc(r.after.Entries, func(e lock.Entry) bool { return e.Kind == lock.KindRelease }) {
		if len(d.Images) == 0 {
			return nil
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, mirrorPatience)
		defer cancel()
	}
	m, err := r.debianMirrors(ctx)
	if err != nil {
		return nil
	}
	return map[string]string{
		"http://" + debian.InvalidHost + "/debian/": m.Main + "/", "http://" + debian.InvalidHost + "/debian-security/": m.Security + "/",
	}
}

// mirrorsFor is the mirror to ask for a base: the flag's, else the recipe's, else the machine's own.
func (r *recorder) mirrorsFor(ctx context.Context, d recipes.Debian) (debian.Mirrors, error) {
	if d.Mirror != "" && r.o.Mirror == "" {
		return debian.MirrorsAt(d.Mirror)
	}
	return r.debianMirrors(ctx)
}

// debianMirrors is the mirror to ask: the flag's, else the machine's own.
func (r *recorder) debianMirrors(ctx context.Context) (debian.Mirrors, error) {
	if r.mirrors != nil {
		return *r.mirrors, nil
	}
	var m debian.Mirrors
	var err error
	if r.o.Mirror != "" {
		m, err = debian.MirrorsAt(r.o.Mirror)
	} else {
		m, err = r.h.Mirrors(ctx)
	}
	if err != nil {
		return m, fmt.Errorf("finding a Debian mirror: %w", err)
	}
	r.mirrors = &m
	return m, nil
}

// tidy drops lines that several stages made alike.
func tidy(entries []lock.Entry) []lock.Entry {
	seen := map[lock.Entry]bool{}
	return slices.DeleteFunc(entries, func(e lock.Entry) bool {
		dup := seen[e]
		seen[e] = true
		return dup
	})
}
