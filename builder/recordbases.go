package builder

import (
	"context"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	digest "github.com/opencontainers/go-digest"
	"github.com/package-url/packageurl-go"

	"github.com/selfsame-build/selfsame/builder/graph"
	"github.com/selfsame-build/selfsame/inputs/debian"
	"github.com/selfsame-build/selfsame/inputs/debian/archive"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/recipes"
	"github.com/selfsame-build/selfsame/recipes/lock"
)

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
