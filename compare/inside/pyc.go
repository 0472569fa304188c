package inside

import (
	"encoding/binary"
	"encoding/hex"
	"time"
)

// pycHead is the length of the header since Python 3.7 (PEP 552).
const pycHead = 16

// isPyc knows Python 3.7 and later: a number of 3390 and more, CR LF, and flags of which two bits are used.
func isPyc(head []byte) bool {
	if len(head) < pycHead || head[2] != '\r' || head[3] != '\n' {
		return false
	}
	n := binary.LittleEndian.Uint16(head)
	return n >= 3390 && n < 4500 && binary.LittleEndian.Uint32(head[4:]) <= 3
}

func pycs(c *comparer, at place, a, b File) bool {
	x, okA := a.get(0, pycHead)
	y, okB := b.get(0, pycHead)
	if !okA || !okB {
		return false
	}
	c.attrs(at, "pyc", pycFields(x), pycFields(y))
	p, q := a.section(pycHead, a.Size), b.section(pycHead, b.Size)
	if !c.equal(p, q) {
		c.bytes(at.in("pyc", "code"), "pyc", p, q)
	}
	return true
}

func pycFields(h []byte) []attr {
	l := []attr{{"magic", number(binary.LittleEndian.Uint16(h))}, {"flags", number(binary.LittleEndian.Uint32(h[4:]))}}
	if h[4]&1 == 1 {
		return append(l, attr{"source hash", hex.EncodeToString(h[8:16])})
	}
	mtime := time.Unix(int64(binary.LittleEndian.Uint32(h[8:])), 0)
	return append(l, attr{"mtime", stamp(mtime)}, attr{"source size", number(binary.LittleEndian.Uint32(h[12:]))})
}
