package builder

import (
	"cmp"
	"path/filepath"
	"slices"
	"time"

	"github.com/selfsame-build/selfsame/builder/solver"
	"github.com/selfsame-build/selfsame/report"
)

// lag is how far a builder's clock is from ours: the smallest time that passed between a step's start by its clock and our hearing of it.
// Builder B's clock is moved on purpose, and one that others run has a clock of its own; hearing of it takes time, and never less than none.
// So the smallest is the nearest to the truth.
type lag struct {
	known bool
	least time.Duration
}

func (l *lag) saw(started, now time.Time) {
	// Without the monotonic reading, which only one of the two has.
	if d := now.Round(0).Sub(started.Round(0)); !l.known || d < l.least {
		l.known, l.least = true, d
	}
}

// timed is a step that ran, with its times by our clock.
type timed struct {
	span       report.Span
	start, end time.Time
}

// timed lists a twin's steps. Their times are the builder's own, so that they stand to each other as they did there, moved to our clock.
func (t *twin) timed() []timed {
	var out []timed
	for _, platform := range sortedKeys(t.results) {
		res := t.results[platform]
		if res == nil {
			continue
		}
		for _, s := range res.Steps {
			if s.Step.Name == "" || s.Started.IsZero() || !t.lag.known {
				continue
			}
			out = append(out, t.atOurClock(s))
		}
	}
	return out
}

func (t *twin) atOurClock(s solver.StepRun) timed {
	start := s.Started.Round(0).Add(t.lag.least)
	end := start
	if s.Completed.After(s.Started) {
		end = start.Add(s.Completed.Sub(s.Started))
	}
	place := report.Span{Twin: t.label, Step: report.Escape(s.Step.Command), Line: s.Step.Line, Cached: s.Cached}
	if s.Step.File != "" {
		place.File = report.Escape(filepath.Base(s.Step.File))
	}
	return timed{place, start, end}
}

// timeline is when each step ran on each twin, in the order of starting, in seconds since the first of them.
func timeline(twins ...*twin) []report.Span {
	var all []timed
	for _, t := range twins {
		all = append(all, t.timed()...)
	}
	slices.SortStableFunc(all, func(x, y timed) int {
		return cmp.Or(x.start.Compare(y.start), cmp.Compare(x.span.Twin, y.span.Twin), cmp.Compare(x.span.Line, y.span.Line))
	})
	out := make([]report.Span, 0, len(all))
	for _, s := range all {
		s.span.Start, s.span.Seconds = seconds(s.start.Sub(all[0].start)), seconds(s.end.Sub(s.start))
		out = append(out, s.span)
	}
	return out
}

// seconds is a duration to the millisecond: more would be noise.
func seconds(d time.Duration) float64 { return float64(d.Milliseconds()) / 1000 }
