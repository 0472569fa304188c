package inside

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"testing"

	"github.com/ulikunitz/xz"
)

// fuzz holds for any two inputs: no panic, no error, parts exactly where the bytes differ, and the same parts again.
func fuzz(f *testing.F, view view, seeds ...[]byte) {
	for i := range seeds {
		f.Add(seeds[i], seeds[(i+1)%len(seeds)])
	}
	lim := Limits{Depth: 4, Entries: 100, Bytes: 1 << 20, Ratio: 50, Parts: 20}
	f.Fuzz(func(t *testing.T, x, y []byte) {
		opt := Options{Limits: lim}
		c := &comparer{ctx: context.Background(), lim: lim.filled(), left: lim.Bytes, memory: maxMemory, shown: maxShown, entries: 200}
		a, b := fileOf(x), fileOf(y)
		a.Bytes, b.Bytes = guard{c, a.Bytes, a.Size}, guard{c, b.Bytes, b.Size}
		if !bytes.Equal(x, y) && len(x) > 0 && len(y) > 0 {
			view(c, place{}, a, b) // whatever the first bytes are
		}
		if c.err != nil {
			t.Fatal(c.err)
		}
		p, err := Compare(context.Background(), "f", fileOf(x), fileOf(y), opt)
		if err != nil {
			t.Fatal(err)
		}
		wellFormed(t, x, y, p)
		if q, err := Compare(context.Background(), "g", fileOf(x), fileOf(y), opt); err != nil || len(q) != len(p) {
			t.Fatalf("%d parts and then %d, %v", len(p), len(q), err)
		}
	})
}

func FuzzText(f *testing.F) {
	fuzz(f, texts, []byte("a\nb\nc\n"), []byte("b\na\nc\n"), []byte("a\nx\ny\nc"), []byte("\xff\n\xfe"))
}

func FuzzBytes(f *testing.F) {
	both := func(c *comparer, at place, a, b File) bool { c.bytes(at, "", a, b); return true }
	fuzz(f, both, []byte("\x00abc"), []byte("\x00abbc"), bytes.Repeat([]byte("\x00\x01\x02"), 3000), bytes.Repeat([]byte("\x00\x01\x03"), 2900))
}

func FuzzTar(f *testing.F) {
	fuzz(f, tars, tarOf(f, reg("a", "1"), reg("b", "2")), tarOf(f, reg("b", "2"), reg("a", "3")))
}

func FuzzGzip(f *testing.F) {
	fuzz(f, gzips, gzipOf(f, 1, gzip.Header{Name: "x"}, []byte("hello")), gzipOf(f, 9, gzip.Header{}, []byte("hello")), gzipOf(f, 9, gzip.Header{}, nil))
}

func FuzzZip(f *testing.F) {
	fuzz(f, zips, zipOf(f, "", zipFile{zip.FileHeader{Name: "a", Method: 8, Modified: epoch}, "1"}), zipOf(f, "c", zipFile{zip.FileHeader{Name: "a"}, "2"}))
}

func FuzzZstd(f *testing.F) {
	fuzz(f, zstds.view, zstdOf(f, []byte("hello")), zstdOf(f, []byte("hello you")))
}

func FuzzXZ(f *testing.F) {
	fuzz(f, xzs.view, xzOf(f, []byte("hello"), xz.WriterConfig{DictCap: 4096}), xzOf(f, []byte("hello you"), xz.WriterConfig{BlockSize: 4, DictCap: 4096}))
}

func FuzzBzip2(f *testing.F) {
	fuzz(f, bzip2s.view, unhex(f, bzipOne), unhex(f, bzipTwo), unhex(f, bzipOneFast))
}

func FuzzAr(f *testing.F) {
	fuzz(f, ars, arOf([5]string{"x/", "1", "2", "3", "4"}), arOf([5]string{"//", "", "", "", "long/\n"}, [5]string{"/0", "1", "2", "3", "4"}, [5]string{"#1/2", "", "", "", "ab"}))
}

func FuzzCpio(f *testing.F) {
	fuzz(f, cpios, cpioOf([3]string{"a", "00000001", "1"}), cpioOf([3]string{"b", "00000001", "1"}, [3]string{"a", "00000002", "2"}))
}

func FuzzELF(f *testing.F) {
	fuzz(f, elfs, elfOf(f, append(symbolTable(1, "a", "b"), note("1234"), progbits(".text", "x"))...),
		elfOf(f, append(symbolTable(1, "b", "c"), note("4321"), progbits(".go.buildinfo", "\xff Go buildinf:\x08\x02"))...))
}

func FuzzPyc(f *testing.F) {
	fuzz(f, pycs, []byte("\xcb\x0d\r\n\x00\x00\x00\x00\x01\x02\x03\x04\x05\x06\x07\x08\xe3"), []byte("\xcb\x0d\r\n\x01\x00\x00\x00\x01\x02\x03\x04\x05\x06\x07\x08\xe4"))
}

func FuzzJSON(f *testing.F) {
	fuzz(f, jsons, []byte(`{"a":[1,{"b":null}],"c":"\"x"}`), []byte(`{"c":1,"a":[{"b":true},1],"d":{}}`), []byte(`[[],{},""]`))
}

func FuzzSQLite(f *testing.F) {
	fuzz(f, sqlites, db(f, dbBase), db(f, dbRows), db(f, dbFreed))
}

var errTest = errors.New("a disk's error")
