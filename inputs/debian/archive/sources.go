package archive

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/selfsame-build/selfsame/inputs/debian/control"
)

// Source is one archive and suite that a machine's apt uses.
type Source struct {
	// URL is the archive's root, http or https, without a slash at the end.
	URL   string
	Suite string
	// File is where it was found, for messages.
	File string
}

// The bounds of apt's configuration.
const (
	maxSourceFile  = 1 << 20 // bytes
	maxSourceFiles = 256
	maxSources     = 1024
)

// Sources reads etc/apt/sources.list, then sources.list.d/*.list and *.sources in the order of their names (sources.list(5)),
// from a root filesystem. Only enabled deb entries over http(s) that include component main are returned, in order and
// without duplicates. Files that are missing are skipped; a line that cannot be read is skipped too, for the machine's apt
// may know types that this package need not.
func Sources(root fs.FS) ([]Source, error) {
	names := []string{"etc/apt/sources.list"}
	for _, pattern := range []string{"etc/apt/sources.list.d/*.list", "etc/apt/sources.list.d/*.sources"} {
		m, err := fs.Glob(root, pattern)
		if err != nil {
			return nil, fmt.Errorf("listing apt sources: %w", err)
		}
		names = append(names, m...)
	}
	slices.SortStableFunc(names[1:], func(a, b string) int { return strings.Compare(path.Base(a), path.Base(b)) })
	var all []Source
	for _, name := range names[:min(len(names), maxSourceFiles)] {
		data, err := readFile(root, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading apt sources: %w", err)
		}
		found := oneLine(data)
		if path.Ext(name) == ".sources" {
			found = deb822(data)
		}
		for _, s := range found {
			s.File = "/" + name
			dup := func(o Source) bool { return o.URL == s.URL && o.Suite == s.Suite }
			if !slices.ContainsFunc(all, dup) && len(all) < maxSources {
				all = append(all, s)
			}
		}
	}
	return all, nil
}

func readFile(root fs.FS, name string) ([]byte, error) {
	f, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSourceFile+1))
	if err == nil && len(data) > maxSourceFile {
		err = fmt.Errorf("%s exceeds %d bytes", name, maxSourceFile)
	}
	return data, err
}

// oneLine reads "deb [options] URI suite component...".
func oneLine(data []byte) []Source {
	var all []Source
	for line := range strings.Lines(string(data)) {
		line, _, _ = strings.Cut(line, "#")
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), "deb")
		if !ok || rest == "" || (rest[0] != ' ' && rest[0] != '\t') {
			continue
		}
		rest = strings.TrimSpace(rest)
		if strings.HasPrefix(rest, "[") {
			_, after, ok := strings.Cut(rest, "]")
			if !ok {
				continue
			}
			rest = after
		}
		if f := strings.Fields(rest); len(f) > 2 {
			all = append(all, usable(f[:1], f[1:2], f[2:])...)
		}
	}
	return all
}

// deb822 reads stanzas with Types, URIs, Suites and Components; reading ends at the first malformed one.
func deb822(data []byte) []Source {
	var all []Source
	in := control.NewReader(bytes.NewReader(data), "Types", "URIs", "Suites", "Components", "Enabled")
	for {
		s, err := in.Next()
		if err != nil {
			return all
		}
		switch strings.ToLower(s["enabled"]) {
		case "no", "false", "off", "0", "without", "disable":
			continue
		}
		if slices.Contains(strings.Fields(s["types"]), "deb") {
			all = append(all, usable(strings.Fields(s["uris"]), strings.Fields(s["suites"]), strings.Fields(s["components"]))...)
		}
	}
}

// usable is every pair of URI and suite that can be asked for main. A suite that ends in a slash is a path without
// components, which Debian's own archives do not have.
func usable(uris, suites, components []string) []Source {
	if !slices.Contains(components, "main") {
		return nil
	}
	var all []Source
	for _, u := range uris {
		if !strings.HasPrefix(u, "http://") && !strings.HasPrefix(u, "https://") {
			continue
		}
		for _, s := range suites {
			if !strings.HasSuffix(s, "/") {
				all = append(all, Source{URL: strings.TrimRight(u, "/"), Suite: s})
			}
		}
	}
	return all
}
