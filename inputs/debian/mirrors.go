package debian

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"path"
	"strings"

	"github.com/selfsame-build/selfsame/inputs/debian/archive"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/recipes"
)

// Mirrors are the roots of Debian's two archives, without a slash at the end.
type Mirrors struct {
	Main     string // holds SUITE and SUITE-updates
	Security string // holds SUITE-security
}

// InvalidHost is the name that an image without a mirror of its own knows its archives by (".invalid" never resolves,
// RFC 2606). In a build the input server answers for it.
const InvalidHost = "debian.invalid"

// ImageMirrors are the addresses that apt inside the image sees, and that the lock names. They do not depend on the mirror
// that was asked: two mirrors, one lock, one digest.
func ImageMirrors(spec recipes.Debian) (Mirrors, error) {
	if spec.Mirror == "" {
		return Mirrors{"http://" + InvalidHost + "/debian", "http://" + InvalidHost + "/debian-security"}, nil
	}
	return MirrorsAt(spec.Mirror)
}

// MirrorsAt are the archives of a mirror given by its main archive's URL. The security archive is its sibling
// debian-security, as every mirror that has both lays them out.
func MirrorsAt(main string) (Mirrors, error) {
	u, err := url.Parse(main)
	bad := err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.User != nil || u.RawQuery != "" || u.Fragment != ""
	if bad || strings.ContainsAny(main, " \t\r\n'\"\\$`") {
		return Mirrors{}, diag.Errorf(codeMirror, "`%s` is no mirror", main).
			WithWhy("a mirror is an http or https address without user, query or fragment").
			WithHelp("write `mirror: http://HOST/debian`, or leave it out")
	}
	s := *u
	s.Path = path.Join("/", path.Dir(strings.TrimRight(u.Path, "/")), "debian-security")
	return Mirrors{strings.TrimRight(main, "/"), s.String()}, nil
}

// Locate turns an address that the image or the lock knows (below m) into the one to ask (below actual). An address of
// neither archive is returned as it is, with false.
func (m Mirrors) Locate(address string, actual Mirrors) (string, bool) {
	for _, pair := range [][2]string{{m.Main, actual.Main}, {m.Security, actual.Security}} {
		if rest, ok := strings.CutPrefix(address, pair[0]+"/"); ok && pair[0] != "" {
			return pair[1] + "/" + rest, true
		}
	}
	return address, false
}

// maxProbes bounds how many of the machine's sources are asked.
const maxProbes = 64

// SystemMirror finds the machine's own mirrors: the first entries of its apt sources (read from sourcesFS, a root
// filesystem) whose InRelease says Origin: Debian. Without an entry for security, that archive is taken to be the main
// one's sibling. The InRelease is not believed here; Resolve checks signatures. The error is a diagnostic, A0710 if no
// mirror is set up or none answers.
func SystemMirror(ctx context.Context, f Fetcher, sourcesFS fs.FS) (Mirrors, error) {
	sources, err := archive.Sources(sourcesFS)
	if err != nil {
		return Mirrors{}, err
	}
	var found Mirrors
	var failed error
	for _, s := range sources[:min(len(sources), maxProbes)] {
		// Asking twice for what the sibling rule or an earlier entry has answered would only cost time.
		if found.Main != "" && !strings.HasSuffix(s.Suite, "-security") {
			continue
		}
		origin, label, err := probe(ctx, fetcher{Fetcher: f}, s)
		if ctx.Err() != nil {
			return Mirrors{}, ctx.Err()
		}
		if err != nil {
			failed = err
			continue
		}
		switch {
		case origin != "Debian":
		case label == "Debian" && found.Main == "":
			found.Main = s.URL
		case label == "Debian-Security" && found.Security == "":
			found.Security = s.URL
		}
		if found.Main != "" && found.Security != "" {
			return found, nil
		}
	}
	if found.Main == "" {
		d := diag.Errorf(codeNoMirror, "no Debian mirror is known").
			WithWhy(fmt.Sprintf("none of the %d entries in /etc/apt answers with an InRelease of origin Debian", len(sources))).
			WithHelp("selfsame lock --debian-mirror http://HOST/debian")
		d.Cause = failed
		return Mirrors{}, d
	}
	sibling, err := MirrorsAt(found.Main)
	if err != nil {
		return Mirrors{}, err
	}
	found.Security = sibling.Security
	return found, nil
}

func probe(ctx context.Context, f fetcher, s archive.Source) (origin, label string, err error) {
	d := download{url: s.URL + "/dists/" + s.Suite + "/InRelease", size: -1, limit: archive.MaxInRelease}
	var b bytes.Buffer
	err = f.get(ctx, d, func(r io.Reader) error {
		b.Reset()
		_, err := io.Copy(&b, r)
		return err
	})
	if err != nil {
		return "", "", err
	}
	origin, label = archive.Origin(b.Bytes())
	return origin, label, nil
}
