package inside

import (
	"bufio"
	"crypto/sha256"
)

// pieces are the parts that a region was cut into.
type pieces struct {
	ids    []int32 // equal numbers are equal pieces
	starts []int64 // where each begins, and at last where the region ends
}

// gear holds one fixed random number for each byte value (splitmix64), for the rolling hash that says where chunks end.
var gear = func() (t [256]uint64) {
	x := uint64(0)
	for i := range t {
		x += 0x9e3779b97f4a7c15
		z := (x ^ x>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		t[i] = z ^ z>>31
	}
	return t
}()

// chunks cuts a region of f where its content says so, every avg bytes on average (a power of two).
func (c *comparer) chunks(f File, from, to, avg int64, ids map[[16]byte]int32) pieces {
	r := bufio.NewReaderSize(f.section(from, to-from).reader(), blockLen)
	var p pieces
	buf := make([]byte, 0, 8*avg)
	sum, start := uint64(0), from
	end := func() {
		if len(buf) == 0 {
			return
		}
		full := sha256.Sum256(buf)
		key := [16]byte(full[:16])
		id, ok := ids[key]
		if !ok {
			id = int32(len(ids)) //nolint:gosec // G115: a side has at most 8 * chunksOf chunks
			ids[key] = id
		}
		p.ids, p.starts = append(p.ids, id), append(p.starts, start)
		start += int64(len(buf))
		buf, sum = buf[:0], 0
	}
	for {
		v, err := r.ReadByte()
		if err != nil {
			break
		}
		buf = append(buf, v)
		sum = sum<<1 + gear[v]
		// The high bits depend on the last 64 bytes.
		if n := int64(len(buf)); n >= avg/4 && int64(sum>>40)%avg == 0 || n == 8*avg {
			end()
		}
	}
	end()
	p.starts = append(p.starts, start)
	return p
}
