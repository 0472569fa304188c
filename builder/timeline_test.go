package builder

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/selfsame-build/selfsame/builder/graph"
	"github.com/selfsame-build/selfsame/builder/solver"
	"github.com/selfsame-build/selfsame/report"
)

// TestTimelineIsOnOneClock has B's clock 397 days ahead, and hears of steps late.
func TestTimelineIsOnOneClock(t *testing.T) {
	zero := time.Date(2026, 11, 23, 4, 34, 0, 0, time.UTC)
	ran := func(line int, offset, start, took time.Duration, cached bool) solver.StepRun {
		s := zero.Add(offset + start)
		return solver.StepRun{Step: graph.Step{Name: "Dockerfile:x", Command: "RUN x", File: "/src/Dockerfile", Line: line}, Started: s, Completed: s.Add(took), Cached: cached}
	}
	make := func(label string, offset time.Duration, steps ...solver.StepRun) *twin {
		tw := &twin{label: label, results: map[string]*solver.Result{"linux/amd64": {Steps: steps}}, seen: map[string]time.Time{}, gates: map[string]*gate{}}
		for i, s := range steps {
			heard := s.Started.Add(-offset).Add(time.Duration(20*(len(steps)-i)) * time.Millisecond) // the last is heard of soonest, after 20 ms
			tw.note("linux/amd64", s, heard)
			tw.note("linux/amd64", s, heard.Add(time.Hour)) // its end
		}
		return tw
	}
	const ahead = 397 * 24 * time.Hour
	a := make("A", 0, ran(3, 0, 0, time.Second, true), ran(4, 0, time.Second, 2500*time.Millisecond, false), solver.StepRun{Vertex: "exporting"})
	b := make("B", ahead, ran(3, ahead, 2*time.Second, 0, false), ran(4, ahead, 3*time.Second, -time.Second, false))
	b.results["linux/arm64"] = nil // broken off
	want := []report.Span{
		{Twin: "A", Step: "RUN x", File: "Dockerfile", Line: 3, Start: 0, Seconds: 1, Cached: true},
		{Twin: "A", Step: "RUN x", File: "Dockerfile", Line: 4, Start: 1, Seconds: 2.5},
		{Twin: "B", Step: "RUN x", File: "Dockerfile", Line: 3, Start: 1.98, Seconds: 0},
		{Twin: "B", Step: "RUN x", File: "Dockerfile", Line: 4, Start: 2.98, Seconds: 0},
	}
	if diff := cmp.Diff(want, timeline(a, b)); diff != "" {
		t.Error(diff)
	}
	if got := timeline(&twin{}); len(got) != 0 {
		t.Errorf("%v", got)
	}
}
