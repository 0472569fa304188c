package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// row is one thing measured on both sides; peer is empty where there is none.
type row struct {
	what, peerName, target string
	ours, peer             []time.Duration // of the clock
	oursCPU, peerCPU       []time.Duration // of the processors: what a busy machine distorts less
	oursMB, peerMB         int64           // the most memory of one process of theirs, in MB
}

type table struct {
	rows  []*row
	notes []string
}

func (t *table) add(r *row) { t.rows = append(t.rows, r) }

func (t *table) note(format string, args ...any) {
	t.notes = append(t.notes, fmt.Sprintf(format, args...))
}

func (t *table) print(w io.Writer) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "\tselfsame\tCPU\tMB\tpeer\tCPU\tMB\t\ttimes faster\tby CPU\ttarget\truns")
	for _, r := range t.rows {
		fmt.Fprintf(tw, "%s\t%s\t%.2f\t%d\t%s\t%.2f\t%d\t%s\t%s\t%s\t%s\t%d and %d\n", r.what, spread(r.ours), median(r.oursCPU).Seconds(), r.oursMB,
			spread(r.peer), median(r.peerCPU).Seconds(), r.peerMB, r.peerName, ratio(r.ours, r.peer), ratio(r.oursCPU, r.peerCPU), r.target, len(r.ours), len(r.peer))
	}
	_ = tw.Flush()
	fmt.Fprintln(w, "\nmedian (least to most), in seconds of the clock; CPU is seconds of processor time; MB is the most resident memory of one process")
	for _, n := range t.notes {
		fmt.Fprintln(w, n)
	}
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

func spread(d []time.Duration) string {
	if len(d) == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f (%.2f to %.2f)", median(d).Seconds(), slices.Min(d).Seconds(), slices.Max(d).Seconds())
}
