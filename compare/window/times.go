package window

import (
	"errors"
	"fmt"
	"time"
)

const (
	day     = 86400
	maxSpan = 31 * day
	// oldest and newest bound spans to the times whose Unix seconds have ten digits and fit into 32 bits.
	oldest = 1_000_000_000
	newest = 1<<32 - 1
)

// span is a Span in Unix seconds.
type span struct {
	name     string
	from, to int64
}

// times answers whether a moment is within a span.
type times struct {
	spans  []span
	epoch  int64 // -1: none
	utc    map[int64]bool
	nearby map[int64]bool // days that some time zone has during a span
	total  int64          // seconds in all spans
}

func newTimes(spans []Span, epoch time.Time) (*times, error) {
	t := &times{epoch: -1, utc: map[int64]bool{}, nearby: map[int64]bool{}}
	if !epoch.IsZero() {
		t.epoch = epoch.Unix()
	}
	for _, s := range spans {
		from, to := s.From.Unix(), s.To.Unix()
		switch {
		case to < from:
			return nil, fmt.Errorf("span %q ends before it begins", s.Name)
		case to-from > maxSpan:
			return nil, fmt.Errorf("span %q is longer than 31 days", s.Name)
		case from < oldest || to > newest-day:
			return nil, fmt.Errorf("span %q is not between 2001 and 2106", s.Name)
		}
		t.spans = append(t.spans, span{s.Name, from, to})
		t.total += to - from + 1
		for d := from / day; d <= to/day; d++ {
			t.utc[d] = true
		}
		for d := (from - 12*3600) / day; d <= (to+14*3600)/day; d++ {
			t.nearby[d] = true
		}
	}
	if len(t.spans) == 0 {
		return nil, errors.New("no time span to look for")
	}
	return t, nil
}

// in names the span that sec is in; the epoch is in none.
func (t *times) in(sec int64) (string, bool) { return t.within(sec, 0) }

// within is in with slack for formats that cannot say a time to the second.
func (t *times) within(sec, slack int64) (string, bool) {
	if sec == t.epoch {
		return "", false
	}
	for _, s := range t.spans {
		if sec >= s.from-slack && sec <= s.to {
			return s.name, true
		}
	}
	return "", false
}

// offsets are the offsets from UTC, in seconds, that time zones have: whole hours from -12 to +14, and the odd ones of the
// time zone database.
var offsets = func() []int64 {
	var list []int64
	for h := int64(-12); h <= 14; h++ {
		list = append(list, h*3600)
	}
	for _, m := range []int64{-570, -210, -150, 210, 270, 330, 345, 390, 525, 570, 630, 765, 825} {
		list = append(list, m*60)
	}
	return list
}()

// someZone is whether a local time, read as UTC, is within a span in any zone.
func (t *times) someZone(local, slack int64) (string, bool) {
	for _, off := range offsets {
		if local-off == t.epoch {
			return "", false
		}
	}
	for _, off := range offsets {
		if name, ok := t.within(local-off, slack); ok {
			return name, true
		}
	}
	return "", false
}

// isDay is whether a bare date is the UTC day of a span, and not the epoch's.
func (t *times) isDay(d int64) bool { return t.utc[d] && d != t.epoch/day }
