package page

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/selfsame-build/selfsame/report"
)

// findingView is one finding.
type findingView struct {
	ID                      string
	Path                    string
	Within                  []string // the way from the file inwards
	Step, Place, Layer      string
	Mark, Kind              string // + only in B, − only in A, ≠ else
	Summary, Evidence, Fix  string
	Class, Cause, Certainty string
	Also                    []string
	More                    int
	Hunks                   []hunkView
	MoreHunks               int
	Values                  []valueView
	MoreValues              int
	Find                    string // what the filter looks at
	Open                    bool
	layer                   int
}

// valueView is one value on both sides, with what differs marked.
type valueView struct {
	Name           string
	A, B           []seg
	NoneA, NoneB   bool
	EmptyA, EmptyB bool
	One            bool // a warning has A only
}

// group is the findings of one layer, or all warnings.
type group struct {
	ID, Title, Place string
	List             []*findingView
	Rest             int
	platform         string
	layer            int
}

// classCount is how many findings have one cause.
type classCount struct {
	Class, Cause string
	N            int
}

// findings sorts r's findings into groups.
func (v *view) findings(r report.Result) {
	at := map[string]int{}
	shown := 0
	warnings := group{ID: "warnings"}
	counts := map[string]*classCount{}
	for i, f := range r.Findings {
		if f.Severity == "warning" {
			warnings.add(i, f, maxWarnings)
			continue
		}
		v.Differences += 1 + f.More
		count(counts, f)
		key := fmt.Sprintf("%d %s", f.Layer, f.Platform)
		n, ok := at[key]
		if !ok {
			n = len(v.Groups)
			at[key] = n
			v.Groups = append(v.Groups, newGroup(f, len(r.Compared) > 1))
		}
		if shown == maxFindings {
			v.Groups[n].Rest += 1 + f.More
		} else if v.Groups[n].add(i, f, maxPerLayer) {
			shown++
		}
	}
	v.Groups = slices.DeleteFunc(v.Groups, func(g group) bool { return len(g.List) == 0 })
	if len(warnings.List) > 0 {
		v.Warnings = &warnings
	}
	v.Classes = sorted(counts)
	if len(v.Groups) > 0 {
		first := *v.Groups[0].List[0]
		v.First, v.Groups[0].List[0].Open = &first, true
	}
}

func newGroup(f report.Finding, several bool) group {
	g := group{Title: layerName(f.Layer), Place: place(f.File, f.Line), platform: f.Platform, layer: f.Layer}
	if several {
		g.Title = text(f.Platform) + ", " + strings.ToLower(g.Title)
	}
	if f.Step != "" {
		g.Title += ": " + text(f.Step)
	}
	return g
}

func layerName(n int) string {
	if n == 0 {
		return "Manifest and config"
	}
	return fmt.Sprintf("Layer %d", n)
}

func (g *group) add(i int, f report.Finding, limit int) bool {
	if len(g.List) == limit {
		g.Rest += 1 + f.More
		return false
	}
	g.List = append(g.List, newFinding(i, f))
	return true
}

func newFinding(i int, f report.Finding) *findingView {
	v := &findingView{ID: fmt.Sprintf("f%d", i+1), Path: text(f.Path), Step: text(f.Step), Place: place(f.File, f.Line), Layer: layerName(f.Layer),
		Summary: text(f.Summary), Evidence: long(f.Evidence), Fix: long(f.Fix), Class: cut(f.Class, 20), Cause: cut(f.Cause, 80), Certainty: cut(f.Certainty, 20),
		Also: texts(f.Also), More: f.More, Kind: cut(f.Kind, 20), Mark: mark(f.Kind), layer: f.Layer}
	if v.Path == "" {
		v.Path = "(the layer as a whole)"
	}
	for _, w := range strings.SplitN(f.Within, " > ", 8) {
		if w != "" {
			v.Within = append(v.Within, text(w))
		}
	}
	for n, h := range f.Hunks {
		if n < maxHunks {
			v.Hunks = append(v.Hunks, newHunk(h))
		}
	}
	v.MoreHunks = max(0, len(f.Hunks)-maxHunks)
	for _, x := range f.Values {
		switch {
		case len(f.Hunks) > 0 && strings.HasPrefix(x.Name, "bytes at "): // the hunks show them better
		case len(v.Values) < maxValues:
			v.Values = append(v.Values, newValue(x, f.Severity == "warning"))
		default:
			v.MoreValues++
		}
	}
	v.Find = strings.ToLower(strings.Join([]string{v.Class, v.Cause, v.Path, cut(f.Within, 200), v.Kind, v.Place}, " "))
	return v
}

func mark(kind string) string {
	switch kind {
	case "added":
		return "+"
	case "removed":
		return "−"
	}
	return "≠"
}

func count(counts map[string]*classCount, f report.Finding) {
	if f.Class == "" {
		return
	}
	c := counts[f.Class]
	if c == nil {
		c = &classCount{Class: cut(f.Class, 20), Cause: cut(f.Cause, 80)}
		counts[f.Class] = c
	}
	c.N += 1 + f.More
}

// sorted is the classes, the most frequent first; a hostile report may have any number.
func sorted(counts map[string]*classCount) []classCount {
	out := make([]classCount, 0, len(counts))
	for _, c := range counts {
		out = append(out, *c)
	}
	slices.SortFunc(out, func(a, b classCount) int { return cmp.Or(b.N-a.N, cmp.Compare(a.Class, b.Class)) })
	return out[:min(len(out), 25)]
}
