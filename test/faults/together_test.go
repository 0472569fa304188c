package faults

import (
	"path/filepath"
	"sync"
	"testing"
)

// TestTwoAtOnce runs lock and build twice at once in one folder: all succeed, with one digest, and nothing is left behind.
func TestTwoAtOnce(t *testing.T) {
	m := newMachine(t)
	up := newUpstream(t, "shared\n")
	dir := withStep(t, dockerfile(t, "FROM scratch\nCOPY step /step\n"+
		`RUN ["/step", "get", "http://`+up.host+`/one", "/one"]`+"\n", up.host))
	for round, args := range [][]string{words("lock -q"), words("build -q"), words("build -q --no-cache")} {
		var wg sync.WaitGroup
		got := make([]result, 3)
		for i := range got {
			wg.Go(func() { got[i] = m.run(dir, args...) })
		}
		wg.Wait()
		for _, r := range got {
			if r.code != 0 || r.out != got[0].out && round > 0 {
				t.Errorf("%v: exit %d, stdout %q, another had %q\n%s", args, r.code, r.out, got[0].out, r.err)
			}
		}
		clean(t, dir)
	}
	if got := fileOf(t, filepath.Join(dir, "selfsame-out", "image"), "/one"); got != "200 shared\n" {
		t.Errorf("the image's file holds %q", got)
	}
}
