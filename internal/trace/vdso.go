package trace

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
)

// vdso is what matters of a vDSO image: its bytes as they stand in memory, the clock functions that its dynamic symbol table
// names, and the unused bytes behind its contents. The kernel links it at address 0, so addresses are offsets.
type vdso struct {
	image   []byte
	class   elf.Class
	machine elf.Machine
	symbols []symbol
	free    int // offset of the first unused byte; len(image) when there is none
}

// symbol is one entry of the dynamic symbol table: its name, value, and where the entry stands.
type symbol struct {
	name  string
	value uint64
	entry int
}

// maxSymbols bounds the walk over a symbol table; the largest vDSO has some twenty.
const maxSymbols = 256

var errVDSO = errors.New("not a vDSO that can be read")

// parseVDSO reads an image of a vDSO from memory. It never reads outside image, whatever the headers say.
func parseVDSO(image []byte) (*vdso, error) {
	file, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errVDSO, err)
	}
	v := &vdso{image: image, class: file.Class, machine: file.Machine}
	if file.ByteOrder != binary.ByteOrder(binary.LittleEndian) {
		return nil, fmt.Errorf("%w: byte order", errVDSO)
	}
	tags := v.dynamic(file)
	symtab, strtab := tags[elf.DT_SYMTAB], tags[elf.DT_STRTAB]
	if symtab == 0 || strtab == 0 {
		return nil, fmt.Errorf("%w: no symbol table", errVDSO)
	}
	count := v.symbolCount(tags, symtab, strtab)
	for i := range count {
		if s, ok := v.symbol(symtab, strtab, i); ok && s.value != 0 {
			v.symbols = append(v.symbols, s)
		}
	}
	v.free = v.firstFree(file)
	return v, nil
}

// dynamic returns the entries of the dynamic segment.
func (v *vdso) dynamic(file *elf.File) map[elf.DynTag]uint64 {
	tags := map[elf.DynTag]uint64{}
	for _, p := range file.Progs {
		if p.Type != elf.PT_DYNAMIC {
			continue
		}
		for at := p.Off; len(tags) < 64; at += 2 * v.word() {
			tag, ok := v.load(at)
			value, ok2 := v.load(at + v.word())
			if !ok || !ok2 || tag == uint64(elf.DT_NULL) {
				break
			}
			tags[elf.DynTag(tag)] = value
		}
	}
	return tags
}

// symbolCount comes from the hash table, or from the layout every linker uses: strings follow symbols.
func (v *vdso) symbolCount(tags map[elf.DynTag]uint64, symtab, strtab uint64) uint64 {
	count := uint64(0)
	if hash := tags[elf.DT_HASH]; hash != 0 {
		n, _ := v.load32(hash + 4)
		count = uint64(n)
	} else if strtab > symtab {
		count = (strtab - symtab) / v.symbolSize()
	}
	return min(count, maxSymbols)
}

func (v *vdso) symbol(symtab, strtab, index uint64) (symbol, bool) {
	at := symtab + index*v.symbolSize()
	name, ok := v.load32(at)
	value, ok2 := v.load(at + v.valueOffset())
	if !ok || !ok2 {
		return symbol{}, false
	}
	start := strtab + uint64(name)
	if start >= uint64(len(v.image)) {
		return symbol{}, false
	}
	text, _, found := bytes.Cut(v.image[start:], []byte{0})
	return symbol{string(text), value, int(at)}, found
}

// firstFree is the end of everything the headers speak of, rounded up to 16, provided that only zeros follow.
func (v *vdso) firstFree(file *elf.File) int {
	end := uint64(0)
	for _, p := range file.Progs {
		end = max(end, p.Off+p.Filesz)
	}
	for _, s := range file.Sections {
		if s.Type != elf.SHT_NOBITS {
			end = max(end, s.Offset+s.FileSize)
		}
	}
	// The table of sections is last in the file, and debug/elf does not say where it stands.
	if v.class == elf.ELFCLASS64 {
		off, _ := v.load(0x28)
		end = max(end, off+uint64(len(file.Sections))*64)
	} else {
		off, _ := v.load(0x20)
		end = max(end, off+uint64(len(file.Sections))*40)
	}
	end = (end + 15) &^ 15
	if end >= uint64(len(v.image)) || len(bytes.Trim(v.image[end:], "\x00")) != 0 {
		return len(v.image)
	}
	return int(end)
}

func (v *vdso) word() uint64 {
	if v.class == elf.ELFCLASS64 {
		return 8
	}
	return 4
}

// symbolSize, valueOffset and sectionOffset describe Elf64_Sym and Elf32_Sym.
func (v *vdso) symbolSize() uint64 { return 8 + 2*v.word() }

func (v *vdso) valueOffset() uint64 {
	if v.class == elf.ELFCLASS64 {
		return 8
	}
	return 4
}

func (v *vdso) sectionOffset() int {
	if v.class == elf.ELFCLASS64 {
		return 6
	}
	return 14
}

// load reads a word of the image's class; ok is false outside the image.
func (v *vdso) load(at uint64) (value uint64, ok bool) {
	if v.word() == 4 {
		n, ok := v.load32(at)
		return uint64(n), ok
	}
	if at > uint64(len(v.image)) || uint64(len(v.image))-at < 8 {
		return 0, false
	}
	return binary.LittleEndian.Uint64(v.image[at:]), true
}

func (v *vdso) load32(at uint64) (value uint32, ok bool) {
	if at > uint64(len(v.image)) || uint64(len(v.image))-at < 4 {
		return 0, false
	}
	return binary.LittleEndian.Uint32(v.image[at:]), true
}
