package inside

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

func zstdOf(t testing.TB, body []byte, opt ...zstd.EOption) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil, opt...)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(body, nil)
}

func xzOf(t testing.TB, body []byte, conf xz.WriterConfig) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := conf.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(body)
	w.Close()
	return b.Bytes()
}

func arOf(members ...[5]string) []byte { // name, mtime, uid, mode, body
	s := arMagic
	for _, m := range members {
		s += fmt.Sprintf("%-16s%-12s%-6s%-6s%-8s%-10d`\n%s", m[0], m[1], m[2], "0", m[3], len(m[4]), m[4])
		if len(m[4])%2 == 1 {
			s += "\n"
		}
	}
	return []byte(s)
}

func cpioOf(members ...[3]string) []byte { // name, eight digits of mtime, body
	var s string
	for i, m := range append(members, [3]string{"TRAILER!!!", "00000000", ""}) {
		s += fmt.Sprintf("070701%08x%08x%08x%08x%08x%s%08x%08x%08x%08x%08x%08x%08x%s\x00", i, 0o100644, 0, 0, 1, m[1], len(m[2]), 0, 0, 0, 0, len(m[0])+1, 0, m[0])
		s += strings.Repeat("\x00", (4-len(s)%4)%4) + m[2]
		s += strings.Repeat("\x00", (4-len(s)%4)%4)
	}
	return []byte(s)
}

// The standard library only reads bzip2: this is "a 1\n" with level 9 and 1, and "a 2\n".
const (
	bzipOne     = "425a683931415926535929184448000001d90000104000200020002000219a68334d32bc5dc914e14240a4611120"
	bzipOneFast = "425a683131415926535929184448000001d90000104000200020002000219a68334d32bc5dc914e14240a4611120"
	bzipTwo     = "425a68393141592653595bf31b9b000001d90000104000100020002000219a68334d32bc5dc914e142416fcc6e6c"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Each block wants a dictionary of its own, and holds one byte.
func TestXZBlocks(t *testing.T) {
	a := xzOf(t, []byte(strings.Repeat("x", 200)), xz.WriterConfig{DictCap: 4096, BlockSize: 1})
	a = bytes.ReplaceAll(a, []byte{0x21, 1, 0}, []byte{0x21, 1, 28}) // 64 MiB
	r := newXZ(fileOf(a))
	n, err := io.Copy(io.Discard, r)
	if err == nil || r.spent <= maxXZSpent || r.spent > maxXZSpent+maxXZDict {
		t.Errorf("%d bytes, %v, %d MB of dictionaries", n, err, r.spent>>20)
	}
}

func TestPacked(t *testing.T) {
	long := bytes.Repeat([]byte("some text that can be packed\n"), 3000)
	one, two := []byte("a 1\n"), []byte("a 2\n")
	deb := func(data []byte) []byte {
		return arOf([5]string{"debian-binary", "0", "0", "100644", "2.0\n"}, [5]string{"data.tar.xz", "0", "0", "100644", string(data)})
	}
	check(t, []golden{
		{"zstd", zstdOf(t, one), zstdOf(t, two), []string{"zstd:/ text text", `  2|2 "a "["1"|"2"]"\n" 1|1`}},
		{"zstd level", zstdOf(t, long), zstdOf(t, long, zstd.WithEncoderCRC(false)), []string{
			" zstd field checksum yes|no", " zstd encoding compressed size 55|51"}},
		{"bzip2", unhex(t, bzipOne), unhex(t, bzipTwo), []string{"bzip2:/ text text", `  2|2 "a "["1"|"2"]"\n" 1|1`}},
		{"bzip2 level", unhex(t, bzipOne), unhex(t, bzipOneFast), []string{" bzip2 field level 9|1", " bzip2 encoding compressed size 46|46"}},
		{"xz", xzOf(t, one, xz.WriterConfig{}), xzOf(t, two, xz.WriterConfig{}), []string{"xz:/ text text", `  2|2 "a "["1"|"2"]"\n" 1|1`}},
		{"xz dictionary, blocks and check", xzOf(t, long, xz.WriterConfig{}), xzOf(t, long, xz.WriterConfig{DictCap: 1 << 16, BlockSize: 9999, CheckSum: xz.SHA256}), []string{
			" xz field check 4|10", " xz field dictionary 8388608|65536", " xz encoding compressed size 176|1204"}},
		{"xz streams", append(xzOf(t, one, xz.WriterConfig{}), append(make([]byte, 8), xzOf(t, two, xz.WriterConfig{})...)...), xzOf(t, append(one, one...), xz.WriterConfig{}), []string{
			"xz:/ text text", `  6|6 "a 1\na "["2"|"1"]"\n" 1|1`}},
		{"ar", arOf([5]string{"x.o/", "1700000000", "0", "100644", "1"}), arOf([5]string{"x.o/", "1700000001", "5", "100600", "2"}), []string{
			"ar:x.o/ ar field mtime 2023-11-14T22:13:20Z|2023-11-14T22:13:21Z", "ar:x.o/ ar field uid 0|5", "ar:x.o/ ar field mode 0100644|0100600",
			"ar:x.o/ text text", `  0|0 ""["1"|"2"]"" 1|1`}},
		{"ar, long names", arOf([5]string{"//", "", "", "", "first_long_name.o/\nsecond_long_name.o/\n"}, [5]string{"/19", "0", "0", "0", "1"}, [5]string{"#1/4", "0", "0", "0", "bsd\x001"}),
			arOf([5]string{"//", "", "", "", "first_long_name.o/\nsecond_long_name.o/\n"}, [5]string{"/19", "0", "0", "0", "2"}, [5]string{"#1/4", "0", "0", "0", "bsd\x002"}), []string{
				"ar:second_long_name.o/ text text", `  0|0 ""["1"|"2"]"" 1|1`, "ar:bsd/ text text", `  0|0 ""["1"|"2"]"" 1|1`}},
		{"deb", deb(xzOf(t, tarOf(t, reg("./x", "built 1")), xz.WriterConfig{})), deb(xzOf(t, tarOf(t, reg("./x", "built 2")), xz.WriterConfig{})), []string{
			"ar:data.tar.xz/xz:/tar:./x/ text text", `  6|6 "built "["1"|"2"]"" 1|1`}},
		{"cpio", cpioOf([3]string{"a", "65000000", "1"}, [3]string{"b", "65000000", ""}), cpioOf([3]string{"a", "65000001", "2"}, [3]string{"c", "65000000", ""}), []string{
			"cpio:a/ cpio field mtime 2023-09-12T06:06:56Z|2023-09-12T06:06:57Z", "cpio:a/ text text", `  0|0 ""["1"|"2"]"" 1|1`,
			" cpio removed b", " cpio added c"}},
	})
}
