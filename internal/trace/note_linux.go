//go:build linux

package trace

import (
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// fail counts and names work that could not be done. A thread that is gone needs none.
func (t *tracer) fail(pid int, what string, errno unix.Errno) {
	if errno == unix.ESRCH || errno == 0 && unix.Kill(pid, 0) == unix.ESRCH {
		return
	}
	t.errors.Add(1)
	t.note("error", pid, what)
}

// note names pid and what it did.
func (t *tracer) note(kind string, pid int, detail string) {
	if t.full() {
		return
	}
	n := Note{Kind: kind, PID: pid, Detail: detail}
	if text, err := os.ReadFile(procPath(pid, "/comm")); err == nil {
		n.Comm = strings.TrimSpace(string(text))
	}
	if text, err := os.ReadFile(procPath(pid, "/cgroup")); err == nil {
		n.Cgroup = longestCgroup(string(text))
	}
	t.add(n)
}

// longestCgroup picks the path of the deepest group: under version 1 there is one a controller, under version 2 a single one.
func longestCgroup(text string) string {
	deepest := ""
	for line := range strings.Lines(text) {
		if parts := strings.SplitN(strings.TrimSpace(line), ":", 3); len(parts) == 3 && len(parts[2]) > len(deepest) {
			deepest = parts[2]
		}
	}
	return deepest
}
