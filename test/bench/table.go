package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// row is one thing that was measured on both sides.
type row struct {
	what, target string
	ours, peer   []time.Duration
}

// table gathers rows in the order in which they are first named.
type table struct {
	rows   []*row
	memory map[string]int64 // the most bytes that a selfsame process held, by what it did
	notes  []string
}

func (t *table) row(what, target string) *row {
	for _, r := range t.rows {
		if r.what == what {
			return r
		}
	}
	r := &row{what: what, target: target}
	t.rows = append(t.rows, r)
	return r
}

func (t *table) held(what string, bytes int64) {
	if t.memory == nil {
		t.memory = map[string]int64{}
	}
	t.memory[what] = max(t.memory[what], bytes)
}

func (t *table) print(w io.Writer) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "what\tselfsame\tstock BuildKit\tratio\ttarget\truns")
	for _, r := range t.rows {
		ratio := "-"
		if len(r.peer) > 0 {
			ratio = fmt.Sprintf("%.2f", median(r.ours).Seconds()/median(r.peer).Seconds())
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%d\n", r.what, spread(r.ours), spread(r.peer), ratio, r.target, len(r.ours))
	}
	_ = tw.Flush()
	fmt.Fprintln(w, "\nmedian (least to most), in seconds of the clock")
	for _, what := range []string{"build", "lock"} {
		if b := t.memory[what]; b > 0 {
			fmt.Fprintf(w, "memory of `selfsame %s`: at most %d MB resident (target for build: 150)\n", what, b>>20)
		}
	}
	for _, n := range t.notes {
		fmt.Fprintln(w, n)
	}
}

func median(d []time.Duration) time.Duration {
	if len(d) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(d))
	if n := len(s); n%2 == 0 {
		return (s[n/2-1] + s[n/2]) / 2
	}
	return s[len(s)/2]
}

func spread(d []time.Duration) string {
	if len(d) == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f (%.2f to %.2f)", median(d).Seconds(), slices.Min(d).Seconds(), slices.Max(d).Seconds())
}
