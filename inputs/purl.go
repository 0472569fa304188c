package inputs

import (
	"net/url"
	"path"
	"strings"

	digest "github.com/opencontainers/go-digest"
	packageurl "github.com/package-url/packageurl-go"

	"github.com/selfsame-build/selfsame/internal/lazyregexp"
)

// PackageURL names what a URL serves, as a package URL (purl-spec). It goes by the shape of the path alone, since mirrors
// and proxies have any host: Debian pools, npm, Go module proxies, PyPI, crates, Alpine, RPM, RubyGems and Maven
// repositories. Anything else is pkg:generic with the file's name, its URL and its digest.
func PackageURL(rawURL string, d digest.Digest) string {
	u, err := url.Parse(rawURL)
	if err != nil || u.Hostname() == "" {
		return ""
	}
	for _, shape := range shapes {
		if p := shape(u.Path); p != nil {
			return p.ToString()
		}
	}
	return genericPURL(u, rawURL, d).ToString()
}

// shapes are tried in order; the stricter ones come first. Each gets a decoded URL path and gives nil if it is another's.
var shapes = []func(string) *packageurl.PackageURL{
	debPURL, goPURL, npmPURL, cratePURL, pypiPURL, apkPURL, rpmPURL, gemPURL, mavenPURL,
}

func purl(kind, namespace, name, version string, qualifiers map[string]string) *packageurl.PackageURL {
	return packageurl.NewPackageURL(kind, namespace, name, version, packageurl.QualifiersFromMap(qualifiers), "")
}

// genericPURL is the fallback.
func genericPURL(u *url.URL, rawURL string, d digest.Digest) *packageurl.PackageURL {
	name := path.Base(u.Path)
	if name == "/" || name == "." {
		name = u.Hostname()
	}
	q := map[string]string{"download_url": rawURL}
	if d != "" {
		q["checksum"] = d.String()
	}
	return purl(packageurl.TypeGeneric, "", name, "", q)
}

// debFile is name_version_arch.deb (deb-version(7); a pool's file names leave the epoch out, apt's cache writes it %3a).
var debFile = lazyregexp.New(`^([a-z0-9][a-z0-9+.-]+)_([0-9][A-Za-z0-9.+:~-]*)_([a-z0-9-]+)\.u?deb$`)

func debPURL(p string) *packageurl.PackageURL {
	m := debFile.FindStringSubmatch(path.Base(p))
	if m == nil {
		return nil
	}
	vendor := "debian"
	if strings.Contains(p, "/ubuntu") {
		vendor = "ubuntu"
	}
	return purl(packageurl.TypeDebian, vendor, m[1], m[2], map[string]string{"arch": m[3]})
}

// goFile is MODULE/@v/VERSION.(zip|mod|info) (go.dev/ref/mod#goproxy-protocol), with upper case written as !x.
var (
	goFile  = lazyregexp.New(`^/(.+)/@v/(v[^/]+)\.(zip|mod|info)$`)
	goUpper = lazyregexp.New(`!([a-z])`)
)

func goPURL(p string) *packageurl.PackageURL {
	m := goFile.FindStringSubmatch(p)
	if m == nil {
		return nil
	}
	module := goUpper.ReplaceAllStringFunc(m[1], func(s string) string { return strings.ToUpper(s[1:]) })
	for rest := module; strings.Contains(rest, "/"); { // a proxy may live under a path; a module starts with a host name
		first, after, _ := strings.Cut(rest, "/")
		if strings.Contains(first, ".") {
			module = rest
			break
		}
		rest = after
	}
	q := map[string]string{}
	if m[3] != "zip" {
		q["file_name"] = m[2] + "." + m[3]
	}
	return purl(packageurl.TypeGolang, path.Dir("/" + module)[1:], path.Base(module), m[2], q)
}

// npmFile is [@scope/]name/-/name-version.tgz, where a registry also writes scopes in the file's own path.
var npmFile = lazyregexp.New(`/(@[^/]+/)?([^/@]+)/-/(?:@[^/]+/)?([^/]+)\.tgz$`)

func npmPURL(p string) *packageurl.PackageURL {
	m := npmFile.FindStringSubmatch(p)
	if m == nil {
		return nil
	}
	version, ok := strings.CutPrefix(m[3], m[2]+"-")
	if !ok || version == "" {
		return nil
	}
	return purl(packageurl.TypeNPM, strings.TrimSuffix(m[1], "/"), m[2], version, nil)
}

// crateFile are the two download shapes of a crates index (doc.rust-lang.org/cargo/reference/registry-index.html).
var (
	crateFile = lazyregexp.New(`/crates/([A-Za-z0-9_-]+)/([A-Za-z0-9_-]+)-([0-9][A-Za-z0-9.+-]*)\.crate$`)
	crateDL   = lazyregexp.New(`/crates/([A-Za-z0-9_-]+)/([0-9][A-Za-z0-9.+-]*)/download$`)
)

func cratePURL(p string) *packageurl.PackageURL {
	if m := crateDL.FindStringSubmatch(p); m != nil {
		return purl(packageurl.TypeCargo, "", m[1], m[2], nil)
	}
	if m := crateFile.FindStringSubmatch(p); m != nil {
		if version, ok := strings.CutPrefix(m[2]+"-"+m[3], m[1]+"-"); ok {
			return purl(packageurl.TypeCargo, "", m[1], version, nil)
		}
	}
	return nil
}

// wheelFile is PEP 427's name; sdistFile PEP 625's and the older ones with dashes in the name.
var (
	wheelFile = lazyregexp.New(`^([A-Za-z0-9._]+)-([0-9][A-Za-z0-9._+!]*)(?:-[0-9][A-Za-z0-9_.]*)?-[A-Za-z0-9_.]+-[A-Za-z0-9_.]+-[A-Za-z0-9_.]+\.whl$`)
	sdistFile = lazyregexp.New(`^([A-Za-z0-9][A-Za-z0-9._-]*?)-([0-9][A-Za-z0-9._+!]*)\.(?:tar\.gz|tar\.bz2|zip)$`)
	pypiHash  = lazyregexp.New(`/[0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{60}/[^/]+$`)
	pypiDash  = lazyregexp.New(`[-_.]+`)
)

func pypiPURL(p string) *packageurl.PackageURL {
	file := path.Base(p)
	m := wheelFile.FindStringSubmatch(file)
	if m == nil && pypiHash.MatchString(p) { // a plain archive is Python's only in a Python index
		m = sdistFile.FindStringSubmatch(file)
	}
	if m == nil {
		return nil
	}
	name := strings.ToLower(pypiDash.ReplaceAllString(m[1], "-")) // PEP 503
	return purl(packageurl.TypePyPi, "", name, m[2], map[string]string{"file_name": file})
}

// apkFile is ARCH/name-version-rN.apk.
var apkFile = lazyregexp.New(`/(x86_64|x86|aarch64|armhf|armv7|ppc64le|s390x|riscv64|loongarch64|noarch)/([A-Za-z0-9_.+-]+?)-([0-9][A-Za-z0-9._]*-r[0-9]+)\.apk$`)

func apkPURL(p string) *packageurl.PackageURL {
	m := apkFile.FindStringSubmatch(p)
	if m == nil {
		return nil
	}
	vendor := "alpine"
	if strings.Contains(p, "wolfi") {
		vendor = "wolfi"
	}
	return purl(packageurl.TypeApk, vendor, m[2], m[3], map[string]string{"arch": m[1]})
}

// rpmFile is name-version-release.arch.rpm; neither version nor release may hold a dash.
var rpmFile = lazyregexp.New(`^(.+)-([^-]+-[^-]+)\.([a-z0-9_]+)\.rpm$`)

// rpmVendors are the distributions that a path can name.
var rpmVendors = []string{"fedora", "centos", "rocky", "almalinux", "opensuse", "redhat", "amazonlinux", "oracle"}

func rpmPURL(p string) *packageurl.PackageURL {
	m := rpmFile.FindStringSubmatch(path.Base(p))
	if m == nil {
		return nil
	}
	vendor := ""
	for _, v := range rpmVendors {
		if strings.Contains(strings.ToLower(p), "/"+v) {
			vendor = v
			break
		}
	}
	return purl(packageurl.TypeRPM, vendor, m[1], m[2], map[string]string{"arch": m[3]})
}

// gemFile is gems/name-version[-platform].gem.
var gemFile = lazyregexp.New(`/gems/([A-Za-z0-9_.-]+?)-([0-9][0-9A-Za-z.]*)(?:-([a-z0-9_.-]+))?\.gem$`)

func gemPURL(p string) *packageurl.PackageURL {
	m := gemFile.FindStringSubmatch(p)
	if m == nil {
		return nil
	}
	q := map[string]string{}
	if m[3] != "" {
		q["platform"] = m[3]
	}
	return purl(packageurl.TypeGem, "", m[1], m[2], q)
}

// mavenPURL reads group/artifact/version/artifact-version[-classifier].(jar|pom|...) (maven.apache.org/repositories/layout.html).
func mavenPURL(p string) *packageurl.PackageURL {
	ext := strings.TrimPrefix(path.Ext(p), ".")
	if ext != "jar" && ext != "pom" && ext != "war" && ext != "aar" && ext != "module" {
		return nil
	}
	parts := strings.Split(strings.Trim(p, "/"), "/")
	n := len(parts)
	if n < 4 {
		return nil
	}
	artifact, version, file := parts[n-3], parts[n-2], strings.TrimSuffix(parts[n-1], "."+ext)
	rest, ok := strings.CutPrefix(file, artifact+"-"+version)
	if !ok || rest != "" && rest[0] != '-' {
		return nil
	}
	group := parts[:n-3]
	for i, g := range group { // a repository's own path comes before the group: .../maven2/org/...
		if g == "maven2" || g == "maven" || g == "m2" || g == "releases" || g == "repository" {
			group = group[i+1:]
			break
		}
	}
	q := map[string]string{"type": ext}
	if rest != "" {
		q["classifier"] = rest[1:]
	}
	return purl(packageurl.TypeMaven, strings.Join(group, "."), artifact, version, q)
}

// GitPURL names a commit of a repository (purl-spec: "vcs_url" of a generic package).
func GitPURL(repository, commit string) string {
	name := strings.TrimSuffix(path.Base(strings.TrimSuffix(repository, "/")), ".git")
	return purl(packageurl.TypeGeneric, "", name, commit, map[string]string{"vcs_url": "git+" + repository + "@" + commit}).ToString()
}
