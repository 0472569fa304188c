package provenance

import (
	"fmt"
)

// Content is one package that a list of contents says is in the image.
type Content struct {
	Name    string
	Version string
	PURL    string // package URL; empty: none is given
	License string // SPDX expression as concluded, else as declared; empty: not known
}

// maxContents bounds the packages of one list.
const maxContents = 200_000

// spdxDocument is the part of SPDX 2.3's JSON that says what is in an image.
type spdxDocument struct {
	Version  string `json:"spdxVersion"`
	Packages []struct {
		ID         string `json:"SPDXID"`
		Name       string `json:"name"`
		Version    string `json:"versionInfo"`
		Concluded  string `json:"licenseConcluded"`
		Declared   string `json:"licenseDeclared"`
		References []struct {
			Type    string `json:"referenceType"`
			Locator string `json:"referenceLocator"`
		} `json:"externalRefs"`
	} `json:"packages"`
	Relationships []struct {
		From string `json:"spdxElementId"`
		Type string `json:"relationshipType"`
		To   string `json:"relatedSpdxElement"`
	} `json:"relationships"`
}

// Contents reads the packages of an SPDX 2 document, by anyone. What the document is about (the image itself), and what was only needed to
// build it, is not among them.
//
//	> DESCRIBES: Is to be used when SPDXRef-DOCUMENT describes SPDXRef-A.
//	> BUILD_DEPENDENCY_OF: Is to be used when SPDXRef-A is a build dependency of SPDXRef-B. (SPDX 2.3, clause 11.1)
func (s Statement) Contents() ([]Content, error) {
	var d spdxDocument
	if s.PredicateType != PredicateSPDX {
		return nil, fmt.Errorf("reading a list of contents: the predicate type is %q, not %q", s.PredicateType, PredicateSPDX)
	}
	if err := s.predicate(&d); err != nil {
		return nil, fmt.Errorf("reading a list of contents: %w", err)
	}
	switch {
	case d.Version == "":
		return nil, fmt.Errorf("reading a list of contents: `spdxVersion` is missing")
	case len(d.Packages) > maxContents:
		return nil, fmt.Errorf("reading a list of contents: %d packages, the limit is %d", len(d.Packages), maxContents)
	}
	leave := d.notContained()
	out := []Content{}
	for _, p := range d.Packages {
		if leave[p.ID] {
			continue
		}
		c := Content{Name: p.Name, Version: p.Version, License: license(p.Concluded, p.Declared)}
		for _, r := range p.References {
			if r.Type == "purl" && c.PURL == "" {
				c.PURL = r.Locator
			}
		}
		out = append(out, c)
	}
	return out, nil
}

// notContained are the elements that the document describes, and those that are said to be for building alone.
func (d spdxDocument) notContained() map[string]bool {
	described, building, contained := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, r := range d.Relationships {
		switch r.Type {
		case "DESCRIBES":
			described[r.To] = true
		case "DESCRIBED_BY":
			described[r.From] = true
		case "BUILD_DEPENDENCY_OF":
			building[r.From] = true
		case "CONTAINS":
			contained[r.To] = true
		case "CONTAINED_BY":
			contained[r.From] = true
		}
	}
	for id := range building {
		if !contained[id] {
			described[id] = true
		}
	}
	return described
}

// license is what was concluded, else what was declared; "NOASSERTION" says nothing.
func license(concluded, declared string) string {
	for _, l := range []string{concluded, declared} {
		if l != "" && l != "NOASSERTION" {
			return l
		}
	}
	return ""
}
