package inside

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"testing"
)

type elfSection struct {
	name string
	typ  elf.SectionType
	body []byte
	link uint32
}

// elfOf is a 64-bit little-endian file of sections alone.
func elfOf(t testing.TB, sections ...elfSection) []byte {
	t.Helper()
	all := append([]elfSection{{}}, sections...)
	all = append(all, elfSection{name: ".shstrtab", typ: elf.SHT_STRTAB})
	var names, body bytes.Buffer
	at := make([]uint32, len(all))
	for i, s := range all {
		at[i] = uint32(names.Len())
		names.WriteString(s.name + "\x00")
	}
	all[len(all)-1].body = names.Bytes()
	heads := make([]elf.Section64, len(all))
	for i, s := range all {
		heads[i] = elf.Section64{Name: at[i], Type: uint32(s.typ), Off: uint64(64 + body.Len()), Size: uint64(len(s.body)), Link: s.link, Addralign: 1}
		if s.typ == elf.SHT_SYMTAB {
			heads[i].Entsize, heads[i].Info = 24, 1
		}
		body.Write(s.body)
	}
	h := elf.Header64{Type: uint16(elf.ET_DYN), Machine: uint16(elf.EM_X86_64), Version: 1, Ehsize: 64, Shentsize: 64, Phentsize: 56,
		Shnum: uint16(len(all)), Shstrndx: uint16(len(all) - 1), Shoff: uint64(64 + body.Len())}
	copy(h.Ident[:], "\x7fELF\x02\x01\x01")
	var out bytes.Buffer
	binary.Write(&out, binary.LittleEndian, h)
	out.Write(body.Bytes())
	binary.Write(&out, binary.LittleEndian, heads)
	return out.Bytes()
}

func note(id string) elfSection {
	return elfSection{noteID, elf.SHT_NOTE, []byte("\x04\x00\x00\x00\x04\x00\x00\x00\x03\x00\x00\x00GNU\x00" + id), 0}
}

func progbits(name, body string) elfSection {
	return elfSection{name, elf.SHT_PROGBITS, []byte(body), 0}
}

// symbolTable is .symtab and .strtab, which stand as sections n and n+1.
func symbolTable(n uint32, names ...string) []elfSection {
	var syms, strs bytes.Buffer
	binary.Write(&syms, binary.LittleEndian, elf.Sym64{})
	strs.WriteByte(0)
	for _, s := range names {
		binary.Write(&syms, binary.LittleEndian, elf.Sym64{Name: uint32(strs.Len())})
		strs.WriteString(s + "\x00")
	}
	return []elfSection{{".symtab", elf.SHT_SYMTAB, syms.Bytes(), n + 1}, {".strtab", elf.SHT_STRTAB, strs.Bytes(), 0}}
}

func TestELF(t *testing.T) {
	check(t, []golden{
		{"build id and a section", elfOf(t, note("\x01\x02\x03\x04"), progbits(".rodata", "built on aa at night")), elfOf(t, note("\x05\x06\x07\x08"), progbits(".rodata", "built on selfsame-b at night")), []string{
			" elf field build id 01020304|05060708", "elf:.rodata/ elf bytes", `  9|9 "built on "["aa"|"selfsame-b"]" at night" 2|10`}},
		{"comment", elfOf(t, progbits(".comment", "GCC: 1\x00")), elfOf(t, progbits(".comment", "GCC: 2\x00")), []string{
			"elf:.comment/ elf bytes", `  5|5 "GCC: "["1"|"2"]"\x00" 1|1`}},
		{"sections", elfOf(t, progbits(".a", "1"), progbits(".b", "1"), progbits(".c", "1")), elfOf(t, progbits(".b", "1"), progbits(".a", "1"), progbits(".d", "1")), []string{
			" elf removed section .c", "elf:.shstrtab/ elf bytes", `  2|2 "\x00."["a\x00.b\x00.c"|"b\x00.a\x00.d"]"\x00.shstrtab\x00" 7|7`,
			" elf added section .d", ` elf order sections [".a" ".b" ".shstrtab"]|[".b" ".a" ".shstrtab"]`}},
		{"symbols", elfOf(t, symbolTable(1, "main", "tmp_1")...), elfOf(t, symbolTable(1, "main", "tmp_2")...), []string{
			" elf removed symbol tmp_1", " elf added symbol tmp_2", "elf:.strtab/ elf bytes", `  10|10 "\x00main\x00tmp_"["1"|"2"]"\x00" 1|1`}},
		{"behind the sections", elfOf(t, progbits(".a", "1")), append(elfOf(t, progbits(".a", "1")), 'x'), []string{
			"  bytes", `  271|271 ` + ctx(elfOf(t, progbits(".a", "1"))) + `[""|"x"]"" 0|1`}},
	})
}

func TestPyc(t *testing.T) {
	pyc := func(flags, word byte, code string) []byte {
		return append([]byte{0xcb, 0x0d, '\r', '\n', flags, 0, 0, 0, word, 0, 0, 0x65, 9, 0, 0, 0}, code...)
	}
	check(t, []golden{
		{"mtime", pyc(0, 1, "\xe3\x00"), pyc(0, 2, "\xe3\x00"), []string{" pyc field mtime 2023-09-12T06:06:57Z|2023-09-12T06:06:58Z"}},
		{"by hash", pyc(0, 1, "\xe3\x00"), pyc(1, 1, "\xe3\x00"), []string{
			" pyc field flags 0|1", " pyc field mtime 2023-09-12T06:06:57Z|-", " pyc field source size 9|-", " pyc field source hash -|0100006509000000"}},
		{"code", pyc(0, 1, "\xe3\x00a"), pyc(0, 1, "\xe3\x00b"), []string{"pyc:code/ pyc bytes", `  2|2 "\xe3\x00"["a"|"b"]"" 1|1`}},
	})
}

func TestJSON(t *testing.T) {
	check(t, []golden{
		{"a value", []byte(`{"a":{"b c":[1,2]}}`), []byte(`{"a":{"b c":[1,3]}}`), []string{` json field $.a["b c"][1] 2|3`}},
		{"keys", []byte(`{"a":1,"b":2}`), []byte(`{"b":2,"c":{}}`), []string{" json removed $.a 1|-", " json added $.c -|{}"}},
		{"key order", []byte(`{"x":{"a":1,"b":2}}`), []byte(`{"x":{"b":2,"a":1}}`), []string{` json order $.x ["a" "b"]|["b" "a"]`}},
		{"list order", []byte(`[0,"b","a"]`), []byte(`[0,"a","b"]`), []string{` json order $ ["\"b\"" "\"a\""]|["\"a\"" "\"b\""]`}},
		{"an element more", []byte(`[1,2,3]`), []byte(`[1,9,2,3]`), []string{" json added $[1] -|9"}},
		{"space", []byte(`{"a": 1}`), []byte(`{"a":1}`), []string{" text text", `  5|5 "{\"a\":"[" "|""]"1}" 1|0`}},
		{"a key in other letters", []byte(`{"\u0061":1,"b":1}`), []byte(`{"a":2,"b":1}`), []string{" json field $.a 1|2"}},
		{"no JSON", []byte(`{"a":`), []byte(`{"b":`), []string{" text text", `  2|2 "{\""["a"|"b"]"\":" 1|1`}},
	})
}
