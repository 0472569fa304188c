package sbom

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/selfsame-build/selfsame/internal/lazyregexp"
)

// Package is one package that was found.
type Package struct {
	Type      string // as in a package URL: deb, apk, golang, npm, pypi
	Namespace string
	Name      string
	Version   string
	Arch      string // deb and apk
	Upstream  string // the source package's name, where it is another one
	License   string // SPDX expression, empty when not known
	Path      string // the first file that names it
}

// maxName bounds a name or version in bytes. The longest names in use have about 200.
const maxName = 512

// valid says whether the parts can stand in a document: present, short, and plain text.
func (p Package) valid() bool {
	if p.Name == "" {
		return false
	}
	for _, s := range []string{p.Namespace, p.Name, p.Version, p.Arch, p.Upstream} {
		if len(s) > maxName || !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) || r == ' ' }) {
			return false
		}
	}
	return true
}

// cataloguers read a file that is small enough for memory; the first one whose path matches takes it.
var cataloguers = []struct {
	path *lazyregexp.Regexp
	read func([]byte) ([]Package, error)
}{
	{lazyregexp.New(`^var/lib/dpkg/status$`), readDpkgStatus},
	// Images made of packages without dpkg (distroless) have one file a package; NAME.md5sums lies beside it.
	{lazyregexp.New(`^var/lib/dpkg/status\.d/[^/]+$`), readDpkgFragment},
	{lazyregexp.New(`^(usr/)?lib/apk/db/installed$`), readApk},
	{lazyregexp.New(`(^|/)node_modules/(@[^/]+/)?[^/]+/package\.json$`), readNpm},
	{lazyregexp.New(`(^|/)[^/]+\.(dist-info/METADATA|egg-info/PKG-INFO)$`), readPython},
}

var osRelease = lazyregexp.New(`^(etc|usr/lib)/os-release$`)

// catalogue reads one regular file if anything in it can name packages.
func (t *tree) catalogue(layer int, name string, h *tar.Header, r io.Reader) error {
	if osRelease.MatchString(name) {
		data, err := t.small(h, r)
		if data == nil {
			return err
		}
		return t.put(name, file{layer: layer, release: readRelease(data)})
	}
	for _, c := range cataloguers {
		if !c.path.MatchString(name) || path.Ext(name) == ".md5sums" {
			continue
		}
		data, err := t.small(h, r)
		if err != nil {
			return err
		}
		if data == nil {
			return t.put(name, file{layer: layer, unreadable: fmt.Sprintf("%d bytes", h.Size)})
		}
		found, err := c.read(data)
		return t.put(name, newFile(layer, found, err))
	}
	f, err := t.goBinary(h, r)
	if err != nil || f == nil {
		return err
	}
	f.layer = layer
	return t.put(name, *f)
}

// newFile keeps what is valid, and says so when something is not.
func newFile(layer int, found []Package, err error) file {
	f := file{layer: layer}
	if err != nil {
		f.unreadable = plain(err.Error())
	}
	for _, p := range found {
		if !p.valid() {
			f.unreadable = "a package without a usable name or version"
			continue
		}
		f.packages = append(f.packages, p)
	}
	return f
}

// small reads a whole file into memory, or gives nil when it is too large for that.
func (t *tree) small(h *tar.Header, r io.Reader) ([]byte, error) {
	if h.Size > t.options.Limits.Database {
		return nil, nil
	}
	data, err := io.ReadAll(io.LimitReader(r, h.Size))
	if data == nil {
		data = []byte{}
	}
	return data, err
}

// plain keeps a message from the image's own text to one short line.
func plain(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
	if len(s) > 160 {
		s = strings.ToValidUTF8(s[:160], "") + "..."
	}
	return s
}

// stanzas splits data in the form of Debian's control files ("Field: value", continued lines begin with a blank, stanzas are
// separated by empty lines) and calls f with the first lines of the wanted fields, their names in lower case.
func stanzas(data []byte, wanted map[string]bool, f func(map[string]string)) {
	fields := map[string]string{}
	flush := func() {
		if len(fields) > 0 {
			f(fields)
			fields = map[string]string{}
		}
	}
	for len(data) > 0 {
		var line []byte
		line, data, _ = bytes.Cut(data, []byte("\n"))
		line = bytes.TrimRight(line, "\r")
		if len(bytes.TrimSpace(line)) == 0 {
			flush()
			continue
		}
		if line[0] == ' ' || line[0] == '\t' {
			continue
		}
		key, value, ok := bytes.Cut(line, []byte(":"))
		name := strings.ToLower(string(bytes.TrimSpace(key)))
		if _, twice := fields[name]; ok && wanted[name] && !twice {
			fields[name] = string(bytes.TrimSpace(value))
		}
	}
	flush()
}
