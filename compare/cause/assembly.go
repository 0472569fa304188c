package cause

import (
	"fmt"
	"strings"

	"github.com/selfsame-build/selfsame/compare"
)

// imageAssembly is how the image was put together, not what is in it.
var imageAssembly = Cause{
	Class: "T23", Title: "image assembly", judge: judgeAssembly,
	Remedy: "assemble with one tool and version, with SOURCE_DATE_EPOCH and rewrite-timestamp=true",
	Page: `The image was put together in another way: times in its history, annotations, media types, whiteouts, links, attributes, headers.

Selfsame assembles by one rule, so this is about other tools' images, or about one of another version. Labels and history that hold a time
come from build arguments: take SOURCE_DATE_EPOCH for them.`,
}

func judgeAssembly(s *spot) (verdict, bool) {
	switch s.diff.Kind {
	case compare.KindManifest, compare.KindConfig:
		return verdict{certainty: Certain, weight: 6, evidence: fmt.Sprintf("%s of the image's %s is %s in A, %s in B", s.path, s.diff.Kind, quote(s.a), quote(s.b))}, true
	case compare.KindLayers:
		return verdict{certainty: Certain, weight: 6, evidence: "the images have another number of layers"}, true
	case compare.KindTar:
		return verdict{certainty: Certain, weight: 6, evidence: "the layer's tar is written otherwise around the same entries"}, true
	}
	if s.diff.Whiteout != "" {
		return verdict{certainty: Likely, weight: 6, evidence: "a deletion is written otherwise"}, true
	}
	if s.format != "image" {
		return verdict{}, false
	}
	switch f := s.field; {
	case f == "format", f == "pax", f == "type", f == "device", strings.HasPrefix(f, "xattr."), strings.HasPrefix(f, "pax."):
		return verdict{certainty: Likely, weight: 6, evidence: fmt.Sprintf("the entry's %s is %s in A, %s in B", f, quote(s.a), quote(s.b))}, true
	}
	return verdict{}, false
}
