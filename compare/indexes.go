package compare

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// IndexPlatform stands for the index itself in Report.Platform.
const IndexPlatform = "index"

// Indexes compares two indexes but for what they lead to: fields, annotations, and what they say of each platform's manifest beside its
// digest and size. BuildKit's attestations are left out; which platforms are there is for the caller to say.
func Indexes(a, b Listing) (Report, error) {
	rep := Report{Platform: IndexPlatform, A: Side{Manifest: a.Digest}, B: Side{Manifest: b.Digest}, Level: LevelManifest}
	if a.Index == nil || b.Index == nil || bytes.Equal(a.Index, b.Index) {
		return rep, nil
	}
	x, err := indexFields(a.Index)
	if err != nil {
		return rep, unreadable(err)
	}
	y, err := indexFields(b.Index)
	if err != nil {
		return rep, unreadable(err)
	}
	if rep.Differences, err = x.diff(y); err != nil {
		return rep, unreadable(err)
	}
	if order := orderDiff(x.order, y.order); order != nil {
		rep.Differences = append(rep.Differences, *order)
	}
	if len(rep.Differences) == 0 && a.sameContents(b) { // only spaces, the order of keys and the like can be left
		if rep.Differences, err = diffJSON(KindIndex, a.Index, b.Index, nil); err != nil {
			return rep, unreadable(err)
		}
	}
	if len(rep.Differences) > 0 {
		rep.Level = LevelDifferent
	}
	return rep, nil
}

// sameContents says that both lead to the same things and nothing was left out.
func (l Listing) sameContents(o Listing) bool {
	return slices.Equal(l.Images, o.Images) && len(l.Attestations)+len(o.Attestations) == 0
}

// parsedIndex is an index with its manifests by platform, less what only names them.
type parsedIndex struct {
	fields  map[string]any
	entries map[string]any
	order   []string // the platforms
}

func indexFields(raw []byte) (p parsedIndex, err error) {
	var ix ocispec.Index
	if err := json.Unmarshal(raw, &ix); err != nil {
		return p, err
	}
	v, err := decodeJSON(raw)
	if err != nil {
		return p, err
	}
	p.fields, _ = v.(map[string]any)
	list, _ := p.fields["manifests"].([]any)
	if len(list) != len(ix.Manifests) || p.fields == nil {
		return p, fmt.Errorf("an index with %d manifests, or %d", len(list), len(ix.Manifests))
	}
	p.entries = map[string]any{}
	for i, d := range ix.Manifests {
		entry, ok := list[i].(map[string]any)
		if !ok || IsAttestation(d) {
			continue
		}
		delete(entry, "digest")
		delete(entry, "size")
		name := entryName(d, p.entries)
		p.entries[name] = entry
		p.order = append(p.order, name)
	}
	p.fields["manifests"] = p.entries
	return p, nil
}

// diff compares fields, and of the entries those that both have.
func (p parsedIndex) diff(q parsedIndex) ([]Difference, error) {
	for name := range p.entries {
		if q.entries[name] == nil {
			delete(p.entries, name)
		}
	}
	for name := range q.entries {
		if p.entries[name] == nil {
			delete(q.entries, name)
		}
	}
	x, err := json.Marshal(p.fields)
	if err != nil {
		return nil, err
	}
	y, err := json.Marshal(q.fields)
	if err != nil {
		return nil, err
	}
	return diffJSON(KindIndex, x, y, nil)
}

// entryName names an entry by its platform; several of one platform are counted.
func entryName(d ocispec.Descriptor, taken map[string]any) string {
	base := DescriptorPlatform(d)
	if d.ArtifactType != "" {
		base = strings.TrimSpace(d.ArtifactType + " " + base)
	}
	name := base
	for n := 2; taken[name] != nil; n++ {
		name = fmt.Sprintf("%s (%d)", base, n)
	}
	return name
}

// orderDiff is where the sequence of the platforms that both have parts.
func orderDiff(a, b []string) *Difference {
	a = slices.DeleteFunc(slices.Clone(a), func(s string) bool { return !slices.Contains(b, s) })
	b = slices.DeleteFunc(slices.Clone(b), func(s string) bool { return !slices.Contains(a, s) })
	for i := range a {
		if a[i] != b[i] {
			return &Difference{Kind: KindOrder, Layer: -1, Path: "$.manifests", Fields: []Field{field("next entry", &a[i], &b[i])}}
		}
	}
	return nil
}

// OneSided is the report on a platform that only one side has: manifest is its, in A or else in B.
func OneSided(m PlatformManifest, inA bool) Report {
	d, text := Difference{Kind: KindPlatform, Layer: -1, Path: m.Platform}, string(m.Manifest)
	rep := Report{Platform: m.Platform, Level: LevelDifferent}
	if inA {
		rep.A.Manifest, d.Fields = m.Manifest, []Field{field("manifest", &text, nil)}
	} else {
		rep.B.Manifest, d.Fields = m.Manifest, []Field{field("manifest", nil, &text)}
	}
	rep.Differences = []Difference{d}
	return rep
}
