package reproducibility

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// baseLocks are the locks that lock made first, by machine and base.
var (
	baseLocks   = map[string][]byte{}
	baseLocksMu sync.Mutex
)

// lock locks a recipe whose steps fetch nothing. All with one base start from the lock of the first of them: asking a mirror for the same
// packages again would be most of the time of a test that is about something else.
func (m *machine) lock(dir string) {
	m.t.Helper()
	path, key := filepath.Join(dir, "selfsame.lock"), m.home+" "+base(m.t, dir)
	baseLocksMu.Lock()
	known := baseLocks[key]
	if known == nil {
		defer baseLocksMu.Unlock() // others wait for it
	} else {
		baseLocksMu.Unlock()
		if _, err := os.Stat(path); err != nil {
			write(m.t, dir, map[string]string{"selfsame.lock": string(known)})
		}
	}
	m.must(0, dir, "lock", "--progress", "plain")
	if known == nil {
		baseLocks[key] = []byte(read(m.t, path))
	}
}

// base is the line of a specimen's recipe that says what its base is made of.
func base(t *testing.T, dir string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "recipe.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "debian: ") {
			return line
		}
	}
	t.Fatalf("%s: the recipe has no debian base", dir)
	return ""
}
