package source

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/selfsame-build/selfsame/inputs"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/lazyregexp"
)

// Remote is a repository to fetch from.
type Remote struct {
	URL string   // https, http, ssh, git or file URL, or host:path for ssh
	Ref string   // branch, tag or full commit; empty: the remote's HEAD
	Env []string // extra environment for git, such as SSH_AUTH_SOCK=...; nothing else is inherited
	// NoSubmodules leaves the folders of submodules empty.
	NoSubmodules bool
	// Allow is asked about every address before git is: the repository's, and its submodules'. Nil allows all.
	Allow func(ctx context.Context, address string) error
}

// maxFetch bounds the time of one fetch, submodules included.
const maxFetch = time.Hour

// maxSubmodules bounds how deep submodules may be nested.
const maxSubmodules = 8

// fullCommit is an object name as git writes it in full (SHA-1 or SHA-256).
var fullCommit = lazyregexp.New(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

// Fetch resolves r.Ref to a commit, checks it out with its submodules into a temporary folder, and packs that as o says.
// There o.Dir is a slash-separated folder below the repository's root (empty: the root) and a zero o.Epoch means the
// commit's time. The checkout is removed again; what stays is the packed source.
func Fetch(ctx context.Context, store *inputs.Store, r Remote, o Options) (c Context, err error) {
	if err := r.check(); err != nil {
		return Context{}, err
	}
	dir, remove, err := store.TempDir("source-*")
	if err != nil {
		return Context{}, err
	}
	defer func() { err = errors.Join(err, remove()) }()
	ctx, cancel := context.WithTimeoutCause(ctx, maxFetch, fmt.Errorf("fetching `%s` took more than %s", safeURL(r.URL), maxFetch))
	defer cancel()
	env := r.Env
	if strings.HasPrefix(r.URL, "file://") { // of what is fetched from elsewhere no submodule may name a folder of this machine
		env = append(slices.Clone(env), "GIT_ALLOW_PROTOCOL=file:https:http:ssh:git")
	}
	g, err := newGit(o.GitPath, dir, env)
	if err != nil {
		return Context{}, err
	}
	if err := r.checkout(ctx, g); err != nil {
		return Context{}, err
	}
	if o.Epoch.IsZero() {
		if o.Epoch, err = g.epoch(ctx, diag.Errorf(diag.EpochUnknown, "the commit of `%s` has no time", r.URL)); err != nil {
			return Context{}, err
		}
	}
	o.Git = GitAlways
	if o.Dir, err = below(dir, o.Dir); err != nil {
		return Context{}, err
	}
	if o.Prepare != nil {
		if o.Ignore, err = o.Prepare(o.Dir); err != nil {
			return Context{}, err
		}
	}
	return Pack(ctx, store, o)
}

// below joins a repository's folder with a path that must not lead out of it, through links neither.
func below(root, sub string) (string, error) {
	if sub == "" {
		return root, nil
	}
	dir := filepath.Join(root, filepath.FromSlash(sub))
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return "", unreadable(err)
	}
	top, err := filepath.EvalSymlinks(root)
	if err != nil {
		return "", unreadable(err)
	}
	if real != top && !strings.HasPrefix(real, top+string(filepath.Separator)) || !filepath.IsLocal(filepath.FromSlash(sub)) {
		return "", diag.Errorf(diag.SourceUnreadable, "`%s` leads out of the repository", sub)
	}
	return dir, nil
}

// check refuses what git could take for an option, and passwords, which the recipe would publish.
func (r Remote) check() error {
	if r.URL == "" || strings.HasPrefix(r.URL, "-") || strings.HasPrefix(r.Ref, "-") || strings.ContainsAny(r.Ref, " :^~?*[\\\x00\n") {
		return diag.Errorf(diag.GitRef, "`%s` at `%s` is no repository and reference", safeURL(r.URL), r.Ref)
	}
	if u, err := url.Parse(r.URL); err == nil && u.User != nil {
		if _, set := u.User.Password(); set || u.Scheme == "http" || u.Scheme == "https" {
			return diag.Errorf(diag.GitFetch, "the URL of `%s` holds credentials", safeURL(r.URL)).
				WithWhy("the recipe is published with the evidence").WithHelp("use ssh with an agent")
		}
	}
	return nil
}

// safeURL is a URL without user info, for messages.
func safeURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.User == nil {
		return raw
	}
	u.User = nil
	return u.String()
}

// checkout fetches the commit alone if the server allows it, else all of the repository's history.
func (r Remote) checkout(ctx context.Context, g *git) error {
	ref := r.Ref
	if ref == "" {
		ref = "HEAD"
	}
	if err := r.allow(ctx, r.URL); err != nil {
		return err
	}
	if err := g.all(ctx, [][]string{{"init", "--quiet"}, {"remote", "add", "origin", "--", r.URL}}); err != nil {
		return diag.Errorf(diag.GitFetch, "fetching `%s`: %w", safeURL(r.URL), err)
	}
	commit := "FETCH_HEAD^{commit}"
	_, err := g.text(ctx, "fetch", "--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules", "origin", ref)
	if err != nil && fullCommit.MatchString(ref) {
		_, err = g.text(ctx, "fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "origin", "+refs/*:refs/remotes/all/*")
		commit = ref + "^{commit}"
	}
	if err != nil {
		return r.explain(err)
	}
	if commit, err = g.text(ctx, "rev-parse", "--verify", commit); err != nil {
		return r.explain(err)
	}
	if fullCommit.MatchString(ref) && commit != ref {
		return diag.Errorf(diag.GitRef, "`%s` of `%s` is no commit", ref, safeURL(r.URL))
	}
	if _, err := g.text(ctx, "checkout", "--quiet", "--detach", commit); err != nil {
		return r.explain(err)
	}
	if r.NoSubmodules {
		return nil
	}
	return r.submodules(ctx, g, 0)
}

func (r Remote) allow(ctx context.Context, address string) error {
	if r.Allow == nil {
		return nil
	}
	return r.Allow(ctx, address)
}

// submodules checks out the submodules below g, each asked about before it is fetched.
func (r Remote) submodules(ctx context.Context, g *git, depth int) error {
	if _, err := os.Lstat(filepath.Join(g.dir, ".gitmodules")); err != nil {
		return nil
	}
	if depth == maxSubmodules {
		return diag.Errorf(diag.GitFetch, "submodules of `%s` are nested more than %d deep", safeURL(r.URL), maxSubmodules)
	}
	if _, err := g.text(ctx, "submodule", "--quiet", "init"); err != nil {
		return r.explain(err)
	}
	var paths []string
	err := g.records(ctx, func(rec string) error {
		_, value, _ := strings.Cut(rec, "\n")
		return r.allow(ctx, value)
	}, "config", "--null", "--get-regexp", `^submodule\..*\.url$`)
	if err == nil {
		err = g.records(ctx, func(rec string) error {
			_, value, _ := strings.Cut(rec, "\n")
			paths = append(paths, value)
			return nil
		}, "config", "--file", ".gitmodules", "--null", "--get-regexp", `^submodule\..*\.path$`)
	}
	if err == nil {
		_, err = g.text(ctx, "submodule", "--quiet", "update")
	}
	if err != nil {
		if len(diag.All(err)) > 0 {
			return err
		}
		return r.explain(err)
	}
	for _, p := range paths {
		dir, err := below(g.dir, p)
		if err != nil {
			return err
		}
		if err := r.submodules(ctx, &git{path: g.path, dir: dir, env: g.env}, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// all runs commands until one fails.
func (g *git) all(ctx context.Context, commands [][]string) error {
	for _, args := range commands {
		if _, err := g.text(ctx, args...); err != nil {
			return err
		}
	}
	return nil
}

// explain tells a reference that is not there from a repository that cannot be reached.
func (r Remote) explain(err error) error {
	text := err.Error()
	for _, sign := range []string{"couldn't find remote ref", "not our ref", "Needed a single revision", "bad object", "unadvertised object"} {
		if strings.Contains(text, sign) {
			return diag.Errorf(diag.GitRef, "`%s` has no reference `%s`: %w", safeURL(r.URL), r.Ref, err).
				WithHelp("git ls-remote " + safeURL(r.URL))
		}
	}
	failed := diag.Errorf(diag.GitFetch, "fetching `%s`: %w", safeURL(r.URL), err)
	if redirected.MatchString(text) {
		return failed.WithWhy("a redirect could lead where nobody allowed to fetch from, so none is followed").
			WithHelp("write the address that it leads to: `curl -sI " + safeURL(r.URL) + "/info/refs` shows it")
	}
	return failed.WithHelp("git ls-remote " + safeURL(r.URL))
}

// redirected is git's word on an answer that leads elsewhere.
var redirected = lazyregexp.New(`returned error: 30[0-9]`)
