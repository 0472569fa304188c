package main

import (
	"fmt"
	"io"
	"slices"
	"syscall"
	"text/tabwriter"
	"time"
)

// row is one thing measured, and on the other side where there is one.
type row struct {
	what, target string
	ours, peer   []cost
	// per divides ours in print: how many things one measurement did.
	per int
}

// cost is what one measurement took.
type cost struct {
	clock time.Duration
	cpu   time.Duration // of the processors: what a busy machine distorts less
}

// now begins a measurement in this process; the result ends it.
func now() func() cost {
	start, before := time.Now(), processorTime()
	return func() cost { return cost{time.Since(start), processorTime() - before} }
}

func processorTime() time.Duration {
	var use syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &use) != nil {
		return 0
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

type table struct {
	rows  []*row
	notes []string
}

func (t *table) row(what, target string) *row {
	r := &row{what: what, target: target, per: 1}
	t.rows = append(t.rows, r)
	return r
}

func (t *table) note(format string, args ...any) {
	t.notes = append(t.notes, fmt.Sprintf(format, args...))
}

func (t *table) print(w io.Writer) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "\tselfsame\tCPU\tcosign\tCPU\ttimes faster\tby CPU\ttarget\truns")
	for _, r := range t.rows {
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\n", r.what, spread(clocks(r.ours), r.per), middle(cpus(r.ours), r.per),
			spread(clocks(r.peer), 1), middle(cpus(r.peer), 1), ratio(clocks(r.ours), clocks(r.peer)), ratio(cpus(r.ours), cpus(r.peer)), r.target, len(r.ours))
	}
	_ = tw.Flush()
	fmt.Fprintln(w, "\nmedian (least to most), in milliseconds of the clock; CPU is the median of processor time")
	for _, n := range t.notes {
		fmt.Fprintln(w, n)
	}
}

func clocks(all []cost) []time.Duration {
	var out []time.Duration
	for _, c := range all {
		out = append(out, c.clock)
	}
	return out
}

func cpus(all []cost) []time.Duration {
	var out []time.Duration
	for _, c := range all {
		out = append(out, c.cpu)
	}
	return out
}

func middle(d []time.Duration, per int) string {
	if len(d) == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", median(d).Seconds()*1000/float64(per))
}

func ratio(ours, peer []time.Duration) string {
	if len(ours) == 0 || len(peer) == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f", median(peer).Seconds()/median(ours).Seconds())
}

func median(d []time.Duration) time.Duration {
	s := slices.Sorted(slices.Values(d))
	if n := len(s); n == 0 {
		return 0
	} else if n%2 == 0 {
		return (s[n/2-1] + s[n/2]) / 2
	}
	return s[len(s)/2]
}

func spread(d []time.Duration, per int) string {
	if len(d) == 0 {
		return "-"
	}
	ms := func(d time.Duration) float64 { return d.Seconds() * 1000 / float64(per) }
	return fmt.Sprintf("%.2f (%.2f to %.2f)", ms(median(d)), ms(slices.Min(d)), ms(slices.Max(d)))
}
