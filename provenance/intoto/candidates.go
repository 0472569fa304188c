package intoto

import (
	"maps"
	"slices"
	"strings"

	"github.com/in-toto/in-toto-golang/in_toto"
	digest "github.com/opencontainers/go-digest"
)

// maxVersions bounds the different links of one step that are looked through. There is more than one only where somebody attached what
// was signed for another run.
const maxVersions = 256

// candidates are the links that could count for a step.
type candidates struct {
	versions  []*version
	byContent map[digest.Digest]*version
	strangers []string // key ids of those who signed links and are no functionaries
	foreign   []string // why links of functionaries cannot count
	overflow  bool
}

// version is what one or more functionaries say, artifact by artifact.
type version struct {
	link    Link
	by      []string // key ids, distinct, sorted
	where   []Signed
	content map[digest.Digest]bool // the digests of its artifacts
	meta    *in_toto.Metablock
}

// add counts a link. Command and by-products are no part of what functionaries have to agree on; in-toto-golang too goes by
//
//	> asserting that the reported Materials and Products are equal across links for a given step
func (c *candidates) add(s Signed) {
	key := s.contents()
	v := c.byContent[key]
	if v == nil {
		if len(c.versions) == maxVersions {
			c.overflow = true
			return
		}
		v = newVersion(s.Link)
		if c.byContent == nil {
			c.byContent = map[digest.Digest]*version{}
		}
		c.byContent[key] = v
		c.versions = append(c.versions, v)
	}
	v.where = append(v.where, s)
	if i, found := slices.BinarySearch(v.by, s.KeyID); !found {
		v.by = slices.Insert(v.by, i, s.KeyID)
	}
}

// contents names what a link says of materials and products.
func (l Link) contents() digest.Digest {
	var b strings.Builder
	for _, side := range []Artifacts{l.Materials, l.Products} {
		for _, name := range sortedKeys(side) {
			b.WriteString(name + "\x00" + string(side[name]) + "\x00")
		}
		b.WriteString("\x01")
	}
	return digest.FromString(b.String())
}

func newVersion(l Link) *version {
	v := &version{link: l, content: map[digest.Digest]bool{}}
	for _, side := range []Artifacts{l.Materials, l.Products} {
		for _, d := range side {
			v.content[d] = true
		}
	}
	v.meta = &in_toto.Metablock{Signed: in_toto.Link{Type: "link", Name: l.Step, Materials: hashes(l.Materials), Products: hashes(l.Products)}}
	return v
}

func hashes(a Artifacts) map[string]in_toto.HashObj {
	out := map[string]in_toto.HashObj{}
	for name, d := range a {
		out[name] = in_toto.HashObj{"sha256": d.Encoded()}
	}
	return out
}

// contradiction is an artifact that different functionaries made differently from the same materials; empty where there is none. Other
// materials are another run, and a functionary who signed both knows that the step may end in either way.
func contradiction(a, b *version) string {
	if !maps.Equal(a.link.Materials, b.link.Materials) || slices.ContainsFunc(a.by, func(id string) bool { return slices.Contains(b.by, id) }) {
		return ""
	}
	for _, name := range sortedKeys(a.link.Products) {
		if d, both := b.link.Products[name]; both && d != a.link.Products[name] {
			return name
		}
	}
	return ""
}
