package daemon

import "testing"

func TestKept(t *testing.T) {
	for most, want := range map[int64]string{
		1_000_000:     "0,0,1",
		8_000_000_000: "800,2000,8000",
	} {
		if got := kept(most, t.TempDir()+"/nothing"); got != want {
			t.Errorf("of %d at most: %s, want %s", most, got, want)
		}
	}
	if got := kept(1<<62, t.TempDir()); got == kept(1<<62, "/nothing") {
		t.Errorf("%s, whatever the disk has", got)
	}
}
