package inside

import (
	"bytes"
	"io"
	"strconv"
)

const (
	maxName  = 4 << 10 // bytes of an untrusted name that are kept
	headLen  = 1 << 10 // bytes that a format is recognised by
	blockLen = 64 << 10
)

// clip keeps the first n bytes, as they are.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return string(append([]byte(nil), s[:n]...)) // a copy, so that the long one can go
}

// value is what a part shows of a field.
func value(s *string) *string {
	if s == nil {
		return nil
	}
	v := clip(*s, MaxValue)
	return &v
}

func number[T ~int | ~int64 | ~uint64 | ~uint32 | ~uint16 | ~uint8](n T) string {
	if n < 0 {
		return strconv.FormatInt(int64(n), 10)
	}
	return strconv.FormatUint(uint64(n), 10)
}

// section is n bytes of f from off on, or fewer where f ends before.
func (f File) section(off, n int64) File {
	off = min(max(off, 0), f.Size)
	n = min(max(n, 0), f.Size-off)
	return File{io.NewSectionReader(f.Bytes, off, n), n}
}

func (f File) reader() *io.SectionReader { return io.NewSectionReader(f.Bytes, 0, f.Size) }

// get reads n bytes at off; false where they are not all there.
func (f File) get(off int64, n int) ([]byte, bool) {
	if n < 0 || off < 0 || off > f.Size || int64(n) > f.Size-off {
		return nil, false
	}
	buf := make([]byte, n)
	got, _ := f.Bytes.ReadAt(buf, off)
	return buf, got == n
}

// upTo is like get, but stops at the file's end.
func (f File) upTo(off int64, n int) []byte {
	off = min(max(off, 0), f.Size)
	buf, _ := f.get(off, int(min(int64(n), f.Size-off)))
	return buf
}

func (c *comparer) head(f File) []byte { return f.upTo(0, headLen) }

// equal compares two files block by block, up to the first difference.
func (c *comparer) equal(a, b File) bool {
	return a.Size == b.Size && c.prefix(a, b) == a.Size
}

// prefix is how many bytes both files begin with alike.
func (c *comparer) prefix(a, b File) int64 {
	n := min(a.Size, b.Size)
	size := int(min(n, blockLen))
	bufA, bufB := make([]byte, size), make([]byte, size)
	for off := int64(0); off < n; {
		k := int(min(n-off, blockLen))
		if !readBoth(a, b, off, off, bufA[:k], bufB[:k]) {
			return off
		}
		if !bytes.Equal(bufA[:k], bufB[:k]) {
			for i := range k {
				if bufA[i] != bufB[i] {
					return off + int64(i)
				}
			}
		}
		off += int64(k)
	}
	return n
}

// suffix is how many bytes both files end with alike, not counting the first skip bytes.
func (c *comparer) suffix(a, b File, skip int64) int64 {
	n := min(a.Size, b.Size) - skip
	size := int(min(n, blockLen))
	bufA, bufB := make([]byte, size), make([]byte, size)
	for got := int64(0); got < n; {
		k := int(min(n-got, blockLen))
		if !readBoth(a, b, a.Size-got-int64(k), b.Size-got-int64(k), bufA[:k], bufB[:k]) {
			return got
		}
		for i := k - 1; i >= 0; i-- {
			if bufA[i] != bufB[i] {
				return got + int64(k-1-i)
			}
		}
		got += int64(k)
	}
	return n
}

func readBoth(a, b File, offA, offB int64, bufA, bufB []byte) bool {
	na, _ := a.Bytes.ReadAt(bufA, offA)
	nb, _ := b.Bytes.ReadAt(bufB, offB)
	return na == len(bufA) && nb == len(bufB)
}

// readAhead serves small reads, as headers are, from one larger one. It is not for use by several goroutines.
type readAhead struct {
	r    io.ReaderAt
	size int64
	at   int64
	buf  []byte
}

func (w *readAhead) ReadAt(p []byte, off int64) (int, error) {
	if len(p) > blockLen/2 || off < 0 || off+int64(len(p)) > w.size {
		return w.r.ReadAt(p, off)
	}
	if off < w.at || off+int64(len(p)) > w.at+int64(len(w.buf)) {
		n := int(min(blockLen, w.size-off))
		if cap(w.buf) < n {
			w.buf = make([]byte, n)
		}
		w.buf, w.at = w.buf[:n], off
		if got, err := w.r.ReadAt(w.buf, off); got < n {
			w.buf = w.buf[:0]
			return 0, err
		}
	}
	return copy(p, w.buf[off-w.at:]), nil
}
