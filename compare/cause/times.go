package cause

import (
	"strconv"
	"time"

	"github.com/selfsame-build/selfsame/compare/window"
)

// hit is a time of the finder's spans where a side differs. What is surely a time goes before a mere day.
func hit(f *window.Finder, s side) (string, bool) {
	found := ""
	for _, h := range f.Find(s.text) {
		if !h.Overlaps(s.from, s.to) {
			continue
		}
		if h.Exact {
			return h.Value, true
		}
		found = h.Value
	}
	return found, found != ""
}

// times says whether all that differs at a spot are times, each within its own build.
func (s *spot) times() bool {
	w := s.world
	if w.timesA == nil || len(s.runs) == 0 {
		return false
	}
	if a, ok := moment(s.a); ok {
		if b, ok := moment(s.b); ok {
			_, inA := w.timesA.In(a.Unix())
			_, inB := w.timesB.In(b.Unix())
			return inA && inB
		}
	}
	return s.every(func(r run) bool {
		_, okA := hit(w.timesA, r.a)
		_, okB := hit(w.timesB, r.b)
		return okA && okB
	})
}

// moment reads a field's value as a time.
func moment(v string) (time.Time, bool) {
	if t, err := time.Parse(time.RFC3339Nano, v); err == nil {
		return t, true
	}
	if n, err := strconv.ParseInt(v, 10, 64); err == nil && n > 1e9 && n < 1<<32 {
		return time.Unix(n, 0), true
	}
	return time.Time{}, false
}

func (w *world) yearA(y string) bool { return hasYear(w.SpansA, y) }
func (w *world) yearB(y string) bool { return hasYear(w.SpansB, y) }

func hasYear(spans []window.Span, y string) bool {
	for _, s := range spans {
		for t := s.From.Year(); t <= s.To.Year(); t++ {
			if strconv.Itoa(t) == y {
				return true
			}
		}
	}
	return false
}
