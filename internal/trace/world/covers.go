//go:build linux

package world

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// covers returns the contents of the files under /proc, by their path without the leading slash.
func covers(o Options) (map[string][]byte, error) {
	files := map[string][]byte{}
	if o.KernelRelease != "" {
		files["proc/sys/kernel/osrelease"] = []byte(o.KernelRelease + "\n")
		files["proc/sys/kernel/version"] = []byte(o.KernelVersion + "\n")
		files["proc/version"] = fmt.Appendf(nil, "Linux version %s (builder@elsewhere) (gcc (GCC) 99.0.0, GNU ld 9.99) %s\n",
			o.KernelRelease, o.KernelVersion)
		files["proc/cmdline"] = fmt.Appendf(nil, "BOOT_IMAGE=/boot/vmlinuz-%s root=/dev/elsewhere ro quiet\n", o.KernelRelease)
	}
	if o.BootID != "" {
		files["proc/sys/kernel/random/boot_id"] = []byte(o.BootID + "\n")
	}
	for path, change := range map[string]func([]byte) []byte{
		"proc/cpuinfo": func(b []byte) []byte { return cpuinfo(b, o.CPUs) },
		"proc/meminfo": meminfo,
		"proc/stat":    func(b []byte) []byte { return stat(b, o.CPUs, o.ClockOffset) },
	} {
		text, err := readFile("/" + path)
		if err != nil {
			return nil, fmt.Errorf("reading /%s: %w", path, err)
		}
		files[path] = change(text)
	}
	return files, nil
}

// otherCPU is what the words about the CPU are replaced by. The features and the numbers that select code are left as they are: a
// program may trust them.
var otherCPU = map[string]string{
	"model name": "Elsewhere CPU @ 1.00GHz", "cpu MHz": "1000.000", "bogomips": "2000.00", "BogoMIPS": "50.00",
	"microcode": "0x1", "Hardware": "Elsewhere",
}

// cpuinfo keeps the paragraphs of the CPUs that exist.
func cpuinfo(text []byte, cpus []int) []byte {
	var kept []string
	for paragraph := range strings.SplitSeq(strings.TrimRight(string(text), "\n"), "\n\n") {
		lines := strings.Split(paragraph, "\n")
		if number, ok := strings.CutPrefix(lines[0], "processor"); ok && !exists(strings.Trim(number, "\t :"), cpus) {
			continue
		}
		for i, line := range lines {
			name, _, _ := strings.Cut(line, ":")
			key := strings.TrimSpace(name)
			switch other, known := otherCPU[key]; {
			case known:
				lines[i] = name + ": " + other
			case (key == "siblings" || key == "cpu cores") && len(cpus) > 0:
				lines[i] = name + ": " + strconv.Itoa(len(cpus))
			}
		}
		kept = append(kept, strings.Join(lines, "\n"))
	}
	return []byte(strings.Join(kept, "\n\n") + "\n\n")
}

// exists tells whether CPU number is in cpus; with no cpus given, all exist.
func exists(number string, cpus []int) bool {
	n, err := strconv.Atoi(number)
	return err != nil || len(cpus) == 0 || slices.Contains(cpus, n)
}

// meminfo takes an eighth of every amount away. Page sizes stay.
func meminfo(text []byte) []byte {
	var out bytes.Buffer
	for line := range strings.Lines(string(text)) {
		name, rest, _ := strings.Cut(line, ":")
		fields := strings.Fields(rest)
		if n, err := strconv.ParseUint(strings.Join(fields[:min(1, len(fields))], ""), 10, 64); err == nil && len(fields) == 2 &&
			name != "Hugepagesize" {
			fmt.Fprintf(&out, "%-16s%8d kB\n", name+":", n-n/8)
			continue
		}
		out.WriteString(line)
	}
	return out.Bytes()
}

// stat keeps the lines of the CPUs that exist and moves the time of boot, which is a time of day.
func stat(text []byte, cpus []int, offset time.Duration) []byte {
	var out bytes.Buffer
	for line := range strings.Lines(string(text)) {
		name, rest, _ := strings.Cut(strings.TrimRight(line, "\n"), " ")
		if number, ok := strings.CutPrefix(name, "cpu"); ok && number != "" && !exists(number, cpus) {
			continue
		}
		if n, err := strconv.ParseInt(rest, 10, 64); name == "btime" && err == nil {
			line = fmt.Sprintf("btime %d\n", n+int64(offset/time.Second))
		}
		out.WriteString(line)
	}
	return out.Bytes()
}
