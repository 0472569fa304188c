package trace

import (
	"debug/elf"
	"encoding/binary"
	"slices"
)

// edit is a run of bytes to write at an offset of the vDSO of every program.
type edit struct {
	offset int
	data   []byte
}

// plan is what to do to one kind of vDSO. It is the same for every program, since the kernel lends all of them one image.
type plan struct {
	edits    []edit
	redirect bool // false: the clock functions are hidden, and programs make system calls instead
	// fallbacks are the offsets, just behind a system call instruction, from which the original functions enter the kernel
	// when they cannot read the clock themselves. What they get there must stay unmoved: the wrapper adds the offset.
	fallbacks []int
}

// clockSymbols are the functions to be hidden where they cannot be redirected, for every architecture.
var clockSymbols = []string{
	"__vdso_clock_gettime", "clock_gettime", "__vdso_clock_gettime64", "clock_gettime64",
	"__vdso_gettimeofday", "gettimeofday", "__vdso_time", "time",
	"__kernel_clock_gettime", "__kernel_gettimeofday",
}

// wrappersFor returns the wrappers for an image, none when its functions can only be hidden.
func wrappersFor(v *vdso) []wrapper {
	switch {
	case v.class == elf.ELFCLASS64 && v.machine == elf.EM_X86_64:
		return wrappersX86
	case v.class == elf.ELFCLASS64 && v.machine == elf.EM_AARCH64:
		return wrappersA64
	}
	return nil
}

// redirectPlan puts the wrappers into the unused end of the image and points the symbols at them; ok is false when they do not
// fit or there is nothing to wrap. The functions themselves are not touched, so a program that is inside one is safe.
func redirectPlan(v *vdso, seconds int64) (p plan, ok bool) {
	code, at := []byte(nil), v.free
	table := slices.Clone(v.image)
	for _, w := range wrappersFor(v) {
		symbols := v.named(w.symbols)
		if len(symbols) == 0 {
			continue
		}
		code = append(code, make([]byte, -len(code)&15)...)
		start := uint64(at + len(code))
		code = append(code, w.code(start, symbols[0].value, seconds)...)
		for _, s := range symbols {
			if s.value != symbols[0].value {
				return plan{}, false
			}
			binary.LittleEndian.PutUint64(table[s.entry+int(v.valueOffset()):], start)
		}
	}
	if len(code) == 0 || at+len(code) > len(v.image) {
		return plan{}, false
	}
	edits := append(difference(v.image, table), edit{at, code})
	return plan{edits: edits, redirect: true, fallbacks: v.systemCalls()}, true
}

// hidePlan takes the clock functions out of the symbol table: libraries then make plain system calls, which the filter stops.
// glibc passes over a symbol whose value is 0, musl and Go over one that is in no section.
func hidePlan(v *vdso) plan {
	table := slices.Clone(v.image)
	for _, s := range v.named(clockSymbols) {
		at := s.entry + int(v.valueOffset())
		clear(table[at : at+int(v.word())])
		at = s.entry + v.sectionOffset()
		clear(table[at : at+2])
	}
	return plan{edits: difference(v.image, table)}
}

func (v *vdso) named(names []string) []symbol {
	var found []symbol
	for _, s := range v.symbols {
		if slices.Contains(names, s.name) && s.entry+int(v.symbolSize()) <= len(v.image) {
			found = append(found, s)
		}
	}
	return found
}

// systemCalls finds the system call instructions of an x86-64 or arm64 image. A false find does no harm: the tracer checks the
// whole address before it believes it.
func (v *vdso) systemCalls() []int {
	pattern, step := []byte{0x0f, 0x05}, 1 // syscall
	if v.machine == elf.EM_AARCH64 {
		pattern, step = []byte{0x01, 0x00, 0x00, 0xd4}, 4 // svc #0
	}
	var found []int
	for i := 0; i+len(pattern) <= v.free; i += step {
		if string(v.image[i:i+len(pattern)]) == string(pattern) {
			found = append(found, i+len(pattern))
		}
	}
	return found
}

// difference is one edit from the first byte that differs to the last: the entries stand close together, and one write costs
// less than several.
func difference(before, after []byte) []edit {
	first, last := -1, -1
	for i := range before {
		if before[i] != after[i] {
			if first < 0 {
				first = i
			}
			last = i
		}
	}
	if first < 0 {
		return nil
	}
	return []edit{{first, slices.Clone(after[first : last+1])}}
}
