package page

import (
	"fmt"
	"strings"

	"github.com/selfsame-build/selfsame/report"
)

// platformView is one platform's image as a picture: a block for each layer, from the base on. Equal layers are one block, because A and
// B share them; one that differs falls into two.
type platformView struct {
	ID, Name, Alt string
	Blocks        []block
	Layers        []layerView
	More          int // layers that differ and are not listed
	Same          bool
}

// block is a layer of the picture. X and W are per cent of its width.
type block struct {
	N            int
	X, W, Mid    string
	Differs      bool
	OnA, OnB     bool
	Href, Number string
	Title        string
}

// layerView is a layer that differs.
type layerView struct {
	ID, Title, Step, Place, Counts string
	Tree                           []*node
	Rest                           int
}

func platforms(r report.Result, groups []group) []platformView {
	var out []platformView
	for i, c := range r.Compared {
		if i == maxPlatforms {
			break
		}
		out = append(out, newPlatform(fmt.Sprintf("p%d", i+1), c, groups))
	}
	return out
}

func newPlatform(id string, c report.Compared, groups []group) platformView {
	p := platformView{ID: id, Name: text(c.Platform), Same: c.Level == "manifest"}
	differing := map[int]report.Layer{}
	for _, l := range c.Differing {
		differing[l.Layer] = l
	}
	total := max(c.LayersA, c.LayersB)
	drawn := min(total, maxLayers)
	for n := 1; n <= drawn; n++ {
		l, differs := differing[n]
		b := newBlock(n, drawn, differs)
		b.OnA, b.OnB = n <= c.LayersA, n <= c.LayersB
		if differs {
			b.Href, b.Title = fmt.Sprintf("#%s-l%d", id, n), fmt.Sprintf("layer %d differs: %s", n, text(l.Step))
		}
		p.Blocks = append(p.Blocks, b)
	}
	p.Alt = fmt.Sprintf("%s; %d of them differ", plural(int64(total), "layer"), len(c.Differing))
	for i, l := range c.Differing {
		if i == maxList {
			p.More = len(c.Differing) - i
			break
		}
		p.Layers = append(p.Layers, newLayer(id, c.Platform, l, groups))
	}
	if g := find(groups, c.Platform, 0); g != nil {
		p.Layers = append([]layerView{{ID: id + "-l0", Title: "Manifest and config", Tree: tree(g.List), Rest: g.Rest}}, p.Layers...)
	}
	return p
}

func newBlock(n, total int, differs bool) block {
	w := 100 / float64(total)
	x := w * float64(n-1)
	b := block{N: n, X: percent(x), W: percent(w), Mid: percent(x + w/2), Differs: differs, Title: fmt.Sprintf("layer %d is the same in A and B", n)}
	if total <= 12 || differs && total <= 40 { // more numbers would run into each other on a phone
		b.Number = fmt.Sprint(n)
	}
	return b
}

func percent(f float64) string { return fmt.Sprintf("%.3f%%", f) }

func newLayer(id, platform string, l report.Layer, groups []group) layerView {
	v := layerView{ID: fmt.Sprintf("%s-l%d", id, l.Layer), Title: fmt.Sprintf("Layer %d", l.Layer), Step: text(l.Step), Place: place(l.File, l.Line), Counts: counts(l)}
	if g := find(groups, platform, l.Layer); g != nil {
		v.Tree, v.Rest = tree(g.List), g.Rest
	}
	return v
}

func find(groups []group, platform string, layer int) *group {
	for i := range groups {
		if groups[i].platform == platform && groups[i].layer == layer {
			return &groups[i]
		}
	}
	return nil
}

func counts(l report.Layer) string {
	var parts []string
	for _, c := range []struct {
		n    int
		what string
	}{{l.Modified, "modified"}, {l.Added, "only in B"}, {l.Removed, "only in A"}, {l.Metadata, "with other metadata"}, {l.Moved, "moved"}} {
		if c.n > 0 {
			parts = append(parts, grouped(int64(c.n))+" "+c.what)
		}
	}
	return strings.Join(parts, ", ")
}
