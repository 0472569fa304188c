package inside

import (
	"bytes"

	"github.com/selfsame-build/selfsame/compare/inside/align"
)

// bytes shows the differing runs of two files that no format explains. Files of one size are compared place by place, others are aligned
// first, so that a value of another length does not make all that follows differ.
func (c *comparer) bytes(at place, format string, a, b File) {
	l := &runs{}
	c.runs(l, a, b)
	c.show(at, KindBytes, format, a, b, l)
}

func (c *comparer) runs(l *runs, a, b File) {
	if a.Size == b.Size {
		c.positional(l, a, b, run{0, a.Size, 0, b.Size})
		return
	}
	p := c.prefix(a, b)
	s := c.suffix(a, b, p)
	c.align(l, a, b, run{p, a.Size - s, p, b.Size - s})
}

// positional compares a region of the same length on both sides byte by byte.
func (c *comparer) positional(l *runs, a, b File, r run) {
	size := int(min(r.a1-r.a0, blockLen))
	bufA, bufB := make([]byte, size), make([]byte, size)
	for off := int64(0); off < r.a1-r.a0 && !c.done(); {
		k := int(min(r.a1-r.a0-off, blockLen))
		if !readBoth(a, b, r.a0+off, r.b0+off, bufA[:k], bufB[:k]) {
			return
		}
		if !bytes.Equal(bufA[:k], bufB[:k]) {
			for i := 0; i < k; i++ {
				start := i
				for i < k && bufA[i] != bufB[i] {
					i++
				}
				x, y := r.a0+off, r.b0+off
				l.add(run{x + int64(start), x + int64(i), y + int64(start), y + int64(i)})
			}
		}
		off += int64(k)
	}
}

const (
	minChunk = 32      // bytes of an average chunk, at least
	maxChunk = 1 << 20 // and at most: files of more than 32 GB are not aligned
	chunksOf = 1 << 15 // chunks that a side is cut into, about
	maxFine  = 4 << 10 // bytes of both sides together that are aligned one by one
)

// align compares a region of different lengths: first by chunks whose borders depend on the content, then within what differs.
func (c *comparer) align(l *runs, a, b File, r run) {
	if r.a0 == r.a1 || r.b0 == r.b1 || r.a1-r.a0+r.b1-r.b0 <= maxFine {
		c.fine(l, a, b, r)
		return
	}
	avg := int64(minChunk)
	for avg*chunksOf < max(r.a1-r.a0, r.b1-r.b0) {
		avg *= 2
	}
	if avg > maxChunk {
		l.add(r)
		return
	}
	ids := map[[16]byte]int32{}
	x, y := c.chunks(a, r.a0, r.a1, avg, ids), c.chunks(b, r.b0, r.b1, avg, ids)
	for _, h := range align.Hunks(x.ids, y.ids) {
		if c.done() {
			return
		}
		c.fine(l, a, b, run{x.starts[h.A0], x.starts[h.A1], y.starts[h.B0], y.starts[h.B1]})
	}
}

// fine finds what differs within a changed region.
func (c *comparer) fine(l *runs, a, b File, r run) {
	switch n := r.a1 - r.a0 + r.b1 - r.b0; {
	case l.full(): // only the number of runs counts any more
		l.add(r)
	case r.a1-r.a0 == r.b1-r.b0 && n > maxFine:
		c.positional(l, a, b, r)
	case n > maxFine:
		l.add(c.trim(a, b, r))
	default:
		x, y := a.upTo(r.a0, int(r.a1-r.a0)), b.upTo(r.b0, int(r.b1-r.b0))
		for _, h := range align.Hunks(widen(x), widen(y)) {
			l.add(run{r.a0 + int64(h.A0), r.a0 + int64(h.A1), r.b0 + int64(h.B0), r.b0 + int64(h.B1)})
		}
	}
}

// trim takes equal bytes off both ends of a region.
func (c *comparer) trim(a, b File, r run) run {
	x, y := a.section(r.a0, r.a1-r.a0), b.section(r.b0, r.b1-r.b0)
	p := c.prefix(x, y)
	s := c.suffix(x, y, p)
	return run{r.a0 + p, r.a1 - s, r.b0 + p, r.b1 - s}
}

func widen(b []byte) []int32 {
	out := make([]int32, len(b))
	for i, v := range b {
		out[i] = int32(v)
	}
	return out
}
