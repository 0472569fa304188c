package faults

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/selfsame-build/selfsame/recipes/lock"
)

// TestTenThousandInputs has one step fetch ten thousand files: each has its line in the lock, and both builders get all of them from there
// when upstream is gone.
func TestTenThousandInputs(t *testing.T) {
	t.Parallel()
	const n = 10_000
	m := newMachine(t)
	sum := sha256.New()
	for i := range n {
		fmt.Fprintf(sum, "file %d\n", i)
	}
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "file %s\n", strings.TrimPrefix(r.URL.Path, "/"))
	}))
	t.Cleanup(up.Close)
	host := strings.TrimPrefix(up.URL, "http://")
	dir := withStep(t, dockerfile(t, fmt.Sprintf("FROM scratch\nCOPY step /\nRUN [\"/step\", \"many\", \"%s\", \"%d\", \"/sum\"]\n", up.URL, n), host))
	start := time.Now()
	m.must(0, dir, words("lock -q"))
	t.Logf("locked in %s", time.Since(start).Round(time.Second))
	up.Close()
	l, err := lock.ReadFile(filepath.Join(dir, "selfsame.lock"))
	if err != nil {
		t.Fatal(err)
	}
	if len(l.Entries) != n {
		t.Errorf("the lock has %d lines, want %d", len(l.Entries), n)
	}
	start = time.Now()
	res := m.build(0, dir, "--offline")
	t.Logf("built in %s", time.Since(start).Round(time.Second))
	if !res.Reproducible {
		t.Errorf("%+v", res)
	}
	if got, want := fileOf(t, filepath.Join(dir, "selfsame-out", "image"), "/sum"), hex.EncodeToString(sum.Sum(nil))+"\n"; got != want {
		t.Errorf("the files' digest is %q, want %q", got, want)
	}
}

// TestMissShowsTheStep takes a line out of a lock: the build says what was asked for in vain, and what the step that failed had to say.
func TestMissShowsTheStep(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	up := newUpstream(t, "file\n")
	dir := withStep(t, dockerfile(t, "FROM scratch\nCOPY step /\nRUN [\"/step\", \"many\", \"http://"+up.host+"\", \"2\", \"/sum\"]\n", up.host))
	m.must(0, dir, words("lock -q"))
	path := filepath.Join(dir, "selfsame.lock")
	lines := strings.SplitAfter(read(t, path), "\n")
	put(t, path, strings.Join(slices.DeleteFunc(lines, func(l string) bool { return strings.Contains(l, up.host+"/1") }), ""))
	m.must(11, dir, words("build -q"), "A0223", "http://"+up.host+"/1", "the end of the step's output", "panic: 1")
}
