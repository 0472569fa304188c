package compare

import "sort"

// change is one entry that differs. a and b are ordinals, -1 on the side that has no such entry.
type change struct {
	a, b int32
	kind Kind
}

// matching is how the entries of two tables belong together.
type matching struct {
	changes []change // most telling kind first, each in the tar's order
	counts  Counts
	// swapA and swapB are the first place where the sequences of common entries part; -1 where they do not.
	swapA, swapB int32
}

// match pairs entries by name; the nth entry of a name in A belongs to the nth in B.
func match(a, b *table) matching {
	m := matching{swapA: -1, swapB: -1}
	partner := make([]int32, a.n) // of each entry of A, in B
	common := 0
	ia, ib := a.byName(), b.byName()
	for len(ia) > 0 || len(ib) > 0 {
		switch order(a, b, ia, ib) {
		case -1:
			partner[ia[0]] = -1
			m.add(change{ia[0], -1, KindRemoved})
			ia = ia[1:]
		case 1:
			m.add(change{-1, ib[0], KindAdded})
			ib = ib[1:]
		default:
			partner[ia[0]] = ib[0]
			common++
			m.pair(a, b, ia[0], ib[0])
			ia, ib = ia[1:], ib[1:]
		}
	}
	sort.Slice(m.changes, func(i, j int) bool { return m.changes[i].before(m.changes[j]) })
	m.findSwap(partner, b.n, common)
	return m
}

// order says whose next name comes first.
func order(a, b *table, ia, ib []int32) int {
	switch {
	case len(ib) == 0:
		return -1
	case len(ia) == 0:
		return 1
	}
	x, y := a.at(ia[0]).name, b.at(ib[0]).name
	switch {
	case string(x[:]) < string(y[:]):
		return -1
	case x != y:
		return 1
	}
	return 0
}

func (m *matching) pair(a, b *table, i, j int32) {
	x, y := a.at(i), b.at(j)
	switch none := (sum{}); {
	case x.body != y.body && x.body != none && y.body != none:
		m.add(change{i, j, KindModified})
	case x.meta != y.meta || x.body != y.body:
		m.add(change{i, j, KindMetadata})
	}
}

func (m *matching) add(c change) {
	switch c.kind {
	case KindAdded:
		m.counts.Added++
	case KindRemoved:
		m.counts.Removed++
	case KindModified:
		m.counts.Modified++
	case KindMetadata:
		m.counts.Metadata++
	}
	m.changes = append(m.changes, c)
}

var rank = map[Kind]int{KindModified: 0, KindAdded: 1, KindRemoved: 1, KindMetadata: 2}

func (c change) before(d change) bool {
	if rank[c.kind] != rank[d.kind] {
		return rank[c.kind] < rank[d.kind]
	}
	if x, y := c.ordinal(), d.ordinal(); x != y {
		return x < y
	}
	return c.a > d.a // an entry of A before one that only B has
}

func (c change) ordinal() int32 {
	if c.a >= 0 {
		return c.a
	}
	return c.b
}

// findSwap counts the entries that stand elsewhere: all common ones less the longest sequence that both sides share. The
// first place where the two sequences part is kept for the report.
func (m *matching) findSwap(partner []int32, lenB, common int) {
	var tails []int32 // patience: tails[k] ends the best rising sequence of length k+1
	inA := make([]int32, 0, common)
	for i, p := range partner {
		if p < 0 {
			continue
		}
		inA = append(inA, int32(i))
		k := sort.Search(len(tails), func(k int) bool { return tails[k] >= p })
		if k == len(tails) {
			tails = append(tails, p)
		} else {
			tails[k] = p
		}
	}
	if m.counts.Moved = common - len(tails); m.counts.Moved == 0 {
		return
	}
	taken := make([]bool, lenB)
	for _, i := range inA {
		taken[partner[i]] = true
	}
	at := 0
	for j, common := range taken {
		if !common {
			continue
		}
		if i := inA[at]; int(partner[i]) != j {
			m.swapA, m.swapB = i, int32(j)
			return
		}
		at++
	}
}
