package inside

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

func TestText(t *testing.T) {
	many := func(change func(i int) string) []byte {
		var s strings.Builder
		for i := range 1000 {
			s.WriteString(change(i) + "\n")
		}
		return []byte(s.String())
	}
	check(t, []golden{
		{"equal", []byte("a"), []byte("a"), nil},
		{"a value in a line", []byte("one\nbuilt by root@aa\nthree\n"), []byte("one\nbuilt by root@selfsame-b\nthree\n"), []string{
			" text text", `  18|18 "one\nbuilt by root@"["aa"|"selfsame-b"]"\nthree\n" 2|10`}},
		{"two values far apart", []byte("date=1 and then much later host=x\n"), []byte("date=2 and then much later host=y\n"), []string{
			" text text", `  5|5 "date="["1"|"2"]" and then much later host=" 1|1`, `  32|32 " and then much later host="["x"|"y"]"\n" 1|1`}},
		{"an added line", []byte("a\nb\nc\n"), []byte("a\nb\nnew\nc\n"), []string{
			" text text", `  4|4 "a\nb\n"[""|"new\n"]"c\n" 0|4`}},
		{"order", []byte("x\nb\na\nc\n"), []byte("x\na\nb\nc\n"), []string{` text order lines ["b" "a"]|["a" "b"]`}},
		{"order with the last line's end missing", []byte("a\nb"), []byte("b\na"), []string{` text order lines ["a" "b"]|["b" "a"]`}},
		{"only the end of the last line", []byte("a\nb"), []byte("a\nb\n"), []string{" text text", `  3|3 "a\nb"[""|"\n"]"" 0|1`}},
		{"empty against text", nil, []byte("a\n"), []string{" text text", `  0|0 ""[""|"a\n"]"" 0|2`}},
		{"Latin-1", []byte("gr\xfc\xdfe 1\n"), []byte("gr\xfc\xdfe 2\n"), []string{" text text", `  6|6 "gr\xfc\xdfe "["1"|"2"]"\n" 1|1`}},
		{"a line moved and one changed", []byte("a\nb\nc\nd 1\n"), []byte("b\nc\na\nd 2\n"), []string{
			" text text", `  0|0 ""["a\n"|""]"b\nc\n" 2|0`, `  6|4 "b\nc\n"["d 1"|"a\nd 2"]"\n" 3|5`}},
		{"lines apart", many(func(i int) string { return fmt.Sprint("line ", i) }), many(func(i int) string {
			if i%500 == 250 {
				return fmt.Sprintf("line %d!", i)
			}
			return fmt.Sprint("line ", i)
		}), []string{" text text",
			`  2148|2148 "ne 240\nline 241\nline 242\nline 243\nline 244\nline 245\nline 246\nline 247\nline 248\nline 249\nline 250"[""|"!"]"\nline 251\nline 252\nline 253\nline 254\nline 255\nline 256\nline 257\nline 258\nline 259\nline 260\nline " 0|1`,
			`  6648|6649 "ne 740\nline 741\nline 742\nline 743\nline 744\nline 745\nline 746\nline 747\nline 748\nline 749\nline 750"[""|"!"]"\nline 751\nline 752\nline 753\nline 754\nline 755\nline 756\nline 757\nline 758\nline 759\nline 760\nline " 0|1`}},
	})
}

func TestBytes(t *testing.T) {
	bin := func(s string) []byte { return []byte("\x00\x01\x02" + s) }
	long := func(host string) []byte {
		var s bytes.Buffer
		for i := range 3000 {
			fmt.Fprintf(&s, "\x00%d\xff%d", i*i, i)
			if i%1000 == 500 {
				s.WriteString("/build/" + host + "/x")
			}
		}
		return s.Bytes()
	}
	check(t, []golden{
		{"one run", bin("abc"), bin("abd"), []string{"  bytes", `  5|5 "\x00\x01\x02ab"["c"|"d"]"" 1|1`}},
		{"a gap of eight", bin("x12345678y"), bin("z12345678w"), []string{"  bytes", `  3|3 "\x00\x01\x02"["x12345678y"|"z12345678w"]"" 10|10`}},
		{"a gap of nine", bin("x123456789y"), bin("z123456789w"), []string{
			"  bytes", `  3|3 "\x00\x01\x02"["x"|"z"]"123456789" 1|1`, `  13|13 "123456789"["y"|"w"]"" 1|1`}},
		{"another length", bin("host-a rest"), bin("selfsame-b rest"), []string{"  bytes", `  3|3 "\x00\x01\x02"["host-a"|"selfsame-b"]" rest" 6|10`}},
		{"appended", bin(""), bin("more"), []string{"  bytes", `  3|3 "\x00\x01\x02"[""|"more"]"" 0|4`}},
	})
	p := parts(t, "long", long("aa"), long("selfsame-b"), Options{})
	if len(p) != 1 || len(p[0].Edits) != 3 || string(p[0].Edits[1].A) != "aa" || string(p[0].Edits[1].B) != "selfsame-b" {
		t.Errorf("got %q", lines(p))
	}
	wellFormed(t, long("aa"), long("selfsame-b"), p)
}
