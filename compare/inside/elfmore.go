package inside

import (
	"compress/zlib"
	"debug/buildinfo"
	"debug/elf"
	"encoding/binary"
	"maps"
	"slices"
	"strconv"
)

func elfOrder(data byte) binary.ByteOrder {
	if elf.Data(data) == elf.ELFDATA2MSB {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

func hexNumber(n uint64) string { return strconv.FormatUint(n, 16) }

// maxSymbols is how many names of added or removed symbols are listed for one table.
const maxSymbols = 16

// symbols lists the names that only one side has. A name may stand many times, so they are counted.
func (e *elfDiff) symbols(table string, read func(*elf.File) ([]elf.Symbol, error)) {
	for _, f := range []*elf.File{e.x, e.y} {
		s := f.Section(table)
		if s == nil || s.FileSize > maxTable || int(s.Link) >= len(f.Sections) || f.Sections[s.Link].FileSize > maxTable {
			return
		}
	}
	x, errX := read(e.x)
	y, errY := read(e.y)
	if errX != nil || errY != nil {
		return
	}
	count := map[string]int{}
	for _, s := range x {
		count[s.Name]--
	}
	for _, s := range y {
		count[s.Name]++
	}
	e.names(KindRemoved, count, -1)
	e.names(KindAdded, count, 1)
}

func (e *elfDiff) names(kind Kind, count map[string]int, sign int) {
	maps.DeleteFunc(count, func(_ string, n int) bool { return n == 0 })
	var names []string
	for k, n := range count {
		if n*sign > 0 {
			names = append(names, k)
		}
	}
	slices.Sort(names)
	for i, n := range names {
		if i == maxSymbols {
			break
		}
		p := Part{Path: e.at.path, Format: "elf", Kind: kind, Name: "symbol " + n}
		if i == maxSymbols-1 {
			p.More = len(names) - maxSymbols
		}
		e.c.add(p)
	}
}

// goInfo compares what the go command writes into its programs.
func (e *elfDiff) goInfo() {
	const section = ".go.buildinfo"
	for _, f := range []*elf.File{e.x, e.y} {
		if s := f.Section(section); s == nil || s.FileSize > maxTable {
			return
		}
	}
	x, errX := buildinfo.Read(e.a.Bytes)
	y, errY := buildinfo.Read(e.b.Bytes)
	if errX != nil || errY != nil {
		return
	}
	before := len(e.c.parts) + e.c.more
	e.c.attrs(e.at, "go", goFields(x), goFields(y))
	if len(e.c.parts)+e.c.more > before {
		e.skip[section] = true
	}
}

func goFields(i *buildinfo.BuildInfo) []attr {
	l := []attr{{"$.go", i.GoVersion}, {"$.path", i.Path}, {"$.main", i.Main.Path + "@" + i.Main.Version + " " + i.Main.Sum}}
	for _, d := range i.Deps {
		v := d.Version + " " + d.Sum
		if d.Replace != nil {
			v += " => " + d.Replace.Path + "@" + d.Replace.Version + " " + d.Replace.Sum
		}
		l = append(l, attr{"$.deps" + jsonKey(d.Path), v})
	}
	for _, s := range i.Settings {
		name := "$." + s.Key
		if s.Key == "" || s.Key[0] == '-' {
			name = "$" + jsonKey(s.Key)
		}
		l = append(l, attr{name, s.Value})
	}
	return l
}

// inflated compares compressed debug sections by what they unpack to.
func (c *comparer) inflated(in place, class elf.Class, x, y *elf.Section, p, q File) bool {
	if x.Flags&elf.SHF_COMPRESSED == 0 || y.Flags&elf.SHF_COMPRESSED == 0 || x.Flags != y.Flags {
		return false
	}
	head := int64(24) // Elf64_Chdr
	if class == elf.ELFCLASS32 {
		head = 12
	}
	u, ok := c.inflate(p.section(head, p.Size))
	if !ok {
		return false
	}
	defer u.close()
	v, ok := c.inflate(q.section(head, q.Size))
	if !ok {
		return false
	}
	defer v.close()
	if u.sum == v.sum {
		c.encoding(in, "zlib", "compressed size", number(p.Size), number(q.Size))
		return true
	}
	c.bytes(in.in("zlib", ""), "elf", u.File, v.File)
	return true
}

func (c *comparer) inflate(f File) (*spool, bool) {
	r, err := zlib.NewReader(f.reader())
	if err != nil {
		return nil, false
	}
	defer r.Close()
	return c.unpack(r, f.Size)
}
