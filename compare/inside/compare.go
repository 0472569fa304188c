package inside

import (
	"context"
	"io"
)

// Compare looks into two files whose bytes differ. The name is where the file stands in its image; it is a hint at most. The only errors
// are those of reading a or b, and of ctx: content of any kind, however broken, is compared as bytes in the end. Equal files have no
// parts.
func Compare(ctx context.Context, name string, a, b File, opt Options) ([]Part, error) {
	c := &comparer{ctx: ctx, lim: opt.Limits.filled(), scratch: opt.Scratch}
	c.left, c.memory, c.shown = c.lim.Bytes, maxMemory, maxShown
	c.entries = 2 * c.lim.Entries
	a.Bytes, b.Bytes = guard{c, a.Bytes, a.Size}, guard{c, b.Bytes, b.Size}
	if !c.equal(a, b) && c.err == nil {
		c.pair(place{name: name}, a, b)
	}
	if c.err != nil {
		return nil, c.err
	}
	if c.more > 0 && len(c.parts) > 0 {
		c.parts[len(c.parts)-1].More += c.more
	}
	return c.parts, nil
}

func (l Limits) filled() Limits {
	d := DefaultLimits
	if l.Depth > 0 {
		d.Depth = l.Depth
	}
	if l.Entries > 0 {
		d.Entries = l.Entries
	}
	if l.Bytes > 0 {
		d.Bytes = l.Bytes
	}
	if l.Ratio > 0 {
		d.Ratio = l.Ratio
	}
	if l.Parts > 0 {
		d.Parts = l.Parts
	}
	return d
}

// comparer is the state of one Compare.
type comparer struct {
	ctx     context.Context
	lim     Limits
	scratch string
	left    int64 // bytes that may still be unpacked
	memory  int64 // bytes of unpacked content that may still be held in memory
	entries int   // entries that may still be held, of all open levels and both sides together
	shown   int64 // bytes that parts may still show before they are cut to one edit each
	parts   []Part
	more    int   // parts that had no room
	err     error // the first read error, or the context's; all views give up when it is set
}

// maxShown is when parts begin to show less, so that a report of very many files stays small.
const maxShown = 256 << 10

// place is where in the file the comparison stands.
type place struct {
	path  []Node
	name  string // of the innermost entry, a hint
	depth int
}

// in is the place within an entry of a container at p.
func (p place) in(format, entry string) place {
	entry = clip(entry, maxName)
	name := entry
	if name == "" {
		name = p.name
	}
	return place{append(p.path[:len(p.path):len(p.path)], Node{format, entry}), name, p.depth + 1}
}

// view opens both files as one format and adds what differs. It says false where one of them is not what its first bytes claim, or
// where a limit was crossed.
type view func(c *comparer, at place, a, b File) bool

// pair compares two files that differ, by the first view that finds something.
func (c *comparer) pair(at place, a, b File) {
	if c.err != nil {
		return
	}
	if len(c.parts) >= c.lim.Parts {
		c.more++
		return
	}
	if at.depth < c.lim.Depth {
		ha, hb := c.head(a), c.head(b)
		for _, f := range formats {
			if f.claims(ha) && f.claims(hb) && c.try(f.open, at, a, b) || c.err != nil {
				return
			}
		}
	}
	// Programs carry archives at their end: a script before a zip, a jar that runs itself.
	if at.depth < c.lim.Depth && c.try(zips, at, a, b) || c.err != nil {
		return
	}
	if !c.try(texts, at, a, b) && c.err == nil {
		c.bytes(at, "", a, b)
	}
}

// belt turns a panic of a parser into "not this format". Tests take it off.
var belt = true

// try takes back what a view added before it failed.
func (c *comparer) try(v view, at place, a, b File) (found bool) {
	before := *c
	defer func() {
		if belt {
			if recover() != nil {
				found = false
			}
		}
		if !found {
			clear(c.parts[len(before.parts):]) // what they hold can be freed
			c.parts, c.more, c.shown, c.entries, c.memory = c.parts[:len(before.parts)], before.more, before.shown, before.entries, before.memory
		}
	}()
	return v(c, at, a, b) && c.err == nil && (len(c.parts) > len(before.parts) || c.more > before.more)
}

// fail keeps the first error that ends the comparison.
func (c *comparer) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

// done says whether there is no use in going on.
func (c *comparer) done() bool {
	if c.err == nil {
		if err := c.ctx.Err(); err != nil {
			c.fail(err)
		}
	}
	return c.err != nil
}

// add keeps a part, if there is room.
func (c *comparer) add(p Part) {
	if len(c.parts) >= c.lim.Parts {
		c.more++
		return
	}
	p.Name = clip(p.Name, maxName)
	if c.shown <= 0 {
		p.less()
	}
	c.shown -= p.weight()
	c.parts = append(c.parts, p)
}

func (c *comparer) field(at place, format, name string, a, b *string) {
	c.add(Part{Path: at.path, Format: format, Kind: KindField, Name: name, A: value(a), B: value(b)})
}

// fieldIf adds a field where the values differ.
func (c *comparer) fieldIf(at place, format, name, a, b string) {
	if a != b {
		c.field(at, format, name, &a, &b)
	}
}

// less leaves the first of everything.
func (p *Part) less() {
	if len(p.Edits) > 1 {
		p.More += len(p.Edits) - 1
		p.Edits = p.Edits[:1]
	}
	p.OrderA, p.OrderB = p.OrderA[:min(1, len(p.OrderA))], p.OrderB[:min(1, len(p.OrderB))]
}

func (p *Part) weight() int64 {
	n := len(p.Name)
	for _, e := range p.Edits {
		n += len(e.A) + len(e.B) + len(e.Before) + len(e.After)
	}
	for _, s := range append(p.OrderA[:len(p.OrderA):len(p.OrderA)], p.OrderB...) {
		n += len(s)
	}
	return int64(n)
}

// guard is a File's reader that remembers the first error, and refuses to go on when the context is done.
type guard struct {
	c    *comparer
	r    io.ReaderAt
	size int64
}

func (g guard) ReadAt(p []byte, off int64) (int, error) {
	if g.c.done() {
		return 0, g.c.err
	}
	n, err := g.r.ReadAt(p, off)
	if n == len(p) {
		return n, nil
	}
	if err == nil || err == io.EOF && off+int64(n) < g.size {
		err = io.ErrUnexpectedEOF // the file is shorter than was said
	}
	if err != io.EOF {
		g.c.fail(err)
	}
	return n, err
}
