package builder

import (
	"time"

	"github.com/selfsame-build/selfsame/compare/window"
)

// movedClock is the name of the windows by B's clock.
const movedClock = "B's moved clock"

// windows are the times in which a build ran, a second more on either side: by this machine's clock, and by B's where offset moves it. took
// is how long it ran by a clock that nobody sets. If the wall clock was set meanwhile, what it showed first and what it showed last are
// windows of their own.
func windows(from, to time.Time, took, offset time.Duration) []window.Span {
	out := []window.Span{around("the build", from, from.Add(took))}
	if jump := to.Round(0).Sub(from.Round(0)) - took; jump.Abs() > time.Second { // Round: not by the monotonic clock
		out = append(out, around("the build, after the clock was set", to.Add(-took), to))
	}
	if offset == 0 {
		return out
	}
	for _, s := range out {
		s.Name = movedClock
		s.From, s.To = s.From.Add(offset), s.To.Add(offset)
		out = append(out, s)
	}
	return out
}

func around(name string, from, to time.Time) window.Span {
	return window.Span{Name: name, From: from.Add(-time.Second), To: to.Add(time.Second)}
}
