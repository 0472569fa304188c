package inside

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/selfsame-build/selfsame/compare/heaptest"
)

// counting counts what is read of a file.
type counting struct {
	io.ReaderAt
	n atomic.Int64
}

func (c *counting) ReadAt(p []byte, off int64) (int, error) {
	c.n.Add(int64(len(p)))
	return c.ReaderAt.ReadAt(p, off)
}

// zerosBut is a file of zeros with one other byte.
type zerosBut struct{ size, at int64 }

func (z zerosBut) ReadAt(p []byte, off int64) (int, error) {
	n := int(min(int64(len(p)), z.size-off))
	clear(p[:n])
	if z.at >= off && z.at < off+int64(n) {
		p[z.at-off] = 1
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func TestFourGigabytes(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 4 GB of zeros a few times")
	}
	const size = 4 << 30
	a := &counting{ReaderAt: zerosBut{size, 3 << 30}}
	var parts []Part
	heaptest.Within(t, 8<<20, func() {
		a.n.Store(0)
		var err error
		if parts, err = Compare(context.Background(), "disk", File{a, size}, File{zerosBut{size, -1}, size}, Options{}); err != nil {
			t.Error(err)
		}
	})
	if got := fmt.Sprint(len(parts), parts[0].Edits[0].OffsetA, parts[0].Edits[0].LenA); got != fmt.Sprint(1, 3<<30, 1) {
		t.Errorf("got %s", got)
	}
	if a.n.Load() > 3*size {
		t.Errorf("%d MB read", a.n.Load()>>20)
	}
}

// Two of other sizes have no place in common but their ends.
func TestFourGigabytesOfAnotherLength(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 4 GB of zeros a few times")
	}
	heaptest.Within(t, 16<<20, func() {
		parts, err := Compare(context.Background(), "disk", File{zerosBut{1 << 30, 1 << 29}, 1 << 30}, File{zerosBut{1<<30 + 7, 1<<29 + 99}, 1<<30 + 7}, Options{})
		if err != nil || len(parts) != 1 {
			t.Errorf("%v, %q", err, lines(parts))
		}
	})
}

func zeros(n int) []byte { return make([]byte, n) }

func TestBombs(t *testing.T) {
	bomb := func(last byte) []byte { return append(zeros(64<<20), last) }
	one, two := gzipOf(t, 9, gzip.Header{}, bomb(1)), gzipOf(t, 9, gzip.Header{}, bomb(2))
	nested := gzipOf(t, 9, gzip.Header{}, one)
	for name, c := range map[string]struct {
		a, b []byte
		lim  Limits
		want string
	}{
		"it is opened where it may be": {one, two, Limits{}, "gzip:/  bytes"},
		"ratio":                        {one, two, Limits{Ratio: 100}, "  bytes"},
		"bytes":                        {one, two, Limits{Bytes: 100 << 20}, "  bytes"},
		"depth":                        {nested, gzipOf(t, 9, gzip.Header{}, two), Limits{Depth: 1}, "gzip:/  bytes"},
		"zstd":                         {zstdOf(t, bomb(1)), zstdOf(t, bomb(2)), Limits{Ratio: 100}, "  bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			scratch := t.TempDir()
			var got []Part
			heaptest.Within(t, 32<<20, func() { got = parts(t, name, c.a, c.b, Options{Scratch: scratch, Limits: c.lim}) })
			if l := lines(got); l[0] != c.want {
				t.Errorf("got %q", l)
			}
			if left, _ := os.ReadDir(scratch); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestDepth(t *testing.T) {
	wrap := func(s string) []byte {
		b := []byte(s)
		for range 20 {
			b = tarOf(t, reg("t", string(b)))
		}
		return b
	}
	p := parts(t, "deep", wrap("1"), wrap("2"), Options{})
	if len(p) != 1 || len(p[0].Path) != 8 || p[0].Kind != KindBytes {
		t.Errorf("got %q", lines(p))
	}
}

func TestNoScratch(t *testing.T) {
	big := func(last byte) []byte { return gzipOf(t, 1, gzip.Header{}, append(zeros(5<<20), last)) }
	p, err := Compare(context.Background(), "x", fileOf(big(1)), fileOf(big(2)), Options{})
	if err != nil || len(p) != 1 || len(p[0].Path) != 0 || p[0].Kind != KindBytes {
		t.Errorf("%v, %q", err, lines(p))
	}
}

func TestManyEntries(t *testing.T) {
	if testing.Short() {
		t.Skip("many entries take seconds")
	}
	a, b := manyEntries{0o644}.file(), manyEntries{0o600}.file()
	var got []Part
	heaptest.Within(t, many*150, func() {
		var err error
		if got, err = Compare(context.Background(), "x", a, b, Options{}); err != nil {
			t.Error(err)
		}
	})
	if len(got) != 100 || got[99].More != many-100 || got[99].Name != "mode" {
		t.Errorf("%d parts, %d more", len(got), got[len(got)-1].More)
	}
}

func TestTooManyEntries(t *testing.T) {
	a, b := tarOf(t, reg("a", ""), reg("b", "")), tarOf(t, reg("a", ""), reg("b", "1"))
	p := parts(t, "x", a, b, Options{Limits: Limits{Entries: 1}})
	if len(p) != 1 || p[0].Kind != KindBytes {
		t.Errorf("got %q", lines(p))
	}
}

// many is a sixteenth of the limit; a million take half a minute of a slow machine.
const many = 1 << 16

// manyEntries is a tar of empty files, made up as it is read.
type manyEntries struct{ mode int }

func (m manyEntries) file() File { return File{m, many*512 + 1024} }

func (m manyEntries) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) && off < m.file().Size {
		block := make([]byte, 512)
		if off < many*512 {
			copy(block, fmt.Sprintf("usr/lib/a/b/%07d", off/512))
			copy(block[100:], fmt.Sprintf("%07o\x000000000\x000000000\x0000000000000\x0000000000000\x00        0", m.mode))
			copy(block[257:], "ustar\x0000")
			sum := 0
			for _, v := range block {
				sum += int(v)
			}
			copy(block[148:], fmt.Sprintf("%06o\x00 ", sum))
		}
		k := copy(p[n:], block[off%512:])
		n, off = n+k, off+int64(k)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Names are kept as they are, but not at any length.
func TestHostileNames(t *testing.T) {
	long := strings.Repeat("x", 200<<10)
	for _, n := range []string{"../../etc/passwd", "a\nb", "\u202egnp.exe", "\xff\xfe", "\x1b[31m", long} {
		f := with(reg(n, "1"), func(h *tar.Header) { h.Format = tar.FormatGNU })
		g := f
		g.body = "2"
		p := parts(t, n, tarOf(t, f), tarOf(t, g), Options{})
		if len(p) != 1 || p[0].Path[0].Entry != n[:min(len(n), maxName)] {
			t.Errorf("%.40q: got %.200q", n, lines(p))
		}
		p = parts(t, n, tarOf(t, f), tarOf(t, reg("y", "1")), Options{})
		if len(p) != 2 || p[0].Name != n[:min(len(n), maxName)] {
			t.Errorf("%.40q: got %.200q", n, lines(p))
		}
	}
}

// A malformed file of any format is compared as bytes, or as what is left of it; each byte of small files is broken once.
func TestMalformed(t *testing.T) {
	scratch := t.TempDir()
	good := map[string][]byte{
		"tar": tarOf(t, reg("a", "1"), reg("b", "2")), "gzip": gzipOf(t, 6, gzip.Header{Name: "n"}, []byte("hello")),
		"zip": zipOf(t, "c", zipFile{body: "hello"}), "elf": elfOf(t, append(symbolTable(1, "a"), note("1234"))...),
		"ar": arOf([5]string{"x/", "1", "2", "3", "4"}), "cpio": cpioOf([3]string{"a", "00000001", "1"}),
		"sqlite": db(t, dbBase)[:1024], "pyc": []byte("\xcb\x0d\r\n\x00\x00\x00\x00\x01\x02\x03\x04\x05\x06\x07\x08\xe3"),
		"json": []byte(`{"a":[1,2]}`), "zstd": zstdOf(t, []byte("hello")), "bzip2": unhex(t, bzipOne),
	}
	for name, g := range good {
		opt := Options{Limits: Limits{Bytes: 1 << 20}, Scratch: scratch}
		for i := range g {
			for _, v := range []byte{0x00, 0xff, g[i] ^ 0x80, g[i] + 1} {
				bad := bytes.Clone(g)
				bad[i] = v
				wellFormed(t, g, bad, parts(t, name, g, bad, opt))
			}
			wellFormed(t, g, g[:i], parts(t, name, g, g[:i], opt))
		}
	}
}

// A header that names a table of sections larger than any memory is not believed.
func TestELFCounts(t *testing.T) {
	for name, change := range map[string]func(b []byte){
		"no count":           func(b []byte) { binary.LittleEndian.PutUint16(b[60:], 0) },
		"far away":           func(b []byte) { binary.LittleEndian.PutUint64(b[40:], 1<<61) },
		"a huge name table":  func(b []byte) { binary.LittleEndian.PutUint64(b[len(b)-32:], 1<<40) },
		"a name table below": func(b []byte) { binary.LittleEndian.PutUint16(b[62:], 900) },
	} {
		bad := elfOf(t, progbits(".a", "1"))
		change(bad)
		other := append(bytes.Clone(bad), 1)
		p := parts(t, name, bad, other, Options{})
		if len(p) != 1 || p[0].Kind != KindBytes || p[0].Format != "" {
			t.Errorf("%s: %q", name, lines(p))
		}
	}
}

// Work is bounded where every line, chunk or value differs from every other.
func TestAlignmentIsBounded(t *testing.T) {
	noise := func(seed uint64, n int, sep string) []byte {
		var b bytes.Buffer
		for i := range n {
			seed = seed*6364136223846793005 + 1442695040888963407
			fmt.Fprintf(&b, "%x%s", seed>>(33+i%8), sep)
		}
		return b.Bytes()
	}
	for name, f := range map[string]func(seed uint64) []byte{
		"lines":       func(s uint64) []byte { return noise(s, 100000, "\n") },
		"short lines": func(s uint64) []byte { return bytes.Repeat([]byte{byte('a' + s%2), '\n', 'c', '\n'}, 60000) },
		"many lines":  func(s uint64) []byte { return bytes.Repeat([]byte{byte('a' + s%2), '\n'}, 2<<20) },
		"no lines":    func(s uint64) []byte { return noise(s, 300000, "\x00") },
		"one value":   func(s uint64) []byte { return bytes.Repeat([]byte{0, byte(s)}, 1<<20+int(s)) },
		"json": func(s uint64) []byte {
			return []byte("[" + strings.TrimSuffix(string(noise(s, 100000, "1,")), ",") + "]")
		},
		"deep json": func(s uint64) []byte {
			return []byte(strings.Repeat(`["`+strings.Repeat("x", 500)+`",`, 9000) + fmt.Sprint(s) + strings.Repeat("]", 9000))
		},
	} {
		t.Run(name, func(t *testing.T) {
			heaptest.Within(t, 48<<20, func() { parts(t, name, f(1), f(2), Options{}) })
		})
	}
}

func TestReadErrors(t *testing.T) {
	bad := File{failing{}, 100}
	if _, err := Compare(context.Background(), "x", bad, fileOf(zeros(100)), Options{}); !errors.Is(err, errTest) {
		t.Errorf("got %v", err)
	}
	if _, err := Compare(context.Background(), "x", File{bytes.NewReader(zeros(9)), 100}, fileOf(zeros(100)), Options{}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Compare(ctx, "x", fileOf(zeros(9)), fileOf(zeros(10)), Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

type failing struct{}

func (failing) ReadAt([]byte, int64) (int, error) { return 0, errTest }
