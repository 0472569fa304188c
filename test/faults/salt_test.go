package faults

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestOneLockedByte changes one byte of what one of two steps fetches: that step, and no other, runs again, on both builders. The old lock
// still gives the old image, beside the new one and without any cache.
func TestOneLockedByte(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	one, two := newUpstream(t, "one\n"), newUpstream(t, "two\n")
	text := "FROM scratch AS base\nCOPY step /\n" +
		"FROM base AS one\nRUN [\"/step\", \"get\", \"http://" + one.host + "/f\", \"/1\"]\n" +
		"FROM base AS two\nRUN [\"/step\", \"get\", \"http://" + two.host + "/f\", \"/2\"]\n" +
		"FROM scratch\nCOPY --from=one /1 /\nCOPY --from=two /2 /\n"
	dir := withStep(t, dockerfile(t, text, one.host, two.host))
	m.must(0, dir, words("lock -q"))
	first := m.build(0, dir).Digest
	cached := func(want map[string]bool) {
		t.Helper()
		r := m.must(0, dir, words("build --progress plain"))
		got := ranCached(r.err)
		for _, builder := range []string{"A", "B"} {
			for step, isCached := range want {
				if c, seen := got[builder+" "+step]; !seen || c != isCached {
					t.Errorf("builder %s, step %s: cached %v (seen: %v), want %v\n%s", builder, step, c, seen, isCached, r.err)
				}
			}
		}
	}
	cached(map[string]bool{"one": true, "two": true})

	old := withStep(t, dockerfile(t, text, one.host, two.host))
	put(t, filepath.Join(old, "selfsame.lock"), read(t, filepath.Join(dir, "selfsame.lock")))
	one.set("0ne\n")
	m.must(0, dir, words("lock -q --upgrade"))
	cached(map[string]bool{"one": false, "two": true})
	second := m.build(0, dir).Digest
	if second == first {
		t.Errorf("another byte gave the same image %s", first)
	}
	for _, flag := range []string{"--quiet", "--no-cache"} {
		if d := m.build(0, old, flag).Digest; d != first {
			t.Errorf("the old lock with %s: %s, want %s", flag, d, first)
		}
		if d := m.build(0, dir, flag).Digest; d != second {
			t.Errorf("the new lock with %s: %s, want %s", flag, d, second)
		}
	}
}

var (
	stepLine  = regexp.MustCompile(`^#(\d+) ([AB]) .*\[(\w+) \d+/\d+\] RUN `)
	stateLine = regexp.MustCompile(`^#(\d+) (CACHED|DONE)`)
)

// ranCached says of each stage's RUN, by builder and stage, whether its result came from the cache.
func ranCached(progress string) map[string]bool {
	names, out := map[string]string{}, map[string]bool{}
	for line := range strings.Lines(progress) {
		if f := stepLine.FindStringSubmatch(line); f != nil {
			names[f[1]] = f[2] + " " + f[3]
		}
		if f := stateLine.FindStringSubmatch(line); f != nil && names[f[1]] != "" {
			out[names[f[1]]] = f[2] == "CACHED"
		}
	}
	return out
}
