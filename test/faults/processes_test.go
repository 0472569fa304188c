package faults

import (
	"os"
	"strconv"
	"strings"
	"time"
)

// processes lists what still runs of this machine: whatever names its home in its arguments.
func (m *machine) processes() []string { return running(m.home) }

// running lists the processes whose arguments contain a word, but for this test's own.
func running(word string) []string {
	var out []string
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		data, err := os.ReadFile("/proc/" + e.Name() + "/cmdline")
		if line := strings.ReplaceAll(string(data), "\x00", " "); err == nil && strings.Contains(line, word) {
			out = append(out, e.Name()+" "+line)
		}
	}
	return out
}

// gone waits until no process has the word in its arguments, and gives those that stay.
func gone(word string, patience time.Duration) []string {
	deadline := time.Now().Add(patience)
	for {
		left := running(word)
		if len(left) == 0 || time.Now().After(deadline) {
			return left
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// strays lists this machine's processes that do not come to descend from a builder of the register within seconds: one that was
// just being started takes a moment to enter it.
func (m *machine) strays() []string {
	m.t.Helper()
	left := m.straysNow()
	for deadline := time.Now().Add(5 * time.Second); len(left) > 0 && time.Now().Before(deadline); left = m.straysNow() {
		time.Sleep(100 * time.Millisecond)
	}
	return left
}

func (m *machine) straysNow() []string {
	m.t.Helper()
	var out []string
	supervisors := map[int]bool{}
	for _, b := range m.builders() {
		supervisors[b.PID] = true
	}
	for _, p := range m.processes() {
		pid, _ := strconv.Atoi(strings.Fields(p)[0])
		for at := pid; !supervisors[at]; at = parent(at) {
			if at <= 1 {
				out = append(out, p)
				break
			}
		}
	}
	return out
}

// parent is field 4 of /proc/PID/stat; 0 when the process is gone.
func parent(pid int) int {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(data), ") ")
	f := strings.Fields(after)
	if len(f) < 2 {
		return 0
	}
	ppid, _ := strconv.Atoi(f[1])
	return ppid
}
