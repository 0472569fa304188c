package provenance

import (
	"net/url"
	"slices"
	"sort"
	"strings"

	"github.com/in-toto/in-toto-golang/in_toto/slsa_provenance/common"
	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/recipes/lock"
)

// Names of the dependencies that are not entries of the lock.
const (
	DependencyRecipe  = "recipe"
	DependencyLock    = "lock"
	DependencySource  = "source"
	DependencyContext = "context"
)

// Media types of the descriptors that may carry their content.
const (
	mediaTypeRecipe = "application/vnd.selfsame.recipe.v1+yaml"
	mediaTypeLock   = "application/vnd.selfsame.lock.v1"
	mediaTypeOCI    = "application/vnd.oci.image.manifest.v1+json"
)

// dependencies lists what entered the build: recipe, lock, source and context first, then the whole lock in order of URI
// and digest.
func (b Build) dependencies() []ResourceDescriptor {
	out := []ResourceDescriptor{
		{
			Name: DependencyRecipe, MediaType: mediaTypeRecipe, Content: b.Recipe.Content,
			Digest:      common.DigestSet(digestSet(b.Recipe.Digest)),
			Annotations: map[string]any{"path": b.Recipe.Path, "canonical": b.Recipe.Canonical.String()},
		},
		{
			Name: DependencyLock, MediaType: mediaTypeLock, Content: b.Lock.Content,
			Digest:      common.DigestSet(digestSet(b.Lock.Digest)),
			Annotations: map[string]any{"path": b.Lock.Path},
		},
	}
	if src, ok := b.Source.dependency(); ok {
		out = append(out, src)
	}
	out = append(out, ResourceDescriptor{
		Name: DependencyContext, MediaType: mediaTypeOCI, Digest: common.DigestSet(digestSet(b.Source.Context)),
	})
	return append(out, lockDependencies(b.Lock.Entries)...)
}

// dependency is the commit that the context was taken from, where there is one. A dirty tree is said so: the commit alone
// does not describe what was built then, the context does.
func (s Source) dependency() (ResourceDescriptor, bool) {
	if s.Commit == "" {
		return ResourceDescriptor{}, false
	}
	d := ResourceDescriptor{
		Name:        DependencySource,
		Digest:      common.DigestSet{"gitCommit": s.Commit},
		Annotations: map[string]any{"dirty": s.Dirty},
	}
	if s.Git != "" {
		d.URI = gitURI(s.Git)
		if s.Ref != "" {
			d.URI += "@" + s.Ref
		}
	}
	return d, true
}

// gitURI is the SPDX download location form of a repository URL (SLSA v1, "git+https://..."), without user information:
// evidence is public.
func gitURI(repo string) string {
	if u, err := url.Parse(repo); err == nil && u.User != nil {
		u.User = nil
		repo = u.String()
	}
	if strings.HasPrefix(repo, "git+") {
		return repo
	}
	return "git+" + repo
}

type dependencyKey struct {
	uri    string
	digest digest.Digest
}

// lockDependencies merges the entries that name the same bytes under the same URI, since a package is often fetched by
// several steps and platforms.
func lockDependencies(entries []lock.Entry) []ResourceDescriptor {
	groups := map[dependencyKey][]lock.Entry{}
	for _, e := range entries {
		k := dependencyKey{dependencyURI(e), e.Digest}
		groups[k] = append(groups[k], e)
	}
	keys := make([]dependencyKey, 0, len(groups))
	for k := range groups {
		keys = append(keys, k)
	}
	sort.Slice(keys, func(i, j int) bool {
		if keys[i].uri != keys[j].uri {
			return keys[i].uri < keys[j].uri
		}
		return keys[i].digest < keys[j].digest
	})
	out := make([]ResourceDescriptor, 0, len(keys))
	for _, k := range keys {
		out = append(out, lockDependency(k, groups[k]))
	}
	return out
}

func lockDependency(k dependencyKey, entries []lock.Entry) ResourceDescriptor {
	sort.Slice(entries, func(i, j int) bool {
		if entries[i].Key != entries[j].Key {
			return entries[i].Key < entries[j].Key
		}
		return entries[i].Kind < entries[j].Kind
	})
	d := ResourceDescriptor{
		URI:    k.uri,
		Digest: common.DigestSet(digestSet(k.digest)),
		Annotations: map[string]any{
			"kind":      string(entries[0].Kind),
			"platforms": distinct(entries, func(e lock.Entry) string { return e.Platform }),
		},
	}
	if steps := distinct(entries, func(e lock.Entry) string { return e.Step }); len(steps) > 0 {
		d.Annotations["steps"] = steps
	}
	if slices.ContainsFunc(entries, func(e lock.Entry) bool { return e.Evidence == lock.Refused }) {
		d.Annotations["refused"] = true // the bytes are the refusal's, and nobody was asked
	} else if by := distinct(entries, func(e lock.Entry) string { return e.Evidence }); len(by) > 0 {
		d.Annotations["verifiedBy"] = by
	}
	if key := entries[0].Key; key != k.uri && strings.Contains(key, "://") {
		d.DownloadLocation = key
	}
	return d
}

// dependencyURI is the package URL, or the key where the key is a URI already; a bare image reference gets a scheme.
func dependencyURI(e lock.Entry) string {
	switch {
	case e.PURL != "":
		return e.PURL
	case strings.Contains(e.Key, "://"):
		return e.Key
	case e.Kind == lock.KindImage:
		return "docker-image://" + e.Key
	default:
		return string(e.Kind) + ":" + url.PathEscape(e.Key)
	}
}

// distinct is the sorted set of f over the entries, without empty strings.
func distinct(entries []lock.Entry, f func(lock.Entry) string) []string {
	seen := map[string]bool{"": true}
	out := []string{}
	for _, e := range entries {
		if v := f(e); !seen[v] {
			seen[v] = true
			out = append(out, v)
		}
	}
	sort.Strings(out)
	return out
}
