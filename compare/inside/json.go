package inside

import (
	"strconv"
	"strings"

	"github.com/selfsame-build/selfsame/compare/inside/align"
)

// jsons compares documents value by value.
func jsons(c *comparer, at place, a, b File) bool {
	if a.Size > maxJSON || b.Size > maxJSON {
		return false
	}
	x, ok := parseJSON(a.upTo(0, maxJSON))
	if !ok || c.done() {
		return false
	}
	y, ok := parseJSON(b.upTo(0, maxJSON))
	if !ok {
		return false
	}
	d := &jsonDiff{c: c, at: at, x: x, y: y}
	d.value(0, 0)
	return true
}

// jsonDiff walks two documents side by side. The path is kept in pieces and put together where it is needed: a hostile document could
// make every path a megabyte long.
type jsonDiff struct {
	c    *comparer
	at   place
	x, y *jsonTree
	path []string
}

func (d *jsonDiff) name() string {
	var s strings.Builder
	s.WriteByte('$')
	for _, p := range d.path {
		if s.Len() > maxName {
			break
		}
		s.WriteString(p)
	}
	return s.String()
}

// value compares node i of A with node j of B; -1 stands for none.
func (d *jsonDiff) value(i, j int32) {
	switch {
	case d.c.done():
	case i < 0:
		d.part(KindAdded, nil, d.y.raw(j))
	case j < 0:
		d.part(KindRemoved, d.x.raw(i), nil)
	case d.x.nodes[i].hash == d.y.nodes[j].hash:
	case d.x.kind(i) == '{' && d.y.kind(j) == '{':
		d.objects(d.x.list(i), d.y.list(j))
	case d.x.kind(i) == '[' && d.y.kind(j) == '[':
		d.lists(d.x.list(i), d.y.list(j))
	default:
		d.part(KindField, d.x.raw(i), d.y.raw(j))
	}
}

func (d *jsonDiff) part(kind Kind, a, b []byte) {
	if len(d.c.parts) >= d.c.lim.Parts {
		d.c.more++
		return
	}
	text := func(raw []byte) *string {
		if raw == nil {
			return nil
		}
		s := first(raw)
		return &s
	}
	d.c.add(Part{Path: d.at.path, Format: "json", Kind: kind, Name: d.name(), A: text(a), B: text(b)})
}

func (d *jsonDiff) in(piece string, i, j int32) {
	d.path = append(d.path, piece)
	d.value(i, j)
	d.path = d.path[:len(d.path)-1]
}

// objects pairs members by key, in A's order and then in B's; of several with one key the n-th belongs to the n-th.
func (d *jsonDiff) objects(p, q []int32) {
	byKey := make(map[string][]int32, len(q))
	for _, j := range q {
		k := d.y.key(j)
		byKey[k] = append(byKey[k], j)
	}
	partner, taken := make([]int32, len(p)), make(map[int32]bool, len(q))
	for n, i := range p {
		k := d.x.key(i)
		partner[n] = -1
		if l := byKey[k]; len(l) > 0 {
			partner[n], byKey[k] = l[0], l[1:]
			taken[l[0]] = true
		}
		d.in(jsonKey(k), i, partner[n])
	}
	var both []int32 // of B, in its own order
	for _, j := range q {
		if taken[j] {
			both = append(both, j)
		} else {
			d.in(jsonKey(d.y.key(j)), -1, j)
		}
	}
	d.order(p, partner, both)
}

// order shows from where the keys that both have follow each other differently.
func (d *jsonDiff) order(p, partner, both []int32) {
	var part Part
	k, differs := 0, false
	for n, i := range p {
		if partner[n] < 0 {
			continue
		}
		if differs = differs || partner[n] != both[k]; differs && len(part.OrderA) < MaxOrder {
			part.OrderA = append(part.OrderA, clip(d.x.key(i), MaxValue))
			part.OrderB = append(part.OrderB, clip(d.y.key(both[k]), MaxValue))
		}
		k++
	}
	if differs {
		part.Path, part.Format, part.Kind, part.Name = d.at.path, "json", KindOrder, d.name()
		d.c.add(part)
	}
}

// lists aligns elements where one was added or removed, and sees when they only changed places.
func (d *jsonDiff) lists(p, q []int32) {
	ids := map[uint64]int32{}
	number := func(t *jsonTree, l []int32) []int32 {
		out := make([]int32, len(l))
		for n, i := range l {
			id, ok := ids[t.nodes[i].hash]
			if !ok {
				id = int32(len(ids)) //nolint:gosec // G115: maxJSONValues
				ids[t.nodes[i].hash] = id
			}
			out[n] = id
		}
		return out
	}
	x, y := number(d.x, p), number(d.y, q)
	if reordered(x, y) {
		d.moved(p, q, x, y)
		return
	}
	hunks := []align.Hunk{{A0: 0, A1: len(p), B0: 0, B1: len(q)}}
	if len(p) != len(q) {
		hunks = align.Hunks(x, y)
	}
	for _, h := range hunks {
		for n := range max(h.A1-h.A0, h.B1-h.B0) {
			i, j, at := int32(-1), int32(-1), h.B0+n
			if h.B0+n < h.B1 {
				j = q[h.B0+n]
			}
			if h.A0+n < h.A1 {
				i, at = p[h.A0+n], h.A0+n
			}
			d.in("["+strconv.Itoa(at)+"]", i, j)
		}
	}
}

func (d *jsonDiff) moved(p, q, x, y []int32) {
	part := Part{Path: d.at.path, Format: "json", Kind: KindOrder, Name: d.name()}
	n := 0
	for x[n] == y[n] {
		n++
	}
	for ; n < len(p) && len(part.OrderA) < MaxOrder; n++ {
		part.OrderA = append(part.OrderA, first(d.x.raw(p[n])))
		part.OrderB = append(part.OrderB, first(d.y.raw(q[n])))
	}
	d.c.add(part)
}

func first(raw []byte) string { return string(raw[:min(len(raw), MaxValue)]) }
