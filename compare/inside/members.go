package inside

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"slices"
)

// attr is one field of an entry's header.
type attr struct{ name, value string }

// entry is one entry of an archive, as it is read where it begins.
type entry struct {
	name    string
	head    []byte        // the header's own bytes, and whatever else of the entry is not content
	fields  func() []attr // what head says, in a fixed order
	content File          // as stored
	method  int           // how it is packed there: 0 not at all, else by the archive's own numbers
	next    int64         // where the next entry begins
}

// archive is a format that holds entries.
type archive struct {
	format string
	// read gives the entry that begins at an offset, or io.EOF behind the last.
	read func(f File, at int64) (entry, error)
	// first is where the first entry begins.
	first func(f File) (int64, bool)
	// unpack opens content that the archive itself packed; nil where it never does.
	unpack func(content File, method int) (io.ReadCloser, bool)
}

// member is all that is kept of an entry, so that a million of them cost little: its name's hash, and where to read it again.
type member struct {
	name uint64
	at   int64
}

// errBroken is an archive that is none.
var errBroken = errors.New("malformed archive")

func hash64(b []byte) uint64 {
	sum := sha256.Sum256(b)
	return binary.LittleEndian.Uint64(sum[:])
}

// list walks all entries of f.
func (c *comparer) list(ar *archive, f File) ([]member, bool) {
	at, ok := ar.first(f)
	if !ok {
		return nil, false
	}
	var out []member
	for !c.done() {
		e, err := ar.read(f, at)
		if errors.Is(err, io.EOF) {
			return out, true
		}
		// Entries that do not move on would never end.
		if err != nil || e.next <= at || c.entries == 0 || len(out) >= c.lim.Entries {
			return nil, false
		}
		c.entries--
		out = append(out, member{hash64([]byte(e.name)), at})
		at = e.next
	}
	return nil, false
}

// archives compares two files as archives: what was added and removed, the fields and content of what both have, and the order.
func (c *comparer) archives(ar *archive, at place, a, b File) bool {
	held := c.entries
	defer func() { c.entries = held }()
	a.Bytes, b.Bytes = &readAhead{r: a.Bytes, size: a.Size}, &readAhead{r: b.Bytes, size: b.Size}
	x, ok := c.list(ar, a)
	if !ok {
		return false
	}
	y, ok := c.list(ar, b)
	if !ok {
		return false
	}
	m := &matched{c: c, ar: ar, at: at, a: a, b: b, x: x, y: y}
	m.match()
	return m.show()
}

// matched is two lists of entries and how they belong together.
type matched struct {
	c    *comparer
	ar   *archive
	at   place
	a, b File
	x, y []member
	to   []int32 // for each of x its partner in y, or -1
	left []bool  // of y: has no partner
}

// match pairs entries by name; of several with one name the first belongs to the first, and so on.
func (m *matched) match() {
	bx, by := byName(m.x), byName(m.y)
	m.to, m.left = make([]int32, len(m.x)), make([]bool, len(m.y))
	for i := range m.left {
		m.left[i] = true
	}
	for i, j := 0, 0; i < len(bx); i++ {
		name := m.x[bx[i]].name
		for j < len(by) && m.y[by[j]].name < name {
			j++
		}
		m.to[bx[i]] = -1
		if j < len(by) && m.y[by[j]].name == name {
			m.to[bx[i]], m.left[by[j]] = by[j], false
			j++
		}
	}
}

func byName(l []member) []int32 {
	out := make([]int32, len(l))
	for i := range out {
		out[i] = int32(i) //nolint:gosec // G115: Limits.Entries
	}
	slices.SortFunc(out, func(p, q int32) int {
		return cmp.Or(cmp.Compare(l[p].name, l[q].name), cmp.Compare(p, q))
	})
	return out
}

// show goes through both lists in their own order.
func (m *matched) show() bool {
	for i, j := range m.to {
		if m.c.done() {
			return false
		}
		var ok bool
		if j < 0 {
			ok = m.lone(KindRemoved, m.a, m.x[i].at)
		} else {
			ok = m.both(m.x[i], m.y[j])
		}
		if !ok {
			return false
		}
	}
	for j, left := range m.left {
		if left && !m.lone(KindAdded, m.b, m.y[j].at) {
			return false
		}
	}
	return m.order()
}

func (m *matched) lone(kind Kind, f File, at int64) bool {
	if len(m.c.parts) >= m.c.lim.Parts {
		m.c.more++
		return !m.c.done()
	}
	e, err := m.ar.read(f, at)
	if err != nil {
		return false
	}
	m.c.add(Part{Path: m.at.path, Format: m.ar.format, Kind: kind, Name: e.name})
	return true
}

// both compares two entries of one name.
func (m *matched) both(p, q member) bool {
	e, err := m.ar.read(m.a, p.at)
	if err != nil {
		return false
	}
	f, err := m.ar.read(m.b, q.at)
	if err != nil {
		return false
	}
	in := m.at.in(m.ar.format, e.name)
	if !bytes.Equal(e.head, f.head) {
		m.c.attrs(in, m.ar.format, e.fields(), f.fields())
	}
	if e.method != f.method || !m.c.equal(e.content, f.content) {
		m.content(in, e, f)
	}
	return m.c.err == nil
}

func (m *matched) content(in place, e, f entry) {
	c := m.c
	if len(c.parts) >= c.lim.Parts {
		c.more++
		return
	}
	if e.method == 0 && f.method == 0 {
		c.pair(in, e.content, f.content)
		return
	}
	x, okX := m.open(e)
	if okX {
		defer x.close()
	}
	y, okY := m.open(f)
	if okY {
		defer y.close()
	}
	switch {
	case !okX || !okY:
		c.bytes(in, "", e.content, f.content)
	case x.sum == y.sum:
		c.encoding(in, m.ar.format, "compressed size", number(e.content.Size), number(f.content.Size))
	default:
		c.pair(in, x.File, y.File)
	}
}

func (m *matched) open(e entry) (*spool, bool) {
	r := io.NopCloser(e.content.reader())
	if e.method != 0 {
		var ok bool
		if m.ar.unpack == nil {
			return nil, false
		}
		if r, ok = m.ar.unpack(e.content, e.method); !ok {
			return nil, false
		}
	}
	defer r.Close()
	return m.c.unpack(r, e.content.Size)
}

// attrs shows the fields that differ, in a's order and then what only b has.
func (c *comparer) attrs(at place, format string, a, b []attr) {
	// By map: a hostile header may have very many fields.
	index := func(l []attr) func(name string) *string {
		at := make(map[string]*string, len(l))
		for i := range l {
			at[l[i].name] = &l[i].value
		}
		return func(name string) *string { return at[name] }
	}
	inA, inB := index(a), index(b)
	for i := range a {
		if v := inB(a[i].name); v == nil || *v != a[i].value {
			c.field(at, format, a[i].name, &a[i].value, v)
		}
	}
	for i := range b {
		if inA(b[i].name) == nil {
			c.field(at, format, b[i].name, nil, &b[i].value)
		}
	}
}

// encoding says that the content is the same and only how it was packed differs.
func (c *comparer) encoding(at place, format, name, a, b string) {
	c.add(Part{Path: at.path, Format: format, Kind: KindEncoding, Name: name, A: value(&a), B: value(&b)})
}

// order shows from where the entries that both have follow each other differently.
func (m *matched) order() bool {
	i, j := 0, 0
	for {
		for i < len(m.to) && m.to[i] < 0 {
			i++
		}
		for j < len(m.left) && m.left[j] {
			j++
		}
		if i == len(m.to) || j == len(m.left) {
			return true
		}
		if m.to[i] != int32(j) { //nolint:gosec // G115: Limits.Entries
			break
		}
		i, j = i+1, j+1
	}
	p := Part{Path: m.at.path, Format: m.ar.format, Kind: KindOrder, Name: "entries"}
	for ; i < len(m.to) && len(p.OrderA) < MaxOrder; i++ {
		if m.to[i] >= 0 {
			p.OrderA = append(p.OrderA, m.name(m.a, m.x[i].at))
		}
	}
	for ; j < len(m.left) && len(p.OrderB) < MaxOrder; j++ {
		if !m.left[j] {
			p.OrderB = append(p.OrderB, m.name(m.b, m.y[j].at))
		}
	}
	m.c.add(p)
	return m.c.err == nil
}

func (m *matched) name(f File, at int64) string {
	e, err := m.ar.read(f, at)
	if err != nil {
		return ""
	}
	return clip(e.name, MaxValue)
}
