package compare

import (
	"bytes"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

func TestWindowAcrossBlocks(t *testing.T) {
	a := bytes.Repeat([]byte("0123456789abcdef"), 3*blockLen/16)
	b := bytes.Clone(a)
	for _, at := range []int{blockLen - 1, blockLen + 5, 2*blockLen + 3} {
		b[at] = '!'
	}
	c, err := diffStreams(iotest.HalfReader(bytes.NewReader(a)), iotest.DataErrReader(bytes.NewReader(b)))
	if err != nil {
		t.Fatal(err)
	}
	if c.Offset != blockLen-1 || c.Bytes != 3 || c.Ranges != 2 {
		t.Errorf("offset %d, bytes %d, ranges %d", c.Offset, c.Bytes, c.Ranges)
	}
	start := int64(blockLen - 32)
	want := Window{Start: start, Offset: blockLen - 1, Length: 7, A: a[start : start+64], B: b[start : start+64]}
	if diff := cmp.Diff(want, c.Windows[0]); diff != "" {
		t.Error(diff)
	}
}

// naive compares two byte slices the obvious way.
func naive(a, b []byte) (offset, n, ranges int64) {
	offset = -1
	last := int64(-1 << 40)
	for i := range int64(max(len(a), len(b))) {
		if i < int64(len(a)) && i < int64(len(b)) && a[i] == b[i] {
			continue
		}
		if offset < 0 {
			offset = i
		}
		if n++; i-last > maxGap+1 {
			ranges++
		}
		last = i
	}
	return max(offset, 0), n, ranges
}

func FuzzDiffStreams(f *testing.F) {
	f.Add([]byte("abc"), []byte("abd"), uint16(10))
	f.Add([]byte(""), []byte("abd"), uint16(65535))
	f.Add([]byte("aaaaaaaaaaaaaaaaaaaaaaaaaab"), []byte("abaaaaaaaaaaaaaaaaaaaaaaaa"), uint16(65530))
	f.Add([]byte("x........x.........x"), []byte("y........y.........y"), uint16(0)) // gaps of 8 and 9
	f.Fuzz(func(t *testing.T, a, b []byte, lead uint16) {
		// The same bytes in front move the difference over the edges of blocks.
		a = append(bytes.Repeat([]byte{7}, int(lead)), a...)
		b = append(bytes.Repeat([]byte{7}, int(lead)), b...)
		c, err := diffStreams(bytes.NewReader(a), bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		offset, n, ranges := naive(a, b)
		if c.Offset != offset || c.Bytes != n || c.Ranges != ranges {
			t.Errorf("got %d %d %d, want %d %d %d", c.Offset, c.Bytes, c.Ranges, offset, n, ranges)
		}
		if len(c.Windows) != int(min(ranges, maxWindows)) {
			t.Fatalf("%d windows of %d ranges", len(c.Windows), ranges)
		}
		for _, w := range c.Windows {
			for _, side := range []struct{ whole, got []byte }{{a, w.A}, {b, w.B}} {
				from := min(w.Start, int64(len(side.whole)))
				to := min(w.Start+windowLen, int64(len(side.whole)))
				if !bytes.Equal(side.whole[from:to], side.got) {
					t.Errorf("window at %d: got %q, want %q", w.Start, side.got, side.whole[from:to])
				}
			}
			if w.Length < 1 || w.Offset < w.Start || w.Offset >= w.Start+windowLen {
				t.Errorf("window %+v", w)
			}
		}
	})
}
