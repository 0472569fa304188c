package inside

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"io"
	"testing"
	"time"
)

var epoch = time.Unix(1700000000, 0)

type file struct {
	tar.Header
	body string
}

func reg(name, body string) file {
	return file{tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, ModTime: epoch}, body}
}

func with(f file, change func(*tar.Header)) file {
	change(&f.Header)
	return f
}

func tarOf(t testing.TB, files ...file) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		f.Size = int64(len(f.body))
		if err := w.WriteHeader(&f.Header); err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, f.body)
	}
	w.Close()
	return b.Bytes()
}

func gzipOf(t testing.TB, level int, h gzip.Header, body []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, level)
	if err != nil {
		t.Fatal(err)
	}
	w.Header = h
	w.Write(body)
	w.Close()
	return b.Bytes()
}

type zipFile struct {
	zip.FileHeader
	body string
}

func zipOf(t testing.TB, comment string, files ...zipFile) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, f := range files {
		e, err := w.CreateHeader(&f.FileHeader)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(e, f.body)
	}
	w.SetComment(comment)
	w.Close()
	return b.Bytes()
}

func TestTar(t *testing.T) {
	x := reg("x", "same")
	check(t, []golden{
		{"fields", tarOf(t, x), tarOf(t, with(x, func(h *tar.Header) {
			h.Mode, h.Uid, h.Gid, h.Uname, h.Gname = 0o600, 7, 8, "u", "g"
			h.ModTime = epoch.Add(time.Second)
		})), []string{
			"tar:x/ tar field mode 0644|0600", "tar:x/ tar field uid 0|7", "tar:x/ tar field gid 0|8", "tar:x/ tar field uname |u",
			"tar:x/ tar field gname |g", "tar:x/ tar field mtime 2023-11-14T22:13:20Z|2023-11-14T22:13:21Z"}},
		{"pax", tarOf(t, x), tarOf(t, with(x, func(h *tar.Header) {
			h.Format, h.AccessTime, h.PAXRecords = tar.FormatPAX, epoch, map[string]string{"SCHILY.xattr.user.a": "1"}
		})), []string{
			"tar:x/ tar field atime |2023-11-14T22:13:20Z", "tar:x/ tar field format USTAR|PAX", "tar:x/ tar field xattr user.a -|1"}},
		{"type and link", tarOf(t, with(reg("x", ""), func(h *tar.Header) { h.Typeflag, h.Linkname = tar.TypeSymlink, "a" })),
			tarOf(t, with(reg("x", ""), func(h *tar.Header) { h.Typeflag, h.Linkname = tar.TypeLink, "b" })),
			[]string{"tar:x/ tar field type 2|1", "tar:x/ tar field link a|b"}},
		{"added, removed, content", tarOf(t, x, reg("y", "1\n"), reg("old", "")), tarOf(t, reg("new", ""), x, reg("y", "2\n")), []string{
			"tar:y/ text text", `  0|0 ""["1"|"2"]"\n" 1|1`, " tar removed old", " tar added new"}},
		{"order", tarOf(t, x, reg("a", ""), reg("b", ""), reg("only", "")), tarOf(t, x, reg("b", ""), reg("a", "")), []string{
			" tar removed only", ` tar order entries ["a" "b"]|["b" "a"]`}},
		{"one name twice", tarOf(t, reg("x", "1"), reg("x", "2")), tarOf(t, reg("x", "1"), reg("x", "3")), []string{
			"tar:x/ text text", `  0|0 ""["2"|"3"]"" 1|1`}},
		{"padding", tarOf(t, x), append(tarOf(t, x), 0, 0), []string{"  bytes", `  2048|2048 "` + nuls(96) + `"[""|"\x00\x00"]"" 0|2`}},
		{"nested", tarOf(t, reg("t", string(tarOf(t, reg("in", "date 1"))))), tarOf(t, reg("t", string(tarOf(t, reg("in", "date 2"))))), []string{
			"tar:t/tar:in/ text text", `  5|5 "date "["1"|"2"]"" 1|1`}},
	})
}

func nuls(n int) string {
	s := ""
	for range n {
		s += `\x00`
	}
	return s
}

func TestGzip(t *testing.T) {
	text := bytes.Repeat([]byte("some text that can be packed\n"), 50)
	h := gzip.Header{OS: 255}
	stamped := gzip.Header{OS: 3, Name: "a", Comment: "c", Extra: []byte{1, 2}, ModTime: epoch}
	check(t, []golden{
		{"header", gzipOf(t, 6, h, text), gzipOf(t, 6, stamped, text), []string{
			" gzip field mtime 0|2023-11-14T22:13:20Z", " gzip field name |a", " gzip field comment |c", " gzip field os 255 unknown|3 Unix",
			" gzip field extra |0102", " gzip field flags 0x00|0x1c",
			" gzip encoding encoder a middle level, as Go and Python write, 66 bytes|a middle level, as gzip and pigz write, 74 bytes"}},
		{"level", gzipOf(t, 9, h, text), gzipOf(t, 1, h, text), []string{
			" gzip field level flag 2|4",
			" gzip encoding encoder the best level, as Go and Python write, 66 bytes|the fastest level, as Go and Python write, 77 bytes"}},
		{"content", gzipOf(t, 6, h, []byte("a 1\n")), gzipOf(t, 6, h, []byte("a 2\n")), []string{
			"gzip:/ text text", `  2|2 "a "["1"|"2"]"\n" 1|1`}},
		{"members", append(gzipOf(t, 6, h, []byte("a\n")), gzipOf(t, 6, h, []byte("b\n"))...), gzipOf(t, 6, h, []byte("a\nc\n")), []string{
			" gzip field members 2|1", "gzip:/ text text", `  2|2 "a\n"["b"|"c"]"\n" 1|1`}},
		{"a date in a page in a tar in a gzip", gzipOf(t, 6, h, tarOf(t, reg("p", "built 2026"))), gzipOf(t, 6, h, tarOf(t, reg("p", "built 2027"))),
			[]string{"gzip:/tar:p/ text text", `  9|9 "built 202"["6"|"7"]"" 1|1`}},
		{"truncated", gzipOf(t, 6, h, text)[:40], gzipOf(t, 6, h, text)[:39], []string{
			"  bytes", `  39|39 ` + ctx(gzipOf(t, 6, h, text)[:39]) + `["` + ctx(gzipOf(t, 6, h, text)[39:40])[1:] + `|""]"" 1|0`}},
	})
}

func TestZip(t *testing.T) {
	f := func(name, body string, change func(*zip.FileHeader)) zipFile {
		h := zip.FileHeader{Name: name, Method: zip.Deflate, Modified: epoch.UTC()}
		if change != nil {
			change(&h)
		}
		return zipFile{h, body}
	}
	long := string(bytes.Repeat([]byte("again and "), 100))
	check(t, []golden{
		{"times", zipOf(t, "", f("x", "1", nil)), zipOf(t, "", f("x", "1", func(h *zip.FileHeader) { h.Modified = epoch.UTC().Add(time.Hour) })), []string{
			"zip:x/ zip field modified 2023-11-14T22:13:20|2023-11-14T23:13:20",
			"zip:x/ zip field extra mtime 2023-11-14T22:13:20Z|2023-11-14T23:13:20Z",
			"zip:x/ zip field local extra mtime 2023-11-14T22:13:20Z|2023-11-14T23:13:20Z"}},
		{"mode and comments", zipOf(t, "", f("x", "1", nil)), zipOf(t, "hi", f("x", "1", func(h *zip.FileHeader) { h.SetMode(0o755); h.Comment = "c" })), []string{
			" zip field comment |hi", "zip:x/ zip field made by 2.0 on system 0|2.0 on system 3",
			"zip:x/ zip field comment |c", "zip:x/ zip field mode -|0100755"}},
		{"content", zipOf(t, "", f("x", long+"1\n", nil)), zipOf(t, "", f("x", long+"2\n", nil)), []string{
			"zip:x/ text text", `  1000|1000 ` + ctx([]byte(long)) + `["1"|"2"]"\n" 1|1`}},
		{"method", zipOf(t, "", f("x", long, nil)), zipOf(t, "", f("x", long, func(h *zip.FileHeader) { h.Method = zip.Store })), []string{
			"zip:x/ zip field method 8|0", "zip:x/ zip encoding compressed size 24|1000"}},
		{"order", zipOf(t, "", f("a", "", nil), f("b", "", nil)), zipOf(t, "", f("b", "", nil), f("a", "", nil)), []string{
			` zip order entries ["a" "b"]|["b" "a"]`}},
	})
}

// TestZipBehindAScript: a script before a finished zip, whose offsets do not count it.
func TestZipBehindAScript(t *testing.T) {
	made := func(month time.Month) []byte {
		var b bytes.Buffer
		b.WriteString("#!/usr/bin/env python3\n")
		var z bytes.Buffer
		w := zip.NewWriter(&z)
		f, err := w.CreateHeader(&zip.FileHeader{Name: "x.py", Modified: time.Date(2025, month, 1, 0, 0, 0, 0, time.UTC)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte("print()\n")); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		b.Write(z.Bytes())
		return b.Bytes()
	}
	a, b := made(time.January), made(time.February)
	parts, err := Compare(t.Context(), "app", File{bytes.NewReader(a), int64(len(a))}, File{bytes.NewReader(b), int64(len(b))}, Options{})
	if err != nil || len(parts) == 0 {
		t.Fatalf("%d parts, %v", len(parts), err)
	}
	if p := parts[0]; p.Format != "zip" || p.Kind != KindField || len(p.Path) != 1 || p.Path[0].Entry != "x.py" {
		t.Errorf("got %+v, want a field of x.py in a zip", p)
	}
}
