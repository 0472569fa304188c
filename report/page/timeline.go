package page

import (
	"fmt"
	"math"

	"github.com/selfsame-build/selfsame/report"
)

// timeView is the two builds over time: a row for each step, with A's bar above B's.
type timeView struct {
	Ticks []tick
	Rows  []timeRow
	Rest  int
	Total string
	// Cached and Guilty say that some step was, so that the legend explains what that looks like.
	Cached, Guilty bool
}

type tick struct {
	X, Label string
	End      bool // its label stands to its left
}

type timeRow struct {
	Step, Place, Says string
	Differs           bool
	Bars              []bar
}

// bar is one run of a step. X and W are per cent of the whole time.
type bar struct {
	X, W   string
	B      bool
	Cached bool
	Title  string
}

func timeOf(r report.Result) *timeView {
	total := 0.0
	for _, s := range r.Timeline {
		if end := s.Start + s.Seconds; end > total && !math.IsInf(end, 0) {
			total = end
		}
	}
	if total <= 0 {
		return nil
	}
	v := &timeView{Ticks: ticks(total), Total: seconds(total)}
	at := map[string]int{}
	for _, s := range r.Timeline {
		key := fmt.Sprintf("%s\x00%d\x00%s", s.File, s.Line, s.Step)
		n, ok := at[key]
		switch {
		case !ok && len(v.Rows) == maxSteps:
			v.Rest++
			continue
		case !ok:
			n = len(v.Rows)
			at[key] = n
			v.Rows = append(v.Rows, timeRow{Step: text(s.Step), Place: place(s.File, s.Line), Differs: guilty(r, s)})
		}
		v.Rows[n].add(s, total)
		v.Guilty = v.Guilty || v.Rows[n].Differs
		v.Cached = v.Cached || s.Cached
	}
	return v
}

func (t *timeRow) add(s report.Span, total float64) {
	took := seconds(s.Seconds)
	if s.Cached {
		took = "cached"
	}
	b := bar{X: percent(within(s.Start, total)), W: percent(within(s.Seconds, total)), B: s.Twin == "B", Cached: s.Cached}
	twin := cut(s.Twin, 8)
	b.Title = fmt.Sprintf("%s: %s from %s on", twin, took, seconds(s.Start))
	if len(t.Bars) < maxSpans {
		t.Bars = append(t.Bars, b)
	}
	if len(t.Bars) > 6 {
		return
	}
	if t.Says != "" {
		t.Says += ", "
	}
	t.Says += twin + " " + took
}

func within(s, total float64) float64 { return min(100, max(0, s/total*100)) }

func seconds(s float64) string {
	switch {
	case s >= 600:
		return fmt.Sprintf("%.0f min", s/60)
	case s >= 100:
		return fmt.Sprintf("%.0f s", s)
	case s < 0.95 && s > 0:
		return fmt.Sprintf("%.2f s", s)
	}
	return fmt.Sprintf("%.1f s", s)
}

// guilty says that a step made a layer that differs.
func guilty(r report.Result, s report.Span) bool {
	for _, c := range r.Compared {
		for _, l := range c.Differing {
			if l.Line > 0 && l.Line == s.Line && l.File == s.File {
				return true
			}
		}
	}
	return false
}

// ticks are round times, up to six of them: in minutes where the builds took minutes.
func ticks(total float64) []tick {
	unit, name := 1.0, "s"
	if total > 300 {
		unit, name = 60, "min"
	}
	size := total / unit
	step := math.Pow(10, math.Floor(math.Log10(size)))
	for _, f := range []float64{0.1, 0.2, 0.5, 1} {
		if size/(step*f) <= 5 {
			step *= f
			break
		}
	}
	var out []tick
	for i := 0; i < 7 && float64(i)*step <= size*1.0001; i++ {
		x := float64(i) * step
		out = append(out, tick{X: percent(within(x, size)), Label: fmt.Sprintf("%.4g %s", x, name), End: x/size > 0.9})
	}
	return out
}
