package debian

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/selfsame-build/selfsame/inputs/debian/archive"
	"github.com/selfsame-build/selfsame/inputs/debian/solve"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/recipes"
	"github.com/selfsame-build/selfsame/recipes/lock"
)

// parallel downloads at a time; more makes small resolvers drop queries.
const parallel = 8

// always is in every base: without apt and the certificates no later step could add anything.
var always = []string{"apt", "ca-certificates"}

// prefer names alternatives taken before earlier ones. bookworm's essential set depends on "usrmerge | usr-is-merged":
// the first converts a running system and drags perl modules in, the second only states what Assemble lays out already
// (debootstrap chooses the same).
var prefer = []string{"usr-is-merged"}

// Resolve asks the mirrors for the suite, its -updates and its -security, chooses the packages, and puts all that it read
// into the store. The entries are the lines of the lock: the InReleases, the indexes and the packages, each with what
// vouches for it. Their keys are addresses below ImageMirrors(o.Spec).
//
// Failures that a user can mend are diagnostics, A0710 to A0720; one about a package that does not exist has a
// *solve.UnknownPackageError as its Cause, which names it, so that the caller can point at its place in the recipe.
func Resolve(ctx context.Context, f Fetcher, store Store, o Options) (Base, []lock.Entry, error) {
	r, err := newResolver(f, store, o)
	if err != nil {
		return Base{}, nil, err
	}
	suites, err := r.suites(ctx)
	if err != nil {
		return Base{}, nil, err
	}
	universe, err := r.indexes(ctx, suites)
	if err != nil {
		return Base{}, nil, err
	}
	chosen, err := universe.Solve(solve.Wish{Always: always, Requested: o.Spec.Packages, Prefer: prefer})
	if err != nil {
		return Base{}, nil, unsolved(err, o.Spec)
	}
	if err := r.debs(ctx, chosen); err != nil {
		return Base{}, nil, err
	}
	return r.base(suites, chosen), r.entries(suites, chosen), nil
}

// resolver holds what stays the same during one Resolve.
type resolver struct {
	Options
	fetch  fetcher
	store  Store
	image  Mirrors
	origin []origin // by the numbers that the universe knows
}

// origin is where an index came from.
type origin struct {
	suite *suite
	index *index
}

func newResolver(f Fetcher, store Store, o Options) (*resolver, error) {
	image, err := ImageMirrors(o.Spec)
	if err != nil {
		return nil, err
	}
	if o.Mirrors.Main == "" {
		if o.Spec.Mirror == "" {
			return nil, diag.Errorf(codeNoMirror, "no Debian mirror is known").WithHelp("selfsame lock --debian-mirror http://HOST/debian")
		}
		o.Mirrors = image
	}
	actual, err := MirrorsAt(o.Mirrors.Main)
	if err != nil {
		return nil, err
	}
	if o.Mirrors.Security != "" {
		actual.Security = strings.TrimRight(o.Mirrors.Security, "/")
	}
	o.Mirrors = actual
	return &resolver{Options: o, fetch: fetcher{f, o.Wait}, store: store, image: image}, nil
}

// codenames are the suites that belong to one: unstable has neither updates nor security of its own.
func codenames(suite string) []string {
	if suite == "sid" {
		return []string{suite}
	}
	return []string{suite, suite + "-updates", suite + "-security"}
}

// indexes fetches every suite's package indexes and reads them into one universe, the suites in order.
func (r *resolver) indexes(ctx context.Context, suites []*suite) (*solve.Universe, error) {
	g, gctx := errgroup.WithContext(ctx)
	for _, s := range suites {
		for _, i := range s.indexes {
			g.Go(func() error { return r.fetchIndex(gctx, s, i) })
		}
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	u := solve.NewUniverse(r.Arch)
	for _, s := range suites {
		for _, i := range s.indexes {
			r.origin = append(r.origin, origin{s, i})
			n := len(r.origin) - 1
			if err := readIndex(r.store, i.file.File.Digest, i.file.Path, r.Arch, func(p archive.Package) error { return u.Add(p, n) }); err != nil {
				return nil, malformed(i.key, err)
			}
		}
	}
	return u, nil
}

// fetchIndex prefers the address that keeps its content while the archive changes underneath.
func (r *resolver) fetchIndex(ctx context.Context, s *suite, i *index) error {
	d := download{want: i.file.File.Digest, size: i.file.File.Size, limit: archive.MaxIndex}
	paths := []string{i.file.Path}
	if i.file.ByHash != "" {
		paths = []string{i.file.ByHash, i.file.Path}
	}
	var err error
	for _, p := range paths {
		d.url = s.root + "/dists/" + s.codename + "/" + p
		err = r.keep(ctx, d)
		var status *StatusError
		if !errors.As(err, &status) || status.Status != 404 {
			break
		}
	}
	return unfetched(err)
}

// keep has a download's bytes in the store, fetching them unless they are there and whole.
func (r *resolver) keep(ctx context.Context, d download) error {
	if whole(r.store, d) {
		return nil
	}
	return r.fetch.get(ctx, d, func(body io.Reader) error {
		b, err := r.store.Put(ctx, body, d.limit)
		if err == nil && b.Digest != d.want {
			err = fmt.Errorf("store named %s %s", d.want, b.Digest)
		}
		return err
	})
}

func whole(s Store, d download) bool {
	if !s.Has(d.want) {
		return false
	}
	f, _, err := s.Open(d.want)
	if err != nil {
		return false
	}
	defer f.Close()
	_, err = io.Copy(io.Discard, f)
	return err == nil
}

// debs fetches the chosen packages.
func (r *resolver) debs(ctx context.Context, chosen []solve.Choice) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	var mu sync.Mutex
	done := 0
	for _, c := range chosen {
		g.Go(func() error {
			root := r.origin[c.Origin].suite.root
			err := r.keep(gctx, download{url: root + "/" + c.Filename, want: c.Digest, size: c.Size, limit: c.Size})
			if err != nil {
				return unfetched(err)
			}
			mu.Lock()
			defer mu.Unlock()
			if done++; r.OnFetch != nil {
				r.OnFetch(c.Name, done, len(chosen))
			}
			return nil
		})
	}
	return g.Wait()
}

// unsolved turns a solver's error into a diagnostic.
func unsolved(err error, spec recipes.Debian) error {
	var unknown *solve.UnknownPackageError
	if errors.As(err, &unknown) {
		d := diag.Errorf(codeUnknown, "suite `%s` has no package `%s`", spec.Suite, unknown.Name)
		d.Cause = err
		switch {
		case len(unknown.Providers) > 0:
			d = d.WithWhy("it is a virtual package").WithHelp("name one of its providers: " + strings.Join(unknown.Providers, ", "))
		case len(unknown.Similar) > 0:
			d = d.WithHelp("did you mean `" + strings.Join(unknown.Similar, "`, `") + "`?")
		}
		return d
	}
	var unsat *solve.UnsatisfiableError
	if errors.As(err, &unsat) {
		d := diag.Errorf(codeUnsolvable, "the packages for suite `%s` cannot be installed together", spec.Suite).WithWhy(unsat.Error())
		d.Cause = err
		return d
	}
	return fmt.Errorf("choosing packages of %s: %w", spec.Suite, err)
}
