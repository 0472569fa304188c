package faults

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestLock gives build a lock that is not the one that lock wrote.
func TestLock(t *testing.T) {
	home := newMachine(t)
	up := newUpstream(t, "first\n")
	dir := dockerfile(t, "FROM scratch\nADD http://"+up.host+"/file /file\n", up.host)
	path := filepath.Join(dir, "selfsame.lock")

	home.must(11, dir, words("build -q"), "A0201", "selfsame.lock", "help: run `selfsame lock`")
	home.must(11, dir, words("lock --check"), "A0201")
	home.must(0, dir, words("lock -q"))
	home.must(0, dir, words("lock --check"))
	good := read(t, path)
	sum := field(t, good, "http", 5)

	for name, c := range map[string]struct {
		change func(string) string
		code   int
		words  []string
	}{
		"of another recipe": {func(s string) string {
			return strings.Replace(s, field(t, s, "recipe", 1), "sha256:"+strings.Repeat("a", 64), 1)
		}, 11, []string{"recipe", "selfsame lock"}},
		"of another Dockerfile": {func(s string) string {
			return strings.Replace(s, field(t, s, "dockerfile", 1), "sha256:"+strings.Repeat("a", 64), 1)
		}, 11, []string{"selfsame lock"}},
		// The store cannot have it, and upstream has other bytes.
		"with a changed digest": {func(s string) string { return strings.ReplaceAll(s, sum, "sha256:"+strings.Repeat("b", 64)) },
			11, []string{"A0337", up.host, "lock --upgrade"}},
		"with a changed size": {func(s string) string { return strings.Replace(s, sum+" 6 ", sum+" 7 ", 1) }, 11, []string{"A0332", "7 bytes"}},
		"without its input": {func(s string) string {
			return s[:strings.Index(s, "\nhttp ")+1]
		}, 11, []string{up.host, "selfsame lock"}},
		"with a merge conflict": {func(s string) string {
			line := s[strings.Index(s, "\nhttp ")+1:]
			return strings.Replace(s, line, "<<<<<<< ours\n"+line+"=======\n"+line+">>>>>>> theirs\n", 1)
		}, 11, []string{"selfsame.lock:6", "merge"}},
		"cut short":     {func(s string) string { return s[:len(s)-20] }, 11, []string{"A0203", "newline"}},
		"of the future": {func(s string) string { return strings.Replace(s, "lock v1", "lock v9", 1) }, 11, []string{"selfsame.lock:1"}},
		"empty":         {func(string) string { return "" }, 11, []string{"selfsame.lock"}},
		"with NUL":      {func(s string) string { return s + "\x00\n" }, 11, []string{"selfsame.lock:7"}},
	} {
		t.Run(name, func(t *testing.T) {
			m := home.on(t)
			bad := c.change(good)
			if bad == good {
				t.Fatal("the change changes nothing")
			}
			put(t, path, bad)
			r := m.must(c.code, dir, words("build -q"), c.words...)
			if r.out != "" {
				t.Errorf("stdout holds %q", r.out)
			}
			if now := read(t, path); now != bad {
				t.Errorf("build changed the lock to\n%s", now)
			}
			absent(t, filepath.Join(dir, "selfsame-out", "image"))
		})
	}
	put(t, path, good)
	home.must(0, dir, words("build -q"))
}

// field is a column of the first line that begins with a word.
func field(t *testing.T, lock, first string, column int) string {
	t.Helper()
	for line := range strings.Lines(lock) {
		if f := strings.Fields(line); len(f) > column && f[0] == first {
			return f[column]
		}
	}
	t.Fatalf("the lock has no line of %s:\n%s", first, lock)
	return ""
}
