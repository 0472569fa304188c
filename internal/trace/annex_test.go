//go:build linux

package trace

import "testing"

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
