package engine

import (
	"testing"
	"time"
)

func TestClockDoesNotRunBackwards(t *testing.T) {
	start := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	var wall, monotonic time.Duration
	backs := 0
	c := clock{wall: func() time.Time { return start.Add(wall) }, monotonic: func() time.Duration { return monotonic }, back: func() { backs++ }}
	for i, s := range []struct {
		wall, monotonic, want time.Duration
		backs                 int
	}{
		{0, 0, 0, 0},
		{time.Minute, time.Minute, time.Minute, 0},
		{-time.Hour, time.Minute, time.Minute, 1},                                          // set back by more than an hour
		{-time.Hour + time.Second, 61 * time.Second, 61 * time.Second, 1},                  // goes on from there
		{-2 * time.Hour, 62 * time.Second, 62 * time.Second, 1},                            // again: one event until it is right
		{63 * time.Second, 63 * time.Second, 63 * time.Second, 1},                          // right again
		{2 * time.Hour, 64 * time.Second, 2 * time.Hour, 1},                                // set forward
		{2*time.Hour - time.Second, 64 * time.Second, 2 * time.Hour, 1},                    // a time server's step
		{2*time.Hour - time.Minute, 64 * time.Second, 2 * time.Hour, 2},                    // and more than that
		{2*time.Hour + 116*time.Second, 3 * time.Minute, 2*time.Hour + 116*time.Second, 2}, // caught up
	} {
		wall, monotonic = s.wall, s.monotonic
		if got := c.now().Sub(start); got != s.want || backs != s.backs {
			t.Errorf("step %d: clock at %v gives %v, %d times set back; want %v, %d", i, s.wall, got, backs, s.want, s.backs)
		}
	}
}
