package sbom

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"path"
	"sort"
	"strings"

	"github.com/package-url/packageurl-go"

	"github.com/selfsame-build/selfsame/internal/lazyregexp"
	"github.com/selfsame-build/selfsame/recipes/lock"
)

func newDocument(o Options, t *tree) document {
	locked := lockedPackages(o)
	items, used := t.items(locked)
	d := document{
		Version: "SPDX-2.3", DataLicense: "CC0-1.0", ID: documentID, // the specification fixes these three
		Name:     o.Name + "@" + o.Manifest.String(),
		Comment:  comment(t),
		Creation: creation{Created: o.created(), Creators: []string{"Tool: " + o.Tool}},
		Packages: []spdxPackage{imagePackage(o)},
		Relationships: []relationship{
			{documentID, "DESCRIBES", imageID},
		},
	}
	for _, x := range items {
		p := x.spdx()
		d.Packages = append(d.Packages, p)
		d.Relationships = append(d.Relationships, relationship{imageID, "CONTAINS", p.ID})
	}
	for _, p := range buildDependencies(locked, used) {
		d.Packages = append(d.Packages, p)
		d.Relationships = append(d.Relationships, relationship{p.ID, "BUILD_DEPENDENCY_OF", imageID})
	}
	return d
}

func imagePackage(o Options) spdxPackage {
	q := map[string]string{"repository_url": o.Name}
	if _, arch, ok := strings.Cut(o.Platform, "/"); ok {
		q["arch"] = arch
	}
	purl := packageurl.NewPackageURL(packageurl.TypeOCI, "", path.Base(o.Name), o.Manifest.String(), packageurl.QualifiersFromMap(q), "")
	p := blank(imageID, o.Name, o.Manifest.String(), purl.ToString())
	p.Checksums = []checksum{{"SHA256", o.Manifest.Encoded()}}
	p.Purpose = "CONTAINER"
	return p
}

func (x item) spdx() spdxPackage {
	name := x.Name
	if x.Namespace != "" {
		name = x.Namespace + "/" + x.Name
	}
	p := blank(id("Package", x.Type, x.Name, x.purl), name, x.Version, x.purl)
	p.SourceInfo = "found in /" + plain(x.Path)
	if x.repetition > 0 {
		p.SourceInfo += fmt.Sprintf(" and %d more", x.repetition)
	}
	if x.License != "" {
		p.LicenseDeclared = x.License
	}
	if x.locked != nil {
		p.from(*x.locked)
	}
	return p
}

// from says which locked bytes the package came from.
func (p *spdxPackage) from(e lock.Entry) {
	p.Checksums = []checksum{{"SHA256", e.Digest.Encoded()}}
	p.DownloadLocation = location(e.Key)
	info := "locked input " + e.Digest.String()
	if e.Evidence != "" {
		info += ", vouched for by " + plain(e.Evidence)
	}
	if p.SourceInfo != "" {
		info = p.SourceInfo + "; " + info
	}
	p.SourceInfo = info
}

// buildDependencies are the locked packages that are not in the image.
func buildDependencies(locked map[string]lock.Entry, used map[string]bool) []spdxPackage {
	var out []spdxPackage
	for key, e := range locked {
		u, err := packageurl.FromString(e.PURL)
		if used[key] || err != nil {
			continue
		}
		name := u.Name
		if u.Namespace != "" && u.Type != "deb" && u.Type != "apk" {
			name = u.Namespace + "/" + u.Name
		}
		p := blank(id("Input", u.Type, u.Name, e.PURL), name, u.Version, e.PURL)
		p.from(e)
		out = append(out, p)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].ID < out[j].ID })
	return out
}

func blank(id, name, version, purl string) spdxPackage {
	return spdxPackage{
		ID: id, Name: name, Version: version,
		DownloadLocation: noAssertion, LicenseConcluded: noAssertion, LicenseDeclared: noAssertion, Copyright: noAssertion,
		References: []reference{{"PACKAGE-MANAGER", "purl", purl}},
	}
}

// location is a URL without what must not be public; anything else is no assertion.
func location(key string) string {
	u, err := url.Parse(key)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return noAssertion
	}
	u.User = nil
	return u.String()
}

var notID = lazyregexp.New(`[^A-Za-z0-9.-]+`)

// id is a SPDX identifier that a reader recognises and that is unique: kind, type, name, and a hash of the package URL.
func id(kind, packageType, name, purl string) string {
	sum := sha256.Sum256([]byte(purl))
	if len(name) > 64 {
		name = name[:64]
	}
	return "SPDXRef-" + kind + "-" + packageType + "-" + notID.ReplaceAllString(name, "-") + "-" + hex.EncodeToString(sum[:8])
}

// comment says what was looked for and what could not be read.
func comment(t *tree) string {
	out := "Looked for: dpkg, apk, Go binaries, npm, Python. Other kinds of packages are not listed."
	if named, more := t.unreadable(); len(named) > 0 {
		out += " Could not be read: " + plainList(named)
		if more > 0 {
			out += fmt.Sprintf(", and %d more", more)
		}
		out += "."
	}
	return out
}

func plainList(names []string) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = plain(n)
	}
	return strings.Join(out, ", ")
}
