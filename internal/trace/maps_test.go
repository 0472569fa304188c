//go:build linux

package trace

import "testing"

const someMaps = `00400000-00401000 r-xp 00000000 08:01 12 /a program with spaces
00a00000-00b00000 rw-p 00000000 00:00 0 [heap]
7f0000000000-7f0000200000 r-xp 00000000 08:01 13 /lib/libc.so
7f0004000000-7f0004001000 r--p 00000000 00:00 0
7ffff0000000-7ffff0021000 rw-p 00000000 00:00 0 [stack]
7ffff7fc5000-7ffff7fc7000 r-xp 00000000 00:00 0 [vdso]
nonsense
9-1 r-xp 0 0 0
`

func TestMappings(t *testing.T) {
	maps := parseMappings(someMaps)
	if len(maps) != 6 || maps[0] != (mapping{0x400000, 0x401000, "r-xp", "/a program with spaces"}) {
		t.Fatalf("%+v", maps)
	}
	if m, ok := mappingOf(maps, 0x7ffff7fc5800); !ok || m.name != "[vdso]" {
		t.Errorf("%+v", m)
	}
	if _, ok := mappingOf(maps, 0x401000); ok {
		t.Error("the end belongs to the mapping")
	}
}

// A landing stands below a mapping, never where a heap or a stack grows, and where the jump reaches it.
func TestGap(t *testing.T) {
	maps := parseMappings(someMaps)
	for from, want := range map[uint64]uint64{
		0x7f0000001000: 0x7f0000000000 - 1<<20,
		0x7f0003f00000: 0x7f0004000000 - 1<<20,
		0x7ffff7fc5800: 0x7ffff7fc5000 - 1<<20,
	} {
		if at, ok := gap(maps, from); !ok || at != want {
			t.Errorf("near %#x: %#x %v, want %#x", from, at, ok, want)
		}
	}
	if at, ok := gap(maps, 0x400800); ok {
		t.Errorf("near the program: %#x, between it and its heap, or out of reach", at)
	}
}
