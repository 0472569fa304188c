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

// The annex's own calls pass, those of the page beside it do not, nor those of a 32-bit program.
func TestFilterLetsTheAnnexThrough(t *testing.T) {
	abis := abis("amd64")
	x := newAnnex(abis, 100, nil)
	for _, c := range []struct {
		arch, nr uint32
		ip       uint64
		args     []uint64
		want     uint32
	}{
		{archX86, 228, x.base + 0x520, []uint64{0}, retAllow},
		{archX86, 63, x.base + 4095, nil, retAllow},
		{archX86, 63, x.base + 4096, nil, retNotify},
		{archX86, 63, x.base - 1, nil, retNotify},
		{archX86, 63, x.base + 1<<32, nil, retNotify},
		{archX86, 63, x.base & 0xffffffff, nil, retNotify},
		{archX86, 59, x.base + 0x520, nil, retNotify},
		{archX86, 202, x.base + 0x520, []uint64{1, 0x109, 0, 9}, retNotify},
		{archX86, 228, x.base + 0x520, []uint64{1}, retAllow},
		{archI386, 122, x.base & 0xffffffff, nil, retNotify},
	} {
		if got := decideAt(t, abis, x, c.ip, c.arch, c.nr, c.args...); got != c.want {
			t.Errorf("%+v: got %#x", c, got)
		}
	}
	if newAnnex(abis, 1<<40, nil) == nil || len(newAnnex(abis, 1<<40, nil).rules) != 1 {
		t.Error("an offset that no instruction holds still moves clocks in the annex")
	}
}
