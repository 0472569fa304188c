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

// within says whether both values of a field are times, each within its own build.
func (s *spot) within() bool {
	w := s.world
	if w.timesA == nil {
		return false
	}
	a, okA := moment(s.a)
	b, okB := moment(s.b)
	if !okA || !okB {
		return false
	}
	_, inA := w.timesA.In(a.Unix())
	_, inB := w.timesB.In(b.Unix())
	return inA && inB
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
