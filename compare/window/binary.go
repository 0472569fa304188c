package window

import (
	"encoding/binary"
	"math"
	"strconv"
)

// number is one way to write a time in binary.
type number struct {
	name string
	bits int   // 32 or 64
	per  int64 // units a second
	big  bool  // big endian
	zero int64 // Unix seconds of its zero
}

// windowsZero is 1 January 1601, from which Windows counts (FILETIME, [MS-DTYP] 2.3.3; also in 7z and in NTFS' own zip field).
const windowsZero = -11_644_473_600

var numbers = []number{
	{name: "32-bit seconds, little endian", bits: 32, per: 1}, {name: "32-bit seconds, big endian", bits: 32, per: 1, big: true},
	{name: "64-bit seconds, little endian", bits: 64, per: 1}, {name: "64-bit seconds, big endian", bits: 64, per: 1, big: true},
	{name: "64-bit milliseconds, little endian", bits: 64, per: 1e3}, {name: "64-bit milliseconds, big endian", bits: 64, per: 1e3, big: true},
	{name: "64-bit microseconds, little endian", bits: 64, per: 1e6}, {name: "64-bit microseconds, big endian", bits: 64, per: 1e6, big: true},
	{name: "64-bit nanoseconds, little endian", bits: 64, per: 1e9}, {name: "64-bit nanoseconds, big endian", bits: 64, per: 1e9, big: true},
	{name: "Windows file time", bits: 64, per: 1e7, zero: windowsZero},
}

// key is where to look when two bytes are met: back bytes earlier a number may begin, or a format.
type key struct {
	number int // index into numbers, or -1
	back   int
	read   reader
}

// keys finds binary values in one pass: each pair of neighbouring bytes is looked up, and only few pairs mean anything.
type keys struct {
	id    [1 << 16]uint8
	lists [][]key
}

func newKeys(t *times) *keys {
	k := &keys{lists: make([][]key, 1)}
	for magic, read := range formatKeys {
		k.add(block(magic[0], magic[1]), key{number: -1, read: read})
	}
	for n, num := range numbers {
		for _, s := range t.spans {
			k.addNumber(n, num, uint64((s.from-num.zero)*num.per), uint64((s.to-num.zero)*num.per+num.per-1))
		}
	}
	return k
}

// addNumber keys a number by the two neighbouring bytes that tell most and yet change least: the upper half of 32 bits for
// seconds, and the two that hold the highest set bits for the rest.
func (k *keys) addNumber(n int, num number, from, to uint64) {
	top := 31 // bit where the key begins
	for ; top < 63 && to>>(top+1) != 0; top += 8 {
	}
	low := top - 15
	for v := from >> low; v <= to>>low; v++ {
		hi, lo := byte(v>>8), byte(v)
		if num.big {
			k.add(block(hi, lo), key{number: n, back: (num.bits - 1 - top) / 8})
		} else {
			k.add(block(lo, hi), key{number: n, back: low / 8})
		}
	}
}

func (k *keys) add(b uint16, v key) {
	if k.id[b] == 0 {
		if len(k.lists) == math.MaxUint8 {
			return // never with spans of at most 31 days; see TestKeysFit
		}
		k.lists = append(k.lists, nil)
		k.id[b] = uint8(len(k.lists) - 1)
	}
	list := &k.lists[k.id[b]]
	for _, old := range *list {
		if old.number == v.number && old.back == v.back && v.number >= 0 {
			return
		}
	}
	*list = append(*list, v)
}

// scan calls hit for each key that stands in buf[lo:hi].
func (k *keys) scan(buf []byte, lo, hi int, hit func(at int, v key)) {
	if hi = min(hi, len(buf)-1); lo >= hi {
		return
	}
	b := uint16(buf[lo]) << 8
	for i, next := range buf[lo+1 : hi+1] {
		b = b>>8 | uint16(next)<<8
		if id := k.id[b]; id != 0 {
			for _, v := range k.lists[id] {
				hit(lo+i-v.back, v)
			}
		}
	}
}

// value reads the number at buf[at:] and gives it in seconds, if it is within a span. A number that is made of text is none.
func (n number) value(t *times, buf []byte, at int) (sec int64, ok bool) {
	size := n.bits / 8
	if at < 0 || at+size > len(buf) {
		return 0, false
	}
	var raw uint64
	switch p := buf[at : at+size]; {
	case n.bits == 32 && n.big:
		raw = uint64(binary.BigEndian.Uint32(p))
	case n.bits == 32:
		raw = uint64(binary.LittleEndian.Uint32(p))
	case n.big:
		raw = binary.BigEndian.Uint64(p)
	default:
		raw = binary.LittleEndian.Uint64(p)
	}
	if raw > math.MaxInt64 || n.bits == 32 && isText(buf[at:at+4]) {
		return 0, false
	}
	sec = int64(raw)/n.per + n.zero
	_, ok = t.in(sec)
	return sec, ok
}

func isText(p []byte) bool {
	for _, c := range p {
		if (c < 0x20 || c >= 0x7f) && c != '\n' && c != '\t' && c != '\r' {
			return false
		}
	}
	return true
}

// chance is how many of size random bytes' aligned positions would hold such a number by luck.
func (n number) chance(t *times, size int64) float64 {
	return float64(size) / 4 * float64(t.total) * float64(n.per) / math.Exp2(float64(n.bits))
}

// tail is the probability of at least k events where expected were to come (Poisson).
func tail(k int, expected float64) float64 {
	if k <= 0 {
		return 1
	}
	// Summed from k upwards: one less the rest would lose small values to rounding.
	lg, _ := math.Lgamma(float64(k) + 1)
	term := math.Exp(float64(k)*math.Log(expected) - expected - lg)
	sum := 0.0
	for i := k; term > sum*1e-12 && i < k+10000; i++ {
		sum += term
		term *= expected / float64(i+1)
	}
	return min(sum, 1)
}

// seen collects the bare numbers of one file.
type seen struct {
	place   place
	size    int64
	count   [16]int // by index into numbers
	offset  [16]int64
	sec     [16]int64
	ordinal int
}

// judgeChance turns bare numbers into findings where chance does not explain them. total is all bytes that were searched: with many
// files of a size, one of them is bound to be lucky.
func (s *seen) judgeChance(t *times, total int64) []Finding {
	var out []Finding
	for n, num := range numbers {
		if s.count[n] == 0 || num.bits == 32 && s.count[n+2] >= s.count[n] {
			continue // none, or each is the lower half of a 64-bit number, which numbers lists two further on
		}
		luck := tail(s.count[n], num.chance(t, s.size)) * float64(total) / float64(max(s.size, 1))
		certainty := Unknown
		switch {
		case luck > 0.01:
			continue
		case luck < 1e-4:
			certainty = Likely
		}
		name, _ := t.in(s.sec[n])
		f := finding(ClassClock, certainty, num.name+", from the time of "+name+"; by chance: "+strconv.FormatFloat(min(luck, 1), 'e', 0, 64))
		f.Value, f.Offset, f.More = stampOf(s.sec[n]), s.offset[n], s.count[n]-1
		out = append(out, f)
	}
	return out
}
