//go:build linux

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// workload is something that a tracer makes slower. target is the ratio of issue 3; the benchmark prints, it does not judge,
// because a time on a shared machine proves nothing.
type workload struct {
	name   string
	target string
	argv   func(b *testing.B) []string
}

func subject(args ...string) func(*testing.B) []string {
	return func(b *testing.B) []string {
		if tools.dynamic == "" {
			b.Skip("SKIPPED: no C compiler")
		}
		return append([]string{tools.dynamic}, args...)
	}
}

var workloads = []workload{
	{"forks", "1.15", subject("forks", "5000")},
	{"spawns", "-", subject("vforks", "500")},
	{"vdso-clock", "1.10", subject("vdsoloop", "5000000")},
	{"raw-clock-4-threads", "1.5", subject("rawthreads", "2000000")},
	{"uname", "3", subject("unameloop", "2000000")},
	{"c-files-j8", "1.10", cFiles},
	{"go-build", "1.05", goBuild},
}

// BenchmarkWorld runs each workload plain and traced, by turns, and reports the medians and their ratio. "pin" is one CPU for the
// workload and the tracer together, against the plain workload on one CPU; "cpu" counts the time of the CPU and not of the clock,
// which a busy machine disturbs less.
func BenchmarkWorld(b *testing.B) {
	for _, w := range workloads {
		b.Run(w.name, func(b *testing.B) {
			argv := w.argv(b)
			ways := map[string][]string{
				"plain":      argv,
				"traced":     append([]string{tools.vary, "run", "--"}, argv...),
				"plain-1cpu": append([]string{"taskset", "-c", "0"}, argv...),
				"traced-pin": append([]string{tools.vary, "run", "--cpus", "1", "--pin", "--"}, argv...),
			}
			took, cpu := map[string][]time.Duration{}, map[string][]time.Duration{}
			for b.Loop() {
				for name, way := range ways {
					cmd := exec.Command(way[0], way[1:]...)
					cmd.Env = append(os.Environ(), "OUT="+b.TempDir())
					start := time.Now()
					if out, err := cmd.CombinedOutput(); err != nil {
						b.Fatalf("%v: %v: %s", way, err, out)
					}
					took[name] = append(took[name], time.Since(start))
					cpu[name] = append(cpu[name], cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime())
				}
			}
			b.ReportMetric(0, "ns/op")
			for name, times := range took {
				b.ReportMetric(median(times).Seconds(), name+"-s")
			}
			b.ReportMetric(median(took["traced"]).Seconds()/median(took["plain"]).Seconds(), "ratio")
			b.ReportMetric(median(took["traced-pin"]).Seconds()/median(took["plain-1cpu"]).Seconds(), "ratio-pin")
			b.ReportMetric(median(cpu["traced-pin"]).Seconds()/median(cpu["plain-1cpu"]).Seconds(), "cpu-ratio-pin")
			b.Logf("target ratio %s", w.target)
		})
	}
}

func median(times []time.Duration) time.Duration {
	slices.Sort(times)
	return times[len(times)/2]
}

// cFiles compiles 200 small C files, eight at a time.
func cFiles(b *testing.B) []string {
	if tools.dynamic == "" {
		b.Skip("SKIPPED: no C compiler")
	}
	dir := b.TempDir()
	for i := range 200 {
		name := filepath.Join(dir, string(rune('a'+i%26))+string(rune('a'+i/26))+".c")
		if err := os.WriteFile(name, []byte("#include <stdio.h>\nint f(int x){return printf(\"%d\",x);}\n"), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	return []string{"sh", "-c", "ls " + dir + "/*.c | xargs -P8 -I{} gcc -O1 -c {} -o {}.o"}
}

// goBuild builds a small program from nothing.
func goBuild(b *testing.B) []string {
	source, err := filepath.Abs("testdata/gosubject")
	if err != nil {
		b.Fatal(err)
	}
	return []string{"sh", "-c", "cd " + source + ` && GOCACHE="$OUT/cache" CGO_ENABLED=0 go build -o "$OUT/x" .`}
}
