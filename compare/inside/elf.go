package inside

import (
	"debug/elf"
	"encoding/hex"
	"slices"
)

const (
	maxSections = 1 << 16
	maxTable    = 8 << 20 // bytes of a table that is read whole: section names, symbols, notes
)

// elfs compares programs and libraries section by section.
func elfs(c *comparer, at place, a, b File) bool {
	x, ok := openELF(a)
	if !ok {
		return false
	}
	y, ok := openELF(b)
	if !ok {
		return false
	}
	e := &elfDiff{c: c, at: at, a: a, b: b, x: x, y: y, skip: map[string]bool{}}
	e.header()
	e.buildID()
	e.goInfo()
	e.symbols(".symtab", (*elf.File).Symbols)
	e.symbols(".dynsym", (*elf.File).DynamicSymbols)
	e.sections()
	return true
}

// openELF checks what debug/elf would read whole, however large: the section headers and their names.
func openELF(f File) (*elf.File, bool) {
	h, ok := f.get(0, 64)
	if !ok {
		return nil, false
	}
	order := elfOrder(h[5])
	var at, entry, count, names uint64
	if elf.Class(h[4]) == elf.ELFCLASS64 {
		at, entry, count, names = order.Uint64(h[40:]), uint64(order.Uint16(h[58:])), uint64(order.Uint16(h[60:])), uint64(order.Uint16(h[62:]))
	} else {
		at, entry, count, names = uint64(order.Uint32(h[32:])), uint64(order.Uint16(h[46:])), uint64(order.Uint16(h[48:])), uint64(order.Uint16(h[50:]))
	}
	// More than 65,279 sections would be counted elsewhere: no real program has them. None at all is a stripped one, with nothing to show.
	if at > 1<<62 || count == 0 || count > maxSections || names >= count {
		return nil, false
	}
	s, ok := f.get(int64(at+names*entry), int(min(entry, 64))) //nolint:gosec // G115: bounded
	if !ok || len(s) < 40 {
		return nil, false
	}
	size := uint64(order.Uint32(s[20:]))
	if elf.Class(h[4]) == elf.ELFCLASS64 {
		size = order.Uint64(s[32:])
	}
	if size > maxTable {
		return nil, false
	}
	out, err := elf.NewFile(f.Bytes)
	return out, err == nil
}

type elfDiff struct {
	c    *comparer
	at   place
	a, b File
	x, y *elf.File
	skip map[string]bool // sections that have been shown in another way
}

func (e *elfDiff) header() {
	x, y := e.x.FileHeader, e.y.FileHeader
	e.c.fieldIf(e.at, "elf", "machine", x.Machine.String(), y.Machine.String())
	e.c.fieldIf(e.at, "elf", "type", x.Type.String(), y.Type.String())
	e.c.fieldIf(e.at, "elf", "entry", "0x"+hexNumber(x.Entry), "0x"+hexNumber(y.Entry))
	e.c.fieldIf(e.at, "elf", "sections", number(len(e.x.Sections)), number(len(e.y.Sections)))
}

const noteID = ".note.gnu.build-id"

// buildID shows the linker's digest of the program; it differs because something else does.
func (e *elfDiff) buildID() {
	id := func(f *elf.File) *string {
		s := f.Section(noteID)
		if s == nil || s.Type == elf.SHT_NOBITS {
			return nil
		}
		raw := make([]byte, min(s.FileSize, 128))
		n, _ := s.ReaderAt.ReadAt(raw, 0)
		if n < 16 {
			return nil
		}
		v := hex.EncodeToString(raw[16:n])
		return &v
	}
	x, y := id(e.x), id(e.y)
	if x != nil && y != nil && *x != *y {
		e.c.field(e.at, "elf", "build id", x, y)
		e.skip[noteID] = true
	}
}

// sections pairs sections by name, the n-th of a name with the n-th.
func (e *elfDiff) sections() {
	type key struct {
		name string
		n    int
	}
	index := func(f *elf.File) (map[key]*elf.Section, []key) {
		byKey, list, seen := map[key]*elf.Section{}, []key{}, map[string]int{}
		for _, s := range f.Sections {
			k := key{s.Name, seen[s.Name]}
			seen[s.Name]++
			byKey[k] = s
			list = append(list, k)
		}
		return byKey, list
	}
	xs, xl := index(e.x)
	ys, yl := index(e.y)
	for _, k := range xl {
		if ys[k] == nil {
			e.c.add(Part{Path: e.at.path, Format: "elf", Kind: KindRemoved, Name: "section " + k.name})
		} else if !e.c.done() {
			e.section(k.name, xs[k], ys[k])
		}
	}
	for _, k := range yl {
		if xs[k] == nil {
			e.c.add(Part{Path: e.at.path, Format: "elf", Kind: KindAdded, Name: "section " + k.name})
		}
	}
	keep := func(l []key, other map[key]*elf.Section) []string {
		var out []string
		for _, k := range l {
			if other[k] != nil {
				out = append(out, clip(k.name, MaxValue))
			}
		}
		return out
	}
	if p, q := keep(xl, ys), keep(yl, xs); !slices.Equal(p, q) {
		i := 0
		for p[i] == q[i] {
			i++
		}
		e.c.add(Part{Path: e.at.path, Format: "elf", Kind: KindOrder, Name: "sections",
			OrderA: p[i:min(len(p), i+MaxOrder)], OrderB: q[i:min(len(q), i+MaxOrder)]})
	}
}

func (e *elfDiff) section(name string, x, y *elf.Section) {
	if e.skip[name] || x.Type == elf.SHT_NOBITS || y.Type == elf.SHT_NOBITS {
		return
	}
	p, q := e.part(e.a, x), e.part(e.b, y)
	if e.c.equal(p, q) {
		return
	}
	if len(e.c.parts) >= e.c.lim.Parts {
		e.c.more++
		return
	}
	in := e.at.in("elf", name)
	if e.c.inflated(in, e.x.Class, x, y, p, q) {
		return
	}
	e.c.bytes(in, "elf", p, q)
}

func (e *elfDiff) part(f File, s *elf.Section) File {
	return f.section(int64(min(s.Offset, 1<<62)), int64(min(s.FileSize, 1<<62))) //nolint:gosec // G115: bounded
}
