package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of /proc/PID/stat (proc_pid_stat(5)); Linux has no other on the machines that this runs on.
const tick = 10 * time.Millisecond

// processor is the processor time that a process has used, to a hundredth of a second.
func processor(pid int) time.Duration {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(data), ") ") // the name may hold spaces
	f := strings.Fields(after)
	if len(f) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(f[11])
	system, _ := strconv.Atoi(f[12])
	return time.Duration(user+system) * tick
}

// memory is what a process holds now and held at most, in kB, as the kernel counts it.
func memory(pid int) (now, most int) {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0, 0
	}
	for line := range strings.Lines(string(data)) {
		for _, v := range []struct {
			name string
			to   *int
		}{{"VmRSS:", &now}, {"VmHWM:", &most}} {
			if kb, ok := strings.CutPrefix(line, v.name); ok {
				_, _ = fmt.Sscan(kb, v.to)
			}
		}
	}
	return now, most
}

// maxMemory is the target, in kB: 100 MB.
const maxMemory = 100_000

func (t *table) memory(what string, pid int) {
	now, most := memory(pid)
	t.aim(what, fmt.Sprintf("%.0f MB, at most %.0f MB", float64(now)/1000, float64(most)/1000), "< 100 MB", most > 0 && most < maxMemory)
}
