package builder

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestWindows sets the clock back and forth while a build runs: each window is as long as the build, and has the times that were shown.
func TestWindows(t *testing.T) {
	from := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	const took = 90 * time.Second
	for name, c := range map[string]struct {
		ended, offset time.Duration
		want          string
	}{
		"as it was":       {took, 0, "23 11:59:59 12:01:31"},
		"within a second": {took + time.Second, 0, "23 11:59:59 12:01:31"},
		"set back":        {-time.Hour, 0, "23 11:59:59 12:01:31, 23 10:58:29 11:00:01"},
		"set on by days":  {40 * 24 * time.Hour, 0, "23 11:59:59 12:01:31, 02 11:58:29 12:00:01"},
		"B moved":         {took, 24 * time.Hour, "23 11:59:59 12:01:31, 24 11:59:59 12:01:31"},
		"both":            {-time.Hour, 24 * time.Hour, "23 11:59:59 12:01:31, 23 10:58:29 11:00:01, 24 11:59:59 12:01:31, 24 10:58:29 11:00:01"},
	} {
		var got []string
		for _, s := range windows(from, from.Add(c.ended), took, c.offset) {
			got = append(got, s.From.Format("02 15:04:05 ")+s.To.Format("15:04:05"))
		}
		if d := cmp.Diff(c.want, strings.Join(got, ", ")); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}
