package main

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// size looks at the program: how large it is, and what it links.
func size(t *table, program string) error {
	t.head("program")
	info, err := os.Stat(program)
	if err != nil {
		return err
	}
	built, err := buildinfo.ReadFile(program)
	if err != nil {
		return err
	}
	links := "without BuildKit"
	for _, m := range built.Deps {
		if m.Path == "github.com/moby/buildkit" {
			links = "WITH BuildKit"
		}
	}
	t.aim("size", fmt.Sprintf("%.1f MB, %s", float64(info.Size())/1e6, links), "< 40 MB, without", info.Size() < 40e6 && links == "without BuildKit")
	return nil
}

// benchmark is a line of `go test -bench`: its metrics by their units.
type benchmark map[string]float64

// bench runs benchmarks of a package. What they print goes to the terminal where they fail.
func bench(ctx context.Context, pkg, pattern, long string) (map[string]benchmark, error) {
	cmd := exec.CommandContext(ctx, "go", "test", pkg, "-run", "^$", "-bench", pattern, "-benchmem", "-benchtime", long, "-timeout", "20m") //nolint:gosec // written here
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	all := map[string]benchmark{}
	for line := range bytes.Lines(out) {
		f := strings.Fields(string(line))
		if len(f) < 4 || !strings.HasPrefix(f[0], "Benchmark") {
			continue
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(f[0], "Benchmark"), "-")
		b := benchmark{}
		for i := 2; i+1 < len(f); i += 2 {
			b[f[i+1]], _ = strconv.ParseFloat(f[i], 64)
		}
		all[name] = b
	}
	return all, nil
}

func (b benchmark) took() time.Duration { return time.Duration(b["ns/op"]) }

// cpu is the processor time of one, which benchmarks report as cpu-ns/op: what others do on the machine is not in it.
func (b benchmark) cpu() time.Duration { return time.Duration(b["cpu-ns/op"]) }

func (b benchmark) String() string {
	return fmt.Sprintf("%s (CPU %s)", short(b.took()), short(b.cpu()))
}

// verdicts are what deciding costs inside the process.
func verdicts(ctx context.Context, t *table) error {
	t.head("verdicts: `go test ./policy ./guard/engine ./guard/admission -run '^$' -bench .`")
	rules, err := bench(ctx, "./policy", "^Benchmark(Verdict|OutOfScope)$", "1s")
	if err != nil {
		return err
	}
	one, many := rules["Verdict"], rules["OutOfScope"]
	t.aim("a verdict over 50 statements, 10 rules", fmt.Sprintf("%s, fastest %s", one, short(time.Duration(one["fastest-ns"]))), "< 1 ms", one.took() < time.Millisecond)
	grown := many["allocs/op"] - one["allocs/op"]
	t.aim("  allocations more with 1,000 rules that do not match", fmt.Sprintf("%.0f (with: %s)", grown, many), "0", one["allocs/op"] > 0 && grown == 0)
	kept, err := bench(ctx, "./guard/engine", "^Benchmark(AskWarm|DecideKept|Cold)$", "1s")
	if err != nil {
		return err
	}
	t.row("a warm question, in the process", fmt.Sprintf("%s, p99 %.0f us, %.0f allocations", kept["AskWarm"], kept["AskWarm"]["p99-us"], kept["AskWarm"]["allocs/op"]))
	t.row("a verdict anew over kept evidence, and loading its policy", kept["DecideKept"].String())
	t.row("a pod of 8 whose evidence takes 10 ms to gather", kept["Cold"].String())
	all, err := bench(ctx, "./guard/engine", "^BenchmarkRejudge", "1x")
	if err != nil {
		return err
	}
	t.aim("10,000 images judged anew, each rule asked", all["Rejudge"].String(), "< 10 s", all["Rejudge"].took() > 0 && all["Rejudge"].took() < 10*time.Second)
	if b, ok := all["RejudgeElsewhere"]; ok {
		t.row("10,000 images, the rule that changed is about none of them", b.String())
	}
	gate, err := bench(ctx, "./guard/admission", "^BenchmarkValidate$", "1s")
	if err != nil {
		return err
	}
	t.row("one review of 8 containers, 10 kB, without the network", fmt.Sprintf("%s, %.0f allocations", gate["Validate"], gate["Validate"]["allocs/op"]))
	return nil
}

// cluster is 1,000 pods at a real API server.
func cluster(ctx context.Context, t *table) error {
	t.head("cluster: `go test ./test/admission -run '^$' -bench Pods`, a real API server with both webhooks")
	for _, name := range []string{"SELFSAME_ETCD", "SELFSAME_KUBE_APISERVER"} {
		if os.Getenv(name) == "" {
			t.skip("1,000 pods at a real API server", name+" is not set; `make bench-guard` does that")
			return nil
		}
	}
	all, err := bench(ctx, "./test/admission", "^BenchmarkPods$", "1x")
	if err != nil {
		return err
	}
	for name, b := range all {
		t.row("1,000 pods made, 16 at once: "+strings.TrimPrefix(name, "Pods/"), fmt.Sprintf("median %.1f ms, p99 %.1f ms, %.0f a second", b["p50-ms"], b["p99-ms"], b["pods/s"]))
	}
	return nil
}
