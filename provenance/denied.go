package provenance

import (
	"fmt"
	"maps"
	"strings"
	"time"

	digest "github.com/opencontainers/go-digest"
	packageurl "github.com/package-url/packageurl-go"

	"github.com/selfsame-build/selfsame/trust"
)

// Denied answers what a deny list says of one image, in time that does not grow with the list's images and bases.
type Denied struct {
	images   map[digest.Digest]DenyEntry
	inputs   map[string]DenyEntry // hexadecimal sha256
	signers  []DenyEntry
	builders []DenyEntry
	packages map[string][]deniedPackage // by type/namespace/name
}

type deniedPackage struct {
	purl  packageurl.PackageURL
	entry DenyEntry
}

// Denied prepares the list for many questions. The list must have passed Check.
func (l DenyList) Denied() *Denied {
	d := &Denied{images: map[digest.Digest]DenyEntry{}, inputs: map[string]DenyEntry{}, packages: map[string][]deniedPackage{}}
	for _, e := range l.Entries {
		switch {
		case e.Digest != "":
			d.images[e.Digest] = e
		case e.Base != "":
			d.inputs[e.Base.Encoded()] = e
		case e.Signer != nil:
			d.signers = append(d.signers, e)
		case e.Builder != "":
			d.builders = append(d.builders, e)
		default:
			if p, err := parsePURL(e.Package); err == nil {
				d.packages[packageKey(p)] = append(d.packages[packageKey(p)], deniedPackage{p, e})
			}
		}
	}
	return d
}

// Image finds the entry for an image's index or platform manifest.
func (d *Denied) Image(image digest.Digest) (DenyEntry, bool) {
	e, ok := d.images[image]
	return e, ok
}

// Signer finds the entry for a statement that p signed at the trusted time at. The zero time means that nobody says when: such a
// statement counts as signed after every time, or whoever stole the key would leave the time out.
func (d *Denied) Signer(p trust.Party, at time.Time) (DenyEntry, bool) {
	for _, e := range d.signers {
		same := e.Signer.Key.Hint != "" && e.Signer.Key.Hint == p.Key.Hint ||
			e.Signer.Identity != (trust.Identity{}) && e.Signer.Identity == p.Identity
		if same && since(e, at) {
			return e, true
		}
	}
	return DenyEntry{}, false
}

// Builder finds the entry for a build by builder.id id that was signed at the trusted time at; the zero time is as with Signer.
func (d *Denied) Builder(id string, at time.Time) (DenyEntry, bool) {
	for _, e := range d.builders {
		if e.Builder == id && since(e, at) {
			return e, true
		}
	}
	return DenyEntry{}, false
}

func since(e DenyEntry, at time.Time) bool {
	return e.Since.IsZero() || at.IsZero() || !at.Before(e.Since)
}

// Input finds the entry for something that entered a build: by its digest, by a digest that its URI or download location pins (a base is
// often locked by the manifest of one platform and named by its index), or by its package URL.
func (d *Denied) Input(r ResourceDescriptor) (DenyEntry, bool) {
	if len(d.inputs) > 0 {
		if e, ok := d.inputs[r.Digest["sha256"]]; ok {
			return e, true
		}
		for _, place := range []string{r.URI, r.DownloadLocation} {
			if e, ok := d.inputs[pinned(place)]; ok {
				return e, true
			}
		}
	}
	if len(d.packages) == 0 || !strings.HasPrefix(r.URI, "pkg:") {
		return DenyEntry{}, false
	}
	p, err := parsePURL(r.URI)
	if err != nil {
		return DenyEntry{}, false // no package of a list's either
	}
	for _, c := range d.packages[packageKey(p)] {
		if c.covers(p) {
			return c.entry, true
		}
	}
	return DenyEntry{}, false
}

// pinned is the hexadecimal digest that a reference or package URL names after "sha256:" (or "sha256%3A"), or empty.
func pinned(place string) string {
	for _, mark := range []string{"sha256:", "sha256%3A", "sha256%3a"} {
		if _, after, ok := strings.Cut(place, mark); ok && len(after) >= 64 && lowerHex(after[:64]) {
			return after[:64]
		}
	}
	return ""
}

// covers: a version or qualifier that the list leaves out stands for all of them.
func (c deniedPackage) covers(p packageurl.PackageURL) bool {
	if c.purl.Version != "" && c.purl.Version != p.Version {
		return false
	}
	has := maps.Collect(func(yield func(string, string) bool) {
		for _, q := range p.Qualifiers {
			if !yield(q.Key, q.Value) {
				return
			}
		}
	})
	for _, q := range c.purl.Qualifiers {
		if has[q.Key] != q.Value {
			return false
		}
	}
	return c.purl.Subpath == "" || c.purl.Subpath == p.Subpath
}

func packageKey(p packageurl.PackageURL) string { return p.Type + "/" + p.Namespace + "/" + p.Name }

// parsePURL reads a package URL and brings it to the form that its type prescribes (purl-spec, "Known purl types": letters' case and the
// like), so that two ways to write one package are one.
func parsePURL(s string) (packageurl.PackageURL, error) {
	p, err := packageurl.FromString(s)
	if err == nil {
		err = p.Normalize()
	}
	if err != nil {
		return p, fmt.Errorf("%.200q is no package URL: %w", s, err)
	}
	return p, nil
}
