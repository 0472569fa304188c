//go:build linux

package trace

import (
	"bytes"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

func TestOwnVDSOIsRedirected(t *testing.T) {
	image, err := ownVDSO()
	if err != nil {
		t.Fatal(err)
	}
	v, err := parseVDSO(image)
	if err != nil {
		t.Fatal(err)
	}
	p, ok := redirectPlan(v, 1)
	if !ok {
		t.Fatalf("this machine's vDSO cannot be redirected: %d symbols, free from %#x of %#x", len(v.symbols), v.free, len(image))
	}
	patched := slices.Clone(image)
	for _, e := range p.edits {
		copy(patched[e.offset:], e.data)
	}
	after, err := parseVDSO(patched)
	if err != nil {
		t.Fatal(err)
	}
	moved := 0
	for i, s := range after.symbols {
		switch {
		case slices.Contains(clockSymbols, s.name) && int(s.value) < v.free:
			t.Errorf("%s still points at the original", s.name)
		case slices.Contains(clockSymbols, s.name):
			moved++
		case s != v.symbols[i]:
			t.Errorf("%s was moved", s.name)
		}
	}
	if moved == 0 {
		t.Error("no symbol was moved")
	}
	text := image[:v.free]
	if n := len(p.edits); n != 2 || p.edits[1].offset < len(text) {
		t.Errorf("%d edits; the original code must not be touched", n)
	}
}

// build32 links a 32-bit library that has the names of an i386 vDSO.
func build32(t *testing.T) []byte {
	t.Helper()
	dir := t.TempDir()
	source, out := filepath.Join(dir, "v.c"), filepath.Join(dir, "v.so")
	text := "int __vdso_clock_gettime(void){return 1;}int __vdso_clock_gettime64(void){return 2;}int __vdso_gettimeofday(void){return 3;}\n" +
		"int __vdso_time(void){return 4;}int __kernel_vsyscall(void){return 5;}\n"
	if err := os.WriteFile(source, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("gcc", "-m32", "-shared", "-nostdlib", "-fPIC", "-Wl,--hash-style=both", "-Wl,-z,norelro", "-o", out, source)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("no 32-bit compiler: %v: %s", err, text)
	}
	image, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

func TestHidePlanOf32BitImage(t *testing.T) {
	image := build32(t)
	v, err := parseVDSO(image)
	if err != nil {
		t.Fatal(err)
	}
	if v.class != elf.ELFCLASS32 {
		t.Fatalf("class %v", v.class)
	}
	if _, ok := redirectPlan(v, 1); ok {
		t.Error("a 32-bit image has no wrappers")
	}
	for _, e := range hidePlan(v).edits {
		copy(image[e.offset:], e.data)
	}
	file, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		t.Fatal(err)
	}
	symbols, err := file.DynamicSymbols()
	if err != nil {
		t.Fatal(err)
	}
	hidden := 0
	for _, s := range symbols {
		if gone := s.Value == 0 && s.Section == elf.SHN_UNDEF; gone != slices.Contains(clockSymbols, s.Name) {
			t.Errorf("%s: value %#x, section %v", s.Name, s.Value, s.Section)
		} else if gone {
			hidden++
		}
	}
	if hidden != 4 {
		t.Errorf("%d symbols hidden, want 4", hidden)
	}
}

func TestRedirectRefusesAFullImage(t *testing.T) {
	image, err := ownVDSO()
	if err != nil {
		t.Fatal(err)
	}
	image[len(image)-1] = 1 // something stands where the wrappers would go
	v, err := parseVDSO(image)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := redirectPlan(v, 1); ok {
		t.Error("wrappers were put over something")
	}
	if len(hidePlan(v).edits) == 0 {
		t.Error("nothing was hidden")
	}
}

func TestVDSOBase(t *testing.T) {
	for _, c := range []struct {
		name string
		auxv []byte
		base uint64
		is32 bool
	}{
		{"empty", nil, 0, false},
		{"64-bit", []byte{33, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 0x100001000, false},
		{"32-bit", []byte{32, 0, 0, 0, 5, 0x20, 0, 0, 33, 0, 0, 0, 0, 0x20, 0, 0}, 0x2000, true},
		{"32-bit without one", []byte{16, 0, 0, 0, 5, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 0, true},
		{"cut off", []byte{33, 0, 0, 0, 0, 0, 0, 0, 0, 0x10}, 0, false},
	} {
		if base, is32 := vdsoBase(c.auxv); base != c.base || is32 != c.is32 {
			t.Errorf("%s: %#x %v", c.name, base, is32)
		}
	}
}

func FuzzParseVDSO(f *testing.F) {
	if image, err := ownVDSO(); err == nil {
		f.Add(image)
	}
	f.Fuzz(func(t *testing.T, image []byte) {
		if len(image) > maxImage {
			return
		}
		for _, p := range []plan{planFor(image, 1, false), planFor(image, 1, true)} {
			for _, e := range p.edits {
				if e.offset < 0 || e.offset+len(e.data) > len(image) {
					t.Fatalf("edit of %d bytes at %d of %d", len(e.data), e.offset, len(image))
				}
			}
		}
	})
}

func FuzzVDSOBase(f *testing.F) {
	f.Fuzz(func(t *testing.T, auxv []byte) { vdsoBase(auxv) })
}
