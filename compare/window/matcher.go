package window

// pattern is a text to find. text may be longer than what the matcher looks at; the rest is compared on a hit.
type pattern struct {
	text string
	read reader // makes sense of what stands there
}

// matcher finds many patterns in one pass (Wu and Manber, 1994, with blocks of two bytes): it looks at the last two of the
// next m bytes and mostly skips m-1 of them.
type matcher struct {
	m       int
	shift   [1 << 16]uint8
	bucket  [1 << 16]uint16 // 1 + index into buckets, for shift 0
	buckets [][]pattern
}

const (
	maxPrefix  = 7 // bytes of a pattern that decide
	minLiteral = 4
)

func newMatcher(patterns []pattern) *matcher {
	w := &matcher{m: maxPrefix}
	for _, p := range patterns {
		w.m = min(w.m, len(p.text))
	}
	for i := range w.shift {
		w.shift[i] = uint8(w.m - 1)
	}
	for _, p := range patterns {
		for i := 0; i+2 <= w.m; i++ {
			b := block(p.text[i], p.text[i+1])
			w.shift[b] = min(w.shift[b], uint8(w.m-2-i))
		}
	}
	for _, p := range patterns {
		b := block(p.text[w.m-2], p.text[w.m-1])
		if w.bucket[b] == 0 {
			w.buckets = append(w.buckets, nil)
			w.bucket[b] = uint16(len(w.buckets))
		}
		n := w.bucket[b] - 1
		w.buckets[n] = append(w.buckets[n], p)
	}
	return w
}

func block(a, b byte) uint16 { return uint16(a) | uint16(b)<<8 }

// scan calls hit for each pattern that begins in buf[lo:hi].
func (w *matcher) scan(buf []byte, lo, hi int, hit func(at int, p pattern)) {
	m := w.m
	hi = min(hi, len(buf)-m+1)
	for at := lo; at < hi; {
		b := block(buf[at+m-2], buf[at+m-1])
		if s := w.shift[b]; s != 0 {
			at += int(s)
			continue
		}
		for _, p := range w.buckets[w.bucket[b]-1] {
			if len(buf)-at >= len(p.text) && string(buf[at:at+len(p.text)]) == p.text {
				hit(at, p)
			}
		}
		at++
	}
}
