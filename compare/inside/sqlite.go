package inside

import (
	"bytes"
	"fmt"
	"iter"
	"slices"

	"github.com/selfsame-build/selfsame/compare/inside/sqlite"
)

const (
	maxRows  = 32 // parts of one table; the others are counted
	maxPages = 16 // pages that are shown as such
	longCell = 64 // bytes; two values that are longer are compared within
)

// sqlites compares the header, the schema, and the rows of the tables that both have. Indexes follow from the rows.
func sqlites(c *comparer, at place, a, b File) bool {
	x, err := sqlite.Open(a.Bytes, a.Size)
	if err != nil {
		return false
	}
	y, err := sqlite.Open(b.Bytes, b.Size)
	if err != nil {
		return false
	}
	d := &dbDiff{c: c, at: at, a: a, b: b, x: x, y: y}
	hx, hy := x.Header(), y.Header()
	for i := range hx {
		c.fieldIf(at, "sqlite", hx[i].Name, number(hx[i].Value), number(hy[i].Value))
	}
	return d.tables() && d.pages()
}

type dbDiff struct {
	c    *comparer
	at   place
	a, b File
	x, y *sqlite.DB
	rows bool // that differ were found
}

// tables pairs what is defined by type and name.
func (d *dbDiff) tables() bool {
	xs, errX := d.x.Schema()
	ys, errY := d.y.Schema()
	if errX != nil || errY != nil {
		return false
	}
	key := func(t sqlite.Table) string { return t.Type + " " + t.Name }
	other := map[string]*sqlite.Table{}
	for i := range ys {
		other[key(ys[i])] = &ys[i]
	}
	for _, t := range xs {
		u := other[key(t)]
		delete(other, key(t))
		if u == nil {
			d.add(KindRemoved, key(t))
			continue
		}
		d.c.fieldIf(d.at, "sqlite", "definition of "+key(t), t.SQL, u.SQL)
		if t.Type == "table" && t.Root != 0 && u.Root != 0 && !d.table(t, *u) {
			return false
		}
	}
	for _, t := range ys {
		if other[key(t)] != nil {
			d.add(KindAdded, key(t))
		}
	}
	return true
}

func (d *dbDiff) add(kind Kind, name string) {
	d.rows = true
	d.c.add(Part{Path: d.at.path, Format: "sqlite", Kind: kind, Name: name})
}

// table goes through the rows of both sides at once; they stand in the order of their rowids.
func (d *dbDiff) table(t, u sqlite.Table) bool {
	var errX, errY error
	nextX, stopX := iter.Pull(rowsOf(d.x, t.Root, &errX))
	defer stopX()
	nextY, stopY := iter.Pull(rowsOf(d.y, u.Root, &errY))
	defer stopY()
	r, okX := nextX()
	s, okY := nextY()
	found := 0
	for (okX || okY) && !d.c.done() {
		switch {
		case !okY || okX && r.ID < s.ID:
			d.lone(KindRemoved, t, r, &found)
			r, okX = nextX()
		case !okX || s.ID < r.ID:
			d.lone(KindAdded, u, s, &found)
			s, okY = nextY()
		default:
			if r.Size != s.Size || !bytes.Equal(r.Payload, s.Payload) {
				d.row(t, r, s, &found)
			}
			r, okX = nextX()
			s, okY = nextY()
		}
	}
	if n := len(d.c.parts); found > maxRows && n > 0 {
		d.c.parts[n-1].More += found - maxRows
	}
	return errX == nil && errY == nil && d.c.err == nil
}

func rowsOf(db *sqlite.DB, root uint32, err *error) iter.Seq[sqlite.Row] {
	return func(yield func(sqlite.Row) bool) { *err = db.Walk(root, yield) }
}

// rowName names a row by its rowid, or else by its first column, which is part of its key.
func (d *dbDiff) rowName(t sqlite.Table, r sqlite.Row) string {
	id := number(r.ID)
	if v := d.x.Values(r); r.NoID && len(v) > 0 {
		id = clip(v[0].Text, maxName/4)
	}
	return fmt.Sprintf("table %s row %s", clip(t.Name, maxName/4), id)
}

func (d *dbDiff) lone(kind Kind, t sqlite.Table, r sqlite.Row, found *int) {
	d.rows = true
	if *found++; *found <= maxRows {
		d.add(kind, d.rowName(t, r))
	}
}

// row names the columns that differ.
func (d *dbDiff) row(t sqlite.Table, r, s sqlite.Row, found *int) {
	d.rows = true
	if *found++; *found > maxRows {
		return
	}
	x, y, row := d.x.Values(r), d.y.Values(s), d.rowName(t, r)
	for i := range max(len(x), len(y)) {
		name := fmt.Sprintf("%s column %d", row, i+1)
		if i < len(t.Columns) {
			name = row + " column " + t.Columns[i]
		}
		var p, q *string
		if i < len(x) {
			p = &x[i].Text
		}
		if i < len(y) {
			q = &y[i].Text
		}
		switch {
		case p == nil || q == nil:
			d.c.field(d.at, "sqlite", name, p, q)
		case *p == *q && bytes.Equal(x[i].Bytes, y[i].Bytes):
		case len(x[i].Bytes) > longCell && len(y[i].Bytes) > longCell:
			d.c.pair(d.at.in("sqlite", name), d.cell(x[i].Bytes), d.cell(y[i].Bytes))
		default:
			d.c.field(d.at, "sqlite", name, p, q)
		}
	}
}

func (d *dbDiff) cell(b []byte) File {
	return File{watched{d.c, bytes.NewReader(b)}, int64(len(b))}
}

// pages shows pages that differ although no row does: free ones, which hold what was deleted, and the gaps of the others.
func (d *dbDiff) pages() bool {
	if d.x.PageSize() != d.y.PageSize() {
		return true
	}
	free, err := d.x.Free()
	if err != nil {
		return true
	}
	other, err := d.y.Free()
	if err != nil {
		return true
	}
	both := map[uint32]bool{}
	for _, n := range free {
		both[n] = false
	}
	for _, n := range other {
		if _, ok := both[n]; ok {
			both[n] = true
		}
	}
	shown := 0
	for n := range min(d.x.Pages(), d.y.Pages()) {
		if d.c.done() {
			return false
		}
		if isFree := both[uint32(n+1)]; isFree || !d.rows { //nolint:gosec // G115: pages have 32-bit numbers, others are never free
			d.page(n, isFree, &shown)
		}
	}
	if k := len(d.c.parts); shown > maxPages && k > 0 {
		d.c.parts[k-1].More += shown - maxPages
	}
	return true
}

func (d *dbDiff) page(n int64, free bool, shown *int) {
	size := d.x.PageSize()
	x, y := d.a.upTo(n*size, int(size)), d.b.upTo(n*size, int(size))
	if n == 0 { // the header was shown by its fields
		clear(x[:min(len(x), 100)])
		clear(y[:min(len(y), 100)])
	}
	if bytes.Equal(x, y) {
		return
	}
	if *shown++; *shown > maxPages {
		return
	}
	name := fmt.Sprintf("page %d", n+1)
	if free {
		name = "free " + name
	}
	d.c.bytes(d.at.in("sqlite", name), "sqlite", d.cell(slices.Clip(x)), d.cell(slices.Clip(y)))
}
