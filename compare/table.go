package compare

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash"
	"io"
	"sort"
)

// sum is half a SHA-256. The table only says where to look closer; equality of images never rests on it.
type sum [16]byte

// record is what is kept of one tar entry: 48 bytes, whatever its name's length. body is zero where the entry is not a
// regular file.
type record struct{ name, meta, body sum }

const chunkLen = 4096

// table holds a layer's records in the tar's order, in chunks so that it never has to be copied to grow.
type table struct {
	chunks []*[chunkLen]record
	n      int
}

func (t *table) at(i int32) *record { return &t.chunks[i/chunkLen][i%chunkLen] }

func (t *table) add(r record) {
	if t.n%chunkLen == 0 {
		t.chunks = append(t.chunks, new([chunkLen]record))
	}
	t.chunks[t.n/chunkLen][t.n%chunkLen] = r
	t.n++
}

// byName lists the ordinals sorted by name, entries of one name in the tar's order.
func (t *table) byName() []int32 {
	index := make([]int32, t.n)
	for i := range index {
		index[i] = int32(i)
	}
	sort.Slice(index, func(i, j int) bool {
		a, b := index[i], index[j]
		if x, y := t.at(a).name, t.at(b).name; x != y {
			return string(x[:]) < string(y[:])
		}
		return a < b
	})
	return index
}

// tabulate reads a layer once and checks it on the way.
func (i *Image) tabulate(ctx context.Context, index int, lim Limits) (*table, error) {
	r, err := i.ReadLayer(ctx, index, lim)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	t, h, buf := &table{}, sha256.New(), make([]byte, 64<<10)
	for {
		head, err := r.Next()
		if errors.Is(err, io.EOF) {
			return t, nil
		}
		if err != nil {
			return nil, err
		}
		rec := record{name: sumOf(h, head.Name), meta: sumAttrs(h, attrs(head))}
		if r.regular {
			h.Reset()
			if _, err := io.CopyBuffer(h, onlyReader{r}, buf); err != nil {
				return nil, err
			}
			rec.body = finish(h)
		}
		t.add(rec)
	}
}

func sumOf(h hash.Hash, s string) sum {
	h.Reset()
	io.WriteString(h, s)
	return finish(h)
}

// sumAttrs hashes with lengths in front, so that no two lists run together into one.
func sumAttrs(h hash.Hash, list []attr) sum {
	h.Reset()
	var n [8]byte
	for _, a := range list {
		for _, s := range []string{a.name, a.value} {
			binary.LittleEndian.PutUint64(n[:], uint64(len(s)))
			h.Write(n[:])
			io.WriteString(h, s)
		}
	}
	return finish(h)
}

func finish(h hash.Hash) sum {
	var full [sha256.Size]byte
	return sum(h.Sum(full[:0])[:16])
}
