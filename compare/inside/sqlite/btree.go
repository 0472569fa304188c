package sqlite

import "encoding/binary"

// Row is one record.
type Row struct {
	ID      int64 // rowid; 0 in tables without
	NoID    bool
	Payload []byte
	Size    int64 // of the whole payload; larger than Payload where it was cut
}

// Walk gives the rows of the b-tree at root in the tree's order, until yield says false.
func (d *DB) Walk(root uint32, yield func(Row) bool) error {
	_, err := d.walk(root, 0, yield)
	return err
}

// The sorts of b-tree pages.
const (
	innerIndex = 2
	innerTable = 5
	leafIndex  = 10
	leafTable  = 13
)

func (d *DB) walk(n uint32, depth int, yield func(Row) bool) (bool, error) {
	p, err := d.page(n)
	if err != nil || depth > maxDepth {
		return false, errMalformed
	}
	at := 0
	if n == 1 {
		at = len(d.head)
	}
	kind, head := p[at], 8
	if kind == innerIndex || kind == innerTable {
		head = 12
	} else if kind != leafIndex && kind != leafTable {
		return false, errMalformed
	}
	cells := int(binary.BigEndian.Uint16(p[at+3:]))
	if at+head+2*cells > len(p) {
		return false, errMalformed
	}
	for i := range cells {
		cell := int(binary.BigEndian.Uint16(p[at+head+2*i:]))
		if more, err := d.cell(p, cell, kind, depth, yield); !more || err != nil {
			return false, err
		}
	}
	if head == 12 {
		return d.walk(binary.BigEndian.Uint32(p[at+8:]), depth+1, yield)
	}
	return true, nil
}

// cell visits what is left of a cell, and its row.
func (d *DB) cell(p []byte, at int, kind byte, depth int, yield func(Row) bool) (bool, error) {
	if kind == innerIndex || kind == innerTable {
		if at+4 > len(p) {
			return false, errMalformed
		}
		if more, err := d.walk(binary.BigEndian.Uint32(p[at:]), depth+1, yield); !more || err != nil || kind == innerTable {
			return more, err
		}
		at += 4
	}
	if at > len(p) {
		return false, errMalformed
	}
	size, k := varint(p[at:])
	if k == 0 || size < 0 {
		return false, errMalformed
	}
	row := Row{Size: size, NoID: kind != leafTable}
	at += k
	if kind == leafTable {
		if row.ID, k = varint(p[at:]); k == 0 {
			return false, errMalformed
		}
		at += k
	}
	var err error
	if row.Payload, err = d.payload(p, at, size, kind); err != nil {
		return false, err
	}
	return yield(row), nil
}

// payload reads a row, of which a large one goes on in other pages ("Cell Payload Overflow Pages").
func (d *DB) payload(p []byte, at int, size int64, kind byte) ([]byte, error) {
	most, least := d.usable-35, (d.usable-12)*32/255-23
	if kind != leafTable {
		most = (d.usable-12)*64/255 - 23
	}
	local := size
	if size > most {
		if local = least + (size-least)%(d.usable-4); local > most {
			local = least
		}
	}
	if int64(at)+local > int64(len(p)) || !d.pay(local+16) {
		return nil, errMalformed
	}
	out := append([]byte(nil), p[at:int64(at)+local]...)
	if local == size {
		return out, nil
	}
	if int64(at)+local+4 > int64(len(p)) {
		return nil, errMalformed
	}
	next := binary.BigEndian.Uint32(p[int64(at)+local:])
	for left := min(size, MaxRow) - local; left > 0; {
		q, err := d.page(next)
		if err != nil {
			return nil, err
		}
		n := min(left, d.usable-4)
		out = append(out, q[4:4+n]...)
		left -= n
		next = binary.BigEndian.Uint32(q)
	}
	return out, nil
}

// varint reads SQLite's numbers of one to nine bytes; the length is 0 where the number is not all there.
func varint(b []byte) (int64, int) {
	v := uint64(0)
	for i := range min(len(b), 9) {
		if i == 8 {
			return int64(v<<8 | uint64(b[i])), 9 //nolint:gosec // G115: two's complement by its format
		}
		v = v<<7 | uint64(b[i]&0x7f)
		if b[i] < 0x80 {
			return int64(v), i + 1 //nolint:gosec // G115: at most 56 bits
		}
	}
	return 0, 0
}
