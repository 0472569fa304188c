package debian

import (
	"slices"
	"strings"

	"github.com/package-url/packageurl-go"

	"github.com/selfsame-build/selfsame/inputs/debian/solve"
	"github.com/selfsame-build/selfsame/recipes/lock"
)

// base says what was chosen, for the caller to show.
func (r *resolver) base(suites []*suite, chosen []solve.Choice) Base {
	b := Base{Suite: r.Spec.Suite, Arch: r.Arch}
	for _, s := range suites {
		b.Releases = append(b.Releases, Release{URL: s.key, Codename: s.codename, Date: s.release.Date, ValidUntil: s.release.ValidUntil, Keys: s.release.Keys})
	}
	for _, c := range chosen {
		b.Packages = append(b.Packages, Package{
			Name: c.Name, Version: c.Version, Arch: c.Arch, Codename: r.origin[c.Origin].suite.codename, Digest: c.Digest, Size: c.Size, Why: c.Why,
		})
	}
	return b
}

// entries are the lines of the lock, sorted by kind and key.
func (r *resolver) entries(suites []*suite, chosen []solve.Choice) []lock.Entry {
	var all []lock.Entry
	add := func(e lock.Entry) {
		e.Platform, e.Step = r.Platform, r.Step
		all = append(all, e)
	}
	for _, s := range suites {
		add(lock.Entry{Kind: lock.KindRelease, Key: s.key, Digest: s.blob.Digest, Size: s.blob.Size, Evidence: releaseEvidence(s.release)})
		for _, i := range s.indexes {
			add(lock.Entry{Kind: lock.KindIndex, Key: i.key, Digest: i.file.File.Digest, Size: i.file.File.Size, Evidence: indexEvidence(s.blob.Digest)})
		}
	}
	for _, c := range chosen {
		o := r.origin[c.Origin]
		add(lock.Entry{
			Kind: lock.KindDeb, Key: o.suite.imageRoot + "/" + c.Filename, Digest: c.Digest, Size: c.Size,
			PURL:     purl(c.Name, c.Version, c.Arch, r.Spec.Suite),
			Evidence: debEvidence(o.suite.blob.Digest, o.index.file.File.Digest),
		})
	}
	slices.SortFunc(all, func(a, b lock.Entry) int {
		return strings.Compare(string(a.Kind)+" "+a.Key, string(b.Kind)+" "+b.Key)
	})
	return all
}

// purl is pkg:deb/debian/NAME@VERSION?arch=ARCH&distro=SUITE (the purl spec's deb type).
func purl(name, version, arch, suite string) string {
	q := packageurl.QualifiersFromMap(map[string]string{"arch": arch, "distro": suite})
	return packageurl.NewPackageURL(packageurl.TypeDebian, "debian", name, version, q, "").ToString()
}
