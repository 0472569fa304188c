// Package sqlite reads tables out of SQLite database files (https://www.sqlite.org/fileformat2.html), page by page and read-only, so that
// two of them can be compared row by row. It knows no SQL and follows no journal. Files are hostile: every page that is read is paid for
// out of a budget, so that loops end, and no row is larger than MaxRow in memory.
package sqlite

import (
	"encoding/binary"
	"errors"
	"io"
)

// Magic is how a database begins.
const Magic = "SQLite format 3\x00"

const (
	// MaxRow is how many bytes of a row are read; longer ones are cut there.
	MaxRow    = 1 << 20
	maxDepth  = 24 // of a b-tree
	maxTables = 4096
	maxFree   = 1 << 18 // pages of a free list
)

var errMalformed = errors.New("malformed database")

// DB is an open database.
type DB struct {
	r        io.ReaderAt
	head     [100]byte
	pageSize int64
	usable   int64 // bytes of a page without what extensions reserve
	pages    int64
	budget   int64 // bytes that may still be read
}

// Field is one number of the header.
type Field struct {
	Name  string
	Value uint32
}

// Open checks the header of a database of size bytes.
func Open(r io.ReaderAt, size int64) (*DB, error) {
	d := &DB{r: r}
	if n, _ := r.ReadAt(d.head[:], 0); n < len(d.head) || string(d.head[:16]) != Magic {
		return nil, errMalformed
	}
	d.pageSize = int64(binary.BigEndian.Uint16(d.head[16:]))
	if d.pageSize == 1 {
		d.pageSize = 1 << 16
	}
	d.usable = d.pageSize - int64(d.head[20])
	if d.pageSize < 512 || d.pageSize&(d.pageSize-1) != 0 || d.usable < 480 {
		return nil, errMalformed
	}
	d.pages = size / d.pageSize
	d.budget = 16*size + 1<<20
	return d, nil
}

// PageSize is in bytes, Pages how many there are.
func (d *DB) PageSize() int64 { return d.pageSize }

// Pages is how many pages the file has.
func (d *DB) Pages() int64 { return d.pages }

// Header gives the numbers of the header, in their order.
func (d *DB) Header() []Field {
	u32 := func(at int) uint32 { return binary.BigEndian.Uint32(d.head[at:]) }
	return []Field{
		{"page size", uint32(d.pageSize)}, //nolint:gosec // G115: at most 64 KiB
		{"write version", uint32(d.head[18])}, {"read version", uint32(d.head[19])},
		{"change counter", u32(24)}, {"pages", u32(28)}, {"first free page", u32(32)}, {"free pages", u32(36)}, {"schema cookie", u32(40)},
		{"schema format", u32(44)}, {"cache size", u32(48)}, {"auto vacuum", u32(52)}, {"text encoding", u32(56)}, {"user version", u32(60)},
		{"incremental vacuum", u32(64)}, {"application id", u32(68)}, {"version valid for", u32(92)}, {"SQLite version", u32(96)},
	}
}

// page reads page n, from 1.
func (d *DB) page(n uint32) ([]byte, error) {
	if n == 0 || int64(n) > d.pages {
		return nil, errMalformed
	}
	if !d.pay(d.pageSize) {
		return nil, errMalformed
	}
	p := make([]byte, d.pageSize)
	if _, err := d.r.ReadAt(p, int64(n-1)*d.pageSize); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return p[:d.usable], nil
}

// pay takes n bytes from the budget. Rows are paid for as well as pages: all cells of a page may be the same one.
func (d *DB) pay(n int64) bool {
	d.budget -= n
	return d.budget >= 0
}

// Free lists the pages that the free list holds, in its order, at most as many as there are.
func (d *DB) Free() ([]uint32, error) {
	var out []uint32
	for trunk := binary.BigEndian.Uint32(d.head[32:]); trunk != 0; {
		p, err := d.page(trunk)
		if err != nil {
			return nil, err
		}
		out = append(out, trunk)
		n := binary.BigEndian.Uint32(p[4:])
		if int64(n) > d.usable/4-2 || int64(len(out))+int64(n) > min(d.pages, maxFree) {
			return nil, errMalformed
		}
		for i := range n {
			out = append(out, binary.BigEndian.Uint32(p[8+4*i:]))
		}
		trunk = binary.BigEndian.Uint32(p)
	}
	return out, nil
}
