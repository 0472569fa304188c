package builder

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/builder/graph"
	"github.com/selfsame-build/selfsame/inputs"
	"github.com/selfsame-build/selfsame/inputs/source"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/recipes"
	"github.com/selfsame-build/selfsame/recipes/lock"
)

// A commit is sealed as what it holds: its files as a one-layer image (inputs/source), whose digest follows from the commit alone. A
// bundle of git's own would be another one with every version of git, because packs are compressed anew.

// commitPrefix marks the commit in a lock line's evidence.
const commitPrefix = "commit:"

func commitOf(e lock.Entry) string { return strings.TrimPrefix(e.Evidence, commitPrefix) }

// sourceGit is the recipe's source as the lock knows it.
func sourceGit(r *recipes.Recipe) graph.Git {
	return graph.Git{URL: r.Source.Git, Ref: r.Source.Ref, Step: fmt.Sprintf("%s:%d", filepath.Base(r.Path), r.At["source.git"].Line)}
}

// fetchCommit brings a commit into the store.
func (h *Host) fetchCommit(ctx context.Context, r *recipes.Recipe, g graph.Git, o source.Options) (source.Context, error) {
	h.notice("fetching commit `%s` of %s", g.Ref, g.URL)
	remote := source.Remote{
		URL: g.URL, Ref: g.Ref, NoSubmodules: g.NoSubmodules,
		Allow: func(ctx context.Context, address string) error {
			err := inputs.CheckAddress(ctx, address, r.Record.Private)
			if err == nil || ctx.Err() != nil {
				return err
			}
			return diag.Errorf("A0307", "`%s` is not fetched: %w", address, err).WithAt(diag.Position{File: g.Step}, "").
				WithWhy("a recipe could read what only this machine can reach").WithHelp("name its host in the recipe: `record: {private: [HOST:PORT]}`")
		},
	}
	if h.SSHAgent != "" {
		remote.Env = []string{"SSH_AUTH_SOCK=" + h.SSHAgent}
	}
	o.Dir = g.Folder
	c, err := source.Fetch(ctx, h.Store, remote, o)
	if err != nil {
		return c, err
	}
	if g.Checksum != "" && !strings.HasPrefix(c.Commit, g.Checksum) {
		return c, diag.Errorf("A0332", "`%s` is commit %s, but the Dockerfile says %s", g.Key(), c.Commit, g.Checksum).WithHelp("run `selfsame lock --upgrade`")
	}
	h.warnSource(c, g.URL)
	return c, nil
}

// gitEntry is a commit's line of the lock.
func gitEntry(g graph.Git, c source.Context) lock.Entry {
	return lock.Entry{Kind: lock.KindGit, Step: g.Step, Key: g.Key(), Digest: c.Descriptor.Digest, Size: c.Descriptor.Size,
		PURL: inputs.GitPURL(g.URL, c.Commit), Evidence: commitPrefix + c.Commit}
}

// cloned makes the project of a recipe whose source is a commit, which is fetched now.
func (h *Host) cloned(ctx context.Context, r *recipes.Recipe, at string) (*project, lock.Entry, error) {
	p, err := newProject(r)
	if err != nil {
		return nil, lock.Entry{}, err
	}
	g := sourceGit(r)
	wanted := g
	if at != "" {
		wanted.Ref = at
	}
	o := source.Options{Prepare: func(dir string) ([]byte, error) {
		err := p.readDockerfile(dir)
		return p.ignore, err
	}}
	if !r.Epoch.FromSource {
		o.Epoch = time.Unix(r.Epoch.Seconds, 0).UTC()
	}
	if p.context, err = h.fetchCommit(ctx, r, wanted, o); err != nil {
		return nil, lock.Entry{}, err
	}
	p.epoch = p.context.Epoch
	for _, data := range [][]byte{p.dockerfile, p.ignore} {
		if data == nil {
			continue
		}
		if _, err := h.Store.PutBytes(ctx, data); err != nil {
			return nil, lock.Entry{}, err
		}
	}
	return p, gitEntry(g, p.context), h.finish(ctx, p)
}

// locked makes the project of a recipe whose source is a commit from what was sealed of it.
func (h *Host) locked(ctx context.Context, r *recipes.Recipe, l *lock.Lock, offline bool) (*project, error) {
	e, ok := l.Find(lock.KindGit, "", sourceGit(r).Key())
	if !ok {
		return nil, diag.Errorf("A0310", "the source's commit is not in the lock").WithHelp("run `selfsame lock`")
	}
	if !h.hasSource(e, l.Header) {
		if offline {
			return nil, diag.Errorf("A0338", "the store lacks the source, and --offline forbids fetching it").WithHelp("build once without --offline")
		}
		_, got, err := h.cloned(ctx, r, commitOf(e))
		if err != nil {
			return nil, diag.Errorf("A0336", "fetching locked source `%s`: %w", e.Key, err).WithHelp("check the network, or restore the store")
		}
		if got.Digest != e.Digest {
			return nil, diag.Errorf("A0337", "`%s` is not what was locked any more", e.Key).WithHelp("run `selfsame lock --upgrade` and review the change")
		}
	}
	p, err := newProject(r)
	if err != nil {
		return nil, err
	}
	if p.dockerfile, err = h.file(l.Header.Dockerfile); err != nil {
		return nil, err
	}
	if p.ignore, err = h.file(l.Header.Dockerignore); err != nil {
		return nil, err
	}
	p.context = source.Context{Descriptor: ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: e.Digest, Size: e.Size}, Commit: commitOf(e)}
	if p.epoch, err = h.created(e.Digest); err != nil {
		return nil, err
	}
	return p, h.finish(ctx, p)
}

// hasSource says whether all that the lock says of the source is in the store.
func (h *Host) hasSource(e lock.Entry, head lock.Header) bool {
	for _, d := range []digest.Digest{head.Dockerfile, head.Dockerignore} {
		if d != "" && !h.Store.Has(d) {
			return false
		}
	}
	return h.hasImage(e.Digest)
}

// file reads one of the build's own files out of the store.
func (h *Host) file(d digest.Digest) ([]byte, error) {
	if d == "" {
		return nil, nil
	}
	return h.blob(d, maxDockerfile)
}

// created is the time that a packed source bears.
func (h *Host) created(manifest digest.Digest) (time.Time, error) {
	raw, err := h.imageConfig(manifest)
	if err != nil {
		return time.Time{}, err
	}
	var img ocispec.Image
	if err := json.Unmarshal(raw, &img); err != nil || img.Created == nil {
		return time.Time{}, fmt.Errorf("the sealed source %s bears no time (%w)", manifest, err)
	}
	return *img.Created, nil
}

// git finds a commit that the build adds in the lock.
func (r *lockResolver) git(_ context.Context, g graph.Git) (digest.Digest, error) {
	e, ok := r.lock.Find(lock.KindGit, "", g.Key())
	if !ok {
		return "", diag.Errorf("A0331", "`%s` is not in the lock", g.Key()).WithHelp("run `selfsame lock`")
	}
	if g.Checksum != "" && !strings.HasPrefix(commitOf(e), g.Checksum) {
		return "", diag.Errorf("A0332", "`%s` is locked as commit %s, but the Dockerfile says %s", g.Key(), commitOf(e), g.Checksum).WithHelp("run `selfsame lock`")
	}
	return e.Digest, nil
}

// git fetches a commit that the build adds, unless the old lock has it.
func (r *recorder) git(ctx context.Context, g graph.Git) (digest.Digest, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e, ok := r.before.Find(lock.KindGit, "", g.Key())
	wanted := g
	if ok && !r.upgrades(e) {
		wanted.Ref = commitOf(e) // a pin stays, also where the store lost its bytes
	}
	if !ok || r.upgrades(e) || !r.h.hasImage(e.Digest) {
		if r.o.Offline {
			return "", diag.Errorf("A0338", "commit `%s` is not in the store", g.Key()).WithHelp("run `selfsame lock` without --offline")
		}
		c, err := r.h.fetchCommit(ctx, r.p.recipe, wanted, source.Options{Epoch: r.p.epoch})
		if err != nil {
			return "", err
		}
		e = gitEntry(g, c)
	}
	e.Step = g.Step
	r.after.Entries = append(r.after.Entries, e)
	return e.Digest, nil
}

// refetch gets a commit that the store lacks again.
func (h *Host) refetch(ctx context.Context, p *project, e lock.Entry) error {
	g := gitOf(e.Key)
	g.Ref = commitOf(e)
	o := source.Options{Epoch: p.epoch}
	if p.recipe.Source.Git != "" && e.Key == sourceGit(p.recipe).Key() { // the build's own source is packed without what it ignores
		o.Prepare = func(string) ([]byte, error) { return p.ignore, nil }
	}
	c, err := h.fetchCommit(ctx, p.recipe, g, o)
	if err != nil {
		return diag.Errorf("A0336", "fetching locked input `%s`: %w", e.Key, err).WithHelp("check the network, or restore the store")
	}
	if c.Descriptor.Digest != e.Digest {
		return diag.Errorf("A0337", "`%s` is not what was locked any more", e.Key).WithHelp("run `selfsame lock --upgrade` and review the change")
	}
	return nil
}

// gitOf reads a lock line's key, as graph.Git.Key writes it.
func gitOf(key string) graph.Git {
	key, all := strings.CutSuffix(key, "?submodules=false")
	url, fragment, _ := strings.Cut(key, "#")
	ref, folder, _ := strings.Cut(fragment, ":")
	return graph.Git{URL: url, Ref: ref, Folder: folder, NoSubmodules: all}
}

// warnSource says what of a work tree or commit is not as it may seem.
func (h *Host) warnSource(c source.Context, name string) {
	if c.Dirty && c.Commit != "" {
		h.warn(diag.Warnf(diag.SourceDirty, "`%s` differs from commit %.12s", name, c.Commit).WithHelp("commit before you publish"))
	}
	for code, list := range map[diag.Code][]string{diag.SourceLeftOut: c.Untracked, diag.SourcePointers: c.Pointers, diag.SourceKeys: c.Keys, diag.SourceSubmodules: c.Submodules} {
		if len(list) > 0 {
			h.warn(diag.Warnf(code, "%s", sourceWords[code]+": "+strings.Join(list, ", ")))
		}
	}
}

var sourceWords = map[diag.Code]string{
	diag.SourceLeftOut:    "not in git, so not in the build",
	diag.SourceKeys:       "private signing keys are never in the build",
	diag.SourcePointers:   "pointers of git LFS are packed in place of what they point to",
	diag.SourceSubmodules: "submodules that are not checked out are empty folders",
}
