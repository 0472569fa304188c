package deb

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// file is a shorthand for a tar entry.
func file(name, content string) tar.Header {
	return tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(content)), ModTime: time.Unix(1000, 0), PAXRecords: nil, Linkname: content}
}
func dir(name string) tar.Header {
	return tar.Header{Name: name, Typeflag: tar.TypeDir, Mode: 0o755, ModTime: time.Unix(1000, 0)}
}
func sym(name, to string) tar.Header {
	return tar.Header{Name: name, Typeflag: tar.TypeSymlink, Mode: 0o777, Linkname: to, ModTime: time.Unix(1000, 0)}
}
func hard(name, to string) tar.Header {
	return tar.Header{Name: name, Typeflag: tar.TypeLink, Mode: 0o644, Linkname: to, ModTime: time.Unix(1000, 0)}
}

func tarball(files ...tar.Header) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range files {
		content := ""
		if h.Typeflag == tar.TypeReg {
			content, h.Linkname = h.Linkname, ""
		}
		h.Format = tar.FormatGNU
		if err := w.WriteHeader(&h); err != nil {
			panic(err)
		}
		must(w.Write([]byte(content)))
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func compressed(suffix string, data []byte) []byte {
	var b bytes.Buffer
	var w io.WriteCloser
	switch suffix {
	case ".gz":
		w = gzip.NewWriter(&b)
	case ".xz":
		w = must(xz.NewWriter(&b))
	case ".zst":
		w = must(zstd.NewWriter(&b))
	default:
		return data
	}
	must(w.Write(data))
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// ar makes an archive of name, content pairs.
func ar(members ...string) []byte {
	b := bytes.NewBufferString(arMagic)
	for i := 0; i < len(members); i += 2 {
		fmt.Fprintf(b, "%-16s%-12d%-6d%-6d%-8s%-10d`\n%s", members[i], 0, 0, 0, "100644", len(members[i+1]), members[i+1])
		if len(members[i+1])%2 == 1 {
			b.WriteByte('\n')
		}
	}
	return b.Bytes()
}

func pkg(suffix string, files ...tar.Header) []byte {
	return ar("debian-binary", debFormat, "control.tar"+suffix, "odd", "data.tar"+suffix, string(compressed(suffix, tarball(files...))))
}

func spool(t testing.TB) *Spool {
	t.Helper()
	f := must(os.CreateTemp(t.TempDir(), "spool"))
	t.Cleanup(func() { _ = f.Close() })
	return NewSpool(f)
}

// list is a layer in short: "mode type name -> link = content @mtime".
func list(layer []byte) (l []string) {
	r := tar.NewReader(bytes.NewReader(layer))
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return l
		}
		if err != nil {
			panic(err)
		}
		s := fmt.Sprintf("%o %c %s", h.Mode, h.Typeflag, h.Name)
		if h.Linkname != "" {
			s += " -> " + h.Linkname
		}
		if h.Typeflag == tar.TypeReg {
			s += " = " + string(must(io.ReadAll(r)))
		}
		l = append(l, s)
	}
}

func TestLayer(t *testing.T) {
	base := []tar.Header{dir("./"), sym("./bin", "usr/bin"), dir("./usr/"), dir("./usr/bin/")}
	tests := map[string]struct {
		packages [][]tar.Header
		want     []string
		err      string
	}{
		"sorted, folder first": {
			packages: [][]tar.Header{{file("./b", "2"), dir("./a-b"), file("./a/x", "1"), dir("./a")}},
			want:     []string{"755 5 a/", "755 5 a-b/", "644 0 a/x = 1", "644 0 b = 2"},
		},
		"later package replaces": {
			packages: [][]tar.Header{{file("./a", "1")}, {file("./a", "22")}},
			want:     []string{"644 0 a = 22"},
		},
		"through a linked folder": {
			packages: [][]tar.Header{base, {dir("./bin"), file("./bin/sh", "x")}},
			want:     []string{"777 2 bin -> usr/bin", "755 5 usr/", "755 5 usr/bin/", "644 0 usr/bin/sh = x"},
		},
		"link does not replace a folder": {
			packages: [][]tar.Header{{dir("./d"), file("./d/f", "1")}, {sym("./d", "e")}},
			want:     []string{"755 5 d/", "644 0 d/f = 1"},
		},
		"first folder keeps its mode": {
			packages: [][]tar.Header{{{Name: "./tmp", Typeflag: tar.TypeDir, Mode: 0o1777}}, {dir("./tmp")}},
			want:     []string{"1777 5 tmp/"},
		},
		"missing folders are made, and get their mode from the package that brings them": {
			packages: [][]tar.Header{{file("./p/q/f", "1")}, {{Name: "./p", Typeflag: tar.TypeDir, Mode: 0o700}}},
			want:     []string{"700 5 p/", "755 5 p/q/", "644 0 p/q/f = 1"},
		},
		"hard links": {
			packages: [][]tar.Header{{file("./z", "1"), hard("./a", "./z"), hard("./m", "./z")}},
			want:     []string{"644 0 a = 1", "644 1 m -> a", "644 1 z -> a"},
		},
		"hard link replaced": {
			packages: [][]tar.Header{{file("./z", "1"), hard("./a", "./z")}, {file("./a", "2")}},
			want:     []string{"644 0 a = 2", "644 0 z = 1"},
		},
		"set-id bits stay": {
			packages: [][]tar.Header{{{Name: "./su", Typeflag: tar.TypeReg, Mode: 0o4755}}},
			want:     []string{"4755 0 su = "},
		},
		"absolute link stays inside": {
			packages: [][]tar.Header{{sym("./l", "/etc"), file("./l/passwd", "x")}},
			want:     []string{"755 5 etc/", "644 0 etc/passwd = x", "777 2 l -> /etc"},
		},
		"upward link stays inside": {
			packages: [][]tar.Header{{sym("./l", "../../../etc"), file("./l/passwd", "x")}},
			want:     []string{"755 5 etc/", "644 0 etc/passwd = x", "777 2 l -> ../../../etc"},
		},
		"circle of links":           {packages: [][]tar.Header{{sym("./a", "b"), sym("./b", "a"), file("./a/f", "1")}}, err: "too many symbolic links"},
		"upward path":               {packages: [][]tar.Header{{file("./../etc/passwd", "x")}}, err: "leads upwards"},
		"upward path inside":        {packages: [][]tar.Header{{file("./a/../b", "x")}}, err: "leads upwards"},
		"absolute path":             {packages: [][]tar.Header{{file("/etc/passwd", "x")}}, err: "is absolute"},
		"hard link upwards":         {packages: [][]tar.Header{{hard("./a", "../../etc/shadow")}}, err: "leads upwards"},
		"hard link to nothing":      {packages: [][]tar.Header{{hard("./a", "./b")}}, err: "leads to no file"},
		"hard link to a folder":     {packages: [][]tar.Header{{dir("./b"), hard("./a", "./b")}}, err: "leads to no file"},
		"device":                    {packages: [][]tar.Header{{{Name: "./dev/sda", Typeflag: tar.TypeBlock, Devmajor: 8}}}, err: "is not allowed"},
		"character device":          {packages: [][]tar.Header{{{Name: "./dev/null", Typeflag: tar.TypeChar, Devmajor: 1}}}, err: "is not allowed"},
		"fifo":                      {packages: [][]tar.Header{{{Name: "./p", Typeflag: tar.TypeFifo}}}, err: "is not allowed"},
		"file below a file":         {packages: [][]tar.Header{{file("./a", "1"), file("./a/b", "2")}}, err: "not a folder"},
		"file over a folder":        {packages: [][]tar.Header{{dir("./a")}, {file("./a", "1")}}, err: "is a folder in one package"},
		"root as a file":            {packages: [][]tar.Header{{file(".", "x")}}, err: "the root is no folder"},
		"root as a link":            {packages: [][]tar.Header{{sym("./", "/etc")}}, err: "the root is no folder"},
		"folder where a link leads": {packages: [][]tar.Header{{sym("./run", "var/run"), dir("./run")}}, want: []string{"777 2 run -> var/run", "755 5 var/", "755 5 var/run/"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			layer, err := build(t, time.Unix(5000, 0), tt.packages...)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("error %v, want %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, list(layer)); d != "" {
				t.Error(d)
			}
		})
	}
}

func build(t testing.TB, epoch time.Time, packages ...[]tar.Header) ([]byte, error) {
	sp, tree := spool(t), NewTree()
	for _, p := range packages {
		c, err := Unpack(bytes.NewReader(pkg(".gz", p...)), sp)
		if err != nil {
			return nil, err
		}
		if err := tree.Overlay(c); err != nil {
			return nil, err
		}
	}
	var b bytes.Buffer
	err := tree.WriteLayer(&b, sp, epoch)
	return b.Bytes(), err
}

func TestTimes(t *testing.T) {
	old, young := file("./old", ""), file("./young", "")
	old.ModTime, young.ModTime = time.Unix(1000, 7), time.Unix(9000, 0)
	layer, err := build(t, time.Unix(5000, 0), []tar.Header{old, young})
	if err != nil {
		t.Fatal(err)
	}
	r := tar.NewReader(bytes.NewReader(layer))
	for _, want := range []int64{1000, 5000} {
		if h := must(r.Next()); h.ModTime.Unix() != want || h.ModTime.Nanosecond() != 0 {
			t.Errorf("%s bears %v", h.Name, h.ModTime)
		}
	}
}

func TestMergeUsr(t *testing.T) {
	sp, tree := spool(t), NewTree()
	if err := tree.MergeUsr("amd64", time.Unix(7, 0)); err != nil {
		t.Fatal(err)
	}
	c := must(Unpack(bytes.NewReader(pkg("", dir("./lib64/"), file("./lib64/ld.so", "x"), file("./lib/libc.so", "y"))), sp))
	if c.Brings("bin") {
		t.Error("brings bin")
	}
	if err := tree.Overlay(c); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := tree.WriteLayer(&b, sp, time.Unix(5000, 0)); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"777 2 bin -> usr/bin", "777 2 lib -> usr/lib", "777 2 lib32 -> usr/lib32", "777 2 lib64 -> usr/lib64", "777 2 libx32 -> usr/libx32",
		"777 2 sbin -> usr/sbin", "755 5 usr/", "755 5 usr/bin/", "755 5 usr/lib/", "644 0 usr/lib/libc.so = y", "755 5 usr/lib32/",
		"755 5 usr/lib64/", "644 0 usr/lib64/ld.so = x", "755 5 usr/libx32/", "755 5 usr/sbin/",
	}
	if d := cmp.Diff(want, list(b.Bytes())); d != "" {
		t.Error(d)
	}
	if err := tree.MergeUsr("amd64", time.Unix(7, 0)); err == nil {
		t.Error("merged twice")
	}
}

func TestCompressions(t *testing.T) {
	for _, suffix := range []string{"", ".gz", ".xz", ".zst"} {
		c, err := Unpack(bytes.NewReader(pkg(suffix, file("./a", "1"), sym("./bin", "usr/bin"))), spool(t))
		if err != nil || len(c.entries) != 2 || !c.Brings("bin") || c.Brings("a") {
			t.Errorf("%q: %v, %v", suffix, c, err)
		}
	}
}

func TestMalformed(t *testing.T) {
	data := string(tarball(file("./a", strings.Repeat("x", 5000))))
	gz := string(compressed(".gz", []byte(data)))
	whole := pkg(".xz", file("./a", strings.Repeat("xyz", 5000)))
	huge := tar.Header{Name: "./a", Typeflag: tar.TypeReg}
	lying := tarball(huge)
	copy(lying[124:136], "77777777777\x00") // size: 8 GiB, and nothing follows
	sum(lying[:512])
	tests := map[string][]byte{
		"empty":                    nil,
		"not ar":                   []byte("PK\x03\x04........................................................."),
		"no members":               []byte(arMagic),
		"wrong first member":       ar("control.tar", "x", "data.tar", data),
		"wrong format":             ar("debian-binary", "3.0\n", "data.tar", data),
		"no data":                  ar("debian-binary", debFormat, "control.tar", ""),
		"unknown compression":      ar("debian-binary", debFormat, "data.tar.lz9", data),
		"not what its name says":   ar("debian-binary", debFormat, "data.tar.xz", data),
		"member size is negative":  bytes.Replace(ar("debian-binary", debFormat, "data.tar", data), fmt.Appendf(nil, "%-10d", len(data)), []byte("-1        "), 1),
		"member larger than file":  bytes.Replace(ar("debian-binary", debFormat, "data.tar", data), fmt.Appendf(nil, "%-10d", len(data)), []byte("9999999999"), 1),
		"something after the data": ar("debian-binary", debFormat, "data.tar", data, "evil", "member"),
		"something in the member":  ar("debian-binary", debFormat, "data.tar.gz", gz+"trailing"),
		"tar cut":                  ar("debian-binary", debFormat, "data.tar", data[:1024]),
		"gzip cut":                 ar("debian-binary", debFormat, "data.tar.gz", gz[:len(gz)-6]),
		"tar claims too much":      ar("debian-binary", debFormat, "data.tar", string(lying)),
		"many members":             ar(append([]string{"debian-binary", debFormat}, strings.Split(strings.Repeat("x,y,", 40), ",")[:80]...)...),
		"much after the tar":       ar("debian-binary", debFormat, "data.tar", data+strings.Repeat("\x00", maxPadding+10)),
	}
	for i := 10; i < len(whole); i += len(whole) / 13 {
		tests[fmt.Sprintf("cut at %d", i)] = whole[:i]
	}
	for name, b := range tests {
		if c, err := Unpack(bytes.NewReader(b), spool(t)); err == nil {
			t.Errorf("%s: read %d entries", name, len(c.entries))
		} else if errors.Is(err, io.EOF) {
			t.Errorf("%s: the error looks like a proper end: %v", name, err)
		}
	}
}

// sum writes a tar header's checksum.
func sum(h []byte) {
	copy(h[148:156], "        ")
	n := 0
	for _, c := range h {
		n += int(c)
	}
	copy(h[148:156], fmt.Sprintf("%06o\x00 ", n))
}

// TestReadsToTheEnd: a digest checked at the end of the stream must be reached.
func TestReadsToTheEnd(t *testing.T) {
	bad := errors.New("digest differs")
	r := io.MultiReader(bytes.NewReader(pkg(".gz", file("./a", "1"))), failing{bad})
	if _, err := Unpack(r, spool(t)); !errors.Is(err, bad) {
		t.Errorf("got %v", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func FuzzUnpack(f *testing.F) {
	for _, suffix := range []string{"", ".gz", ".zst"} {
		f.Add(pkg(suffix, dir("./"), file("./a", "1"), sym("./l", "a"), hard("./h", "./a")))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		sp := NewSpool(&memory{})
		c, err := Unpack(bytes.NewReader(data), sp)
		if err != nil {
			return
		}
		tree := NewTree()
		if tree.Overlay(c) != nil {
			return
		}
		var b bytes.Buffer
		if tree.WriteLayer(&b, sp, time.Unix(1<<30, 0)) != nil {
			return
		}
		for _, l := range list(b.Bytes()) {
			name := strings.Fields(l)[2]
			if strings.HasPrefix(name, "/") || strings.HasPrefix(name, "../") || strings.Contains(name, "/../") {
				t.Errorf("layer holds %q", l)
			}
		}
	})
}

// memory is a spool in memory, bounded.
type memory struct{ b []byte }

func (m *memory) WriteAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > 1<<22 {
		return 0, errors.New("spool full")
	}
	if n := off + int64(len(p)); int64(len(m.b)) < n {
		m.b = append(m.b, make([]byte, n-int64(len(m.b)))...)
	}
	return copy(m.b[off:], p), nil
}

func (m *memory) ReadAt(p []byte, off int64) (int, error) {
	return bytes.NewReader(m.b).ReadAt(p, off)
}
