package sbom

import (
	"sort"
	"strings"

	"github.com/package-url/packageurl-go"

	"github.com/selfsame-build/selfsame/recipes/lock"
)

// item is one package of the document.
type item struct {
	Package
	purl       string
	repetition int         // how many more files name it
	locked     *lock.Entry // the locked input that it came from
}

// items lists the distinct packages of the final image in order of their package URLs.
func (t *tree) items(locked map[string]lock.Entry) (out []item, used map[string]bool) {
	release := t.release()
	at := map[string]int{}
	used = map[string]bool{}
	for _, name := range t.paths() {
		for _, p := range t.files[name].packages {
			p.Path = name
			u := p.url(release)
			purl := u.ToString()
			if i, ok := at[purl]; ok {
				if out[i].repetition++; out[i].License == "" {
					out[i].License = p.License
				}
				continue
			}
			x := item{Package: p, purl: purl}
			if e, ok := locked[identity(u)]; ok {
				x.locked = &e
				used[identity(u)] = true
			}
			at[purl] = len(out)
			out = append(out, x)
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].purl < out[j].purl })
	return out, used
}

// url is the package URL (purl-spec), with the distribution where the type belongs to one.
func (p Package) url(r release) packageurl.PackageURL {
	q := map[string]string{}
	namespace := p.Namespace
	if p.Type == "deb" || p.Type == "apk" {
		if namespace = r.id; namespace == "" {
			namespace = map[string]string{"deb": "debian", "apk": "alpine"}[p.Type]
		}
		if r.id != "" && r.version != "" {
			q["distro"] = r.id + "-" + r.version
		}
		if p.Arch != "" {
			q["arch"] = p.Arch
		}
		if p.Upstream != "" {
			q["upstream"] = p.Upstream
		}
	}
	return *packageurl.NewPackageURL(p.Type, namespace, p.Name, p.Version, packageurl.QualifiersFromMap(q), "")
}

// identity is what makes two package URLs name the same package: everything but the qualifiers, of which only the
// architecture counts. A Debian version's epoch is left out, because the names of files leave it out.
func identity(u packageurl.PackageURL) string {
	version := u.Version
	arch := ""
	switch u.Type {
	case "deb":
		if _, rest, ok := strings.Cut(version, ":"); ok {
			version = rest
		}
		arch = u.Qualifiers.Map()["arch"]
	case "apk":
		arch = u.Qualifiers.Map()["arch"]
	}
	id := strings.Join([]string{u.Type, u.Namespace, u.Name, version, arch}, "\x00")
	if u.Type == "golang" { // purl-spec: lower case; not everybody does
		id = strings.ToLower(id)
	}
	return id
}

// lockedPackages are the entries of the lock that are packages for the platform, by identity. A file that only describes a
// package (a module's .mod or .info) has a file name in its URL and is none.
func lockedPackages(o Options) map[string]lock.Entry {
	out := map[string]lock.Entry{}
	for _, e := range o.Lock {
		if e.Platform != "" && o.Platform != "" && e.Platform != o.Platform {
			continue
		}
		u, err := packageurl.FromString(e.PURL)
		if err != nil || u.Version == "" || u.Type == packageurl.TypeGeneric {
			continue
		}
		if q := u.Qualifiers.Map(); u.Type == "golang" && q["file_name"] != "" {
			continue
		}
		id := identity(u)
		if old, ok := out[id]; !ok || e.Digest < old.Digest { // one of several wheels: any order of the lock gives the same
			out[id] = e
		}
	}
	return out
}
