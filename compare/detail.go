package compare

import (
	"archive/tar"
	"context"
	"io"
	"sort"

	"golang.org/x/sync/errgroup"
)

// maxPasses is how often B's layer is started over to meet files that stand in another order than in A.
const maxPasses = 4

// entry is what is kept of a header that will be shown.
type entry struct {
	name  string
	white string
	attrs []attr
}

// layerDiff compares one layer of two images.
type layerDiff struct {
	ctx  context.Context
	a, b *Image
	i    int
	opt  Options
	// look is how many more files may be looked into.
	look int
}

// run gives the layer's report and its differences.
func (l *layerDiff) run(room int) (LayerReport, []Difference, error) {
	rep := LayerReport{Index: l.i, Step: l.opt.Steps[l.i], DiffIDA: l.a.layers[l.i].DiffID, DiffIDB: l.b.layers[l.i].DiffID}
	ta, tb, err := l.tables()
	if err != nil {
		return rep, nil, err
	}
	m := match(ta, tb)
	rep.Entries = m.counts
	if len(m.changes) == 0 && m.counts.Moved == 0 {
		d, err := l.rawTar()
		return rep, []Difference{d}, err
	}
	shown := m.changes[:min(room, len(m.changes))]
	rep.Truncated = len(m.changes) - len(shown)
	diffs, err := l.describe(shown, m)
	return rep, diffs, err
}

func (l *layerDiff) tables() (ta, tb *table, err error) {
	g, ctx := errgroup.WithContext(l.ctx)
	g.Go(func() (err error) { ta, err = l.a.tabulate(ctx, l.i, l.opt.Limits); return err })
	g.Go(func() (err error) { tb, err = l.b.tabulate(ctx, l.i, l.opt.Limits); return err })
	return ta, tb, g.Wait()
}

// describe reads the layers again, this time only to look at the entries in shown.
func (l *layerDiff) describe(shown []change, m matching) ([]Difference, error) {
	ea, eb, err := l.headers(shown, m)
	if err != nil {
		return nil, err
	}
	contents, err := l.contents(shown)
	if err != nil {
		return nil, err
	}
	diffs := make([]Difference, 0, len(shown)+1)
	for n, c := range shown {
		d := Difference{Kind: c.kind, Layer: l.i, Step: l.opt.Steps[l.i], Content: contents[n]}
		x, y := ea[c.a], eb[c.b]
		if c.a >= 0 {
			d.Path, d.Whiteout = x.name, x.white
		} else {
			d.Path, d.Whiteout = y.name, y.white
		}
		d.Fields = diffAttrs(x.attrs, y.attrs)
		diffs = append(diffs, d)
	}
	if m.counts.Moved > 0 {
		x, y := ea[m.swapA].name, eb[m.swapB].name
		diffs = append(diffs, Difference{Kind: KindOrder, Layer: l.i, Step: l.opt.Steps[l.i], Path: x,
			Fields: []Field{field("next entry", &x, &y)}})
	}
	return diffs, nil
}

// headers collects what is shown of both sides, by ordinal.
func (l *layerDiff) headers(shown []change, m matching) (ea, eb map[int32]entry, err error) {
	wantA, wantB := map[int32]bool{}, map[int32]bool{}
	for _, c := range append([]change{{a: m.swapA, b: m.swapB}}, shown...) {
		wantA[c.a], wantB[c.b] = true, true
	}
	delete(wantA, -1)
	delete(wantB, -1)
	g, ctx := errgroup.WithContext(l.ctx)
	g.Go(func() (err error) { ea, err = l.a.entries(ctx, l.i, l.opt.Limits, wantA); return err })
	g.Go(func() (err error) { eb, err = l.b.entries(ctx, l.i, l.opt.Limits, wantB); return err })
	return ea, eb, g.Wait()
}

func (i *Image) entries(ctx context.Context, index int, lim Limits, want map[int32]bool) (map[int32]entry, error) {
	found := make(map[int32]entry, len(want))
	c, err := i.cursor(ctx, index, lim)
	if err != nil {
		return nil, err
	}
	defer c.r.Close()
	for len(found) < len(want) {
		h, err := c.next()
		if err != nil {
			return nil, err
		}
		if want[c.at] {
			found[c.at] = entry{clip(h.Name, maxName), whiteout(h.Name), bounded(attrs(h))}
		}
	}
	return found, nil
}

// cursor is a reader that knows its place.
type cursor struct {
	r    *LayerReader
	at   int32  // ordinal of the current entry, -1 before the first
	name string // its name
}

func (i *Image) cursor(ctx context.Context, index int, lim Limits) (*cursor, error) {
	r, err := i.ReadLayer(ctx, index, lim)
	if err != nil {
		return nil, err
	}
	return &cursor{r: r, at: -1}, nil
}

func (c *cursor) next() (*tar.Header, error) {
	h, err := c.r.Next()
	if err == io.EOF {
		// The first pass saw more entries: the file was changed under us.
		return nil, c.r.img.inLayer(c.r.s.layer.Index, io.ErrUnexpectedEOF)
	}
	c.at++
	if err == nil {
		c.name = h.Name
	}
	return h, err
}

// to moves forward to entry ordinal.
func (c *cursor) to(ordinal int32) error {
	for c.at < ordinal {
		if _, err := c.next(); err != nil {
			return err
		}
	}
	return nil
}

// contents compares the bytes of modified files. Each pass walks both layers once and takes every file that comes later
// than the one before on both sides; what is left after maxPasses stays without its bytes located.
func (l *layerDiff) contents(shown []change) (map[int]*Content, error) {
	out := map[int]*Content{}
	var todo []int
	for n, c := range shown {
		if c.kind == KindModified {
			out[n] = &Content{}
			todo = append(todo, n)
		}
	}
	sort.Slice(todo, func(i, j int) bool { return shown[todo[i]].a < shown[todo[j]].a })
	for pass := 0; pass < maxPasses && len(todo) > 0; pass++ {
		var now, later []int
		last := int32(-1)
		for _, n := range todo {
			if shown[n].b > last {
				now, last = append(now, n), shown[n].b
			} else {
				later = append(later, n)
			}
		}
		if err := l.pass(shown, now, out); err != nil {
			return nil, err
		}
		todo = later
	}
	return out, nil
}

func (l *layerDiff) pass(shown []change, now []int, out map[int]*Content) error {
	ca, err := l.a.cursor(l.ctx, l.i, l.opt.Limits)
	if err != nil {
		return err
	}
	defer ca.r.Close()
	cb, err := l.b.cursor(l.ctx, l.i, l.opt.Limits)
	if err != nil {
		return err
	}
	defer cb.r.Close()
	for _, n := range now {
		if err := ca.to(shown[n].a); err != nil {
			return err
		}
		if err := cb.to(shown[n].b); err != nil {
			return err
		}
		c, err := l.file(ca, cb)
		if err != nil {
			return err
		}
		out[n] = &c
	}
	return nil
}

// rawTar finds the bytes that differ in two tars whose entries are the same.
func (l *layerDiff) rawTar() (Difference, error) {
	d := Difference{Kind: KindTar, Layer: l.i, Step: l.opt.Steps[l.i]}
	sa, err := l.a.openStream(l.ctx, l.i, l.opt.Limits)
	if err != nil {
		return d, l.a.inLayer(l.i, err)
	}
	defer sa.Close()
	sb, err := l.b.openStream(l.ctx, l.i, l.opt.Limits)
	if err != nil {
		return d, l.b.inLayer(l.i, err)
	}
	defer sb.Close()
	c, err := diffStreams(sa, sb)
	d.Content = &c
	return d, err
}
