//go:build linux

package trace

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// fail counts and names work that could not be done. A thread that is gone, or going, needs none.
func (t *tracer) fail(pid int, what string, errno unix.Errno) {
	if errno == unix.ESRCH || dying(pid) {
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

// dying says whether a thread has ended, or has been killed and is about to.
func dying(pid int) bool {
	text, ok := readStatus(pid)
	return !ok || isDying(text)
}

func readStatus(pid int) (string, bool) {
	text, err := os.ReadFile(procPath(pid, "/status"))
	return string(text), err == nil
}

func isDying(status string) bool {
	for line := range strings.Lines(status) {
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch name {
		case "State":
			if strings.HasPrefix(value, "Z") || strings.HasPrefix(value, "X") {
				return true
			}
		case "SigPnd", "ShdPnd":
			if set, err := strconv.ParseUint(value, 16, 64); err == nil && set&(1<<(unix.SIGKILL-1)) != 0 {
				return true
			}
		}
	}
	return false
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
