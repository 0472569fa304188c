package window

import "time"

// Finder looks for times of its spans in short pieces of bytes, such as the place where two files part. There, what a whole image may
// hold by chance is no coincidence, so that bare numbers are found too.
type Finder struct {
	times *times
	text  *matcher
	keys  *keys
}

// Hit is one value found: buf[From:To] means a time within a span.
type Hit struct {
	From, To int
	Value    string // as text; that of a binary number is its time
	Summary  string
	// Exact is false where only the day, or the time of some time zone, fits.
	Exact bool
}

// NewFinder fails when a span is the wrong way round, too long or not between 2001 and 2106.
func NewFinder(spans []Span, epoch time.Time) (*Finder, error) {
	t, err := newTimes(spans, epoch)
	if err != nil {
		return nil, err
	}
	return &Finder{times: t, text: newMatcher(textPatterns(t, Options{})), keys: newKeys(t)}, nil
}

// Find lists what stands in buf, in its order.
func (f *Finder) Find(buf []byte) []Hit {
	var out []Hit
	f.text.scan(buf, 0, len(buf), func(at int, p pattern) {
		if v, back, ok := p.read(f.times, buf, at); ok && v.Class == ClassClock {
			out = append(out, Hit{at + back, at + back + len(v.Value), v.Value, v.Summary, v.Certainty != Unknown})
		}
	})
	f.keys.scan(buf, 0, len(buf), func(at int, v key) {
		if v.number < 0 {
			return // a format's field, which its own view shows
		}
		num := numbers[v.number]
		if sec, ok := num.value(f.times, buf, at); ok {
			name, _ := f.times.in(sec)
			out = append(out, Hit{at, at + num.bits/8, stampOf(sec), num.name + ", from the time of " + name, true})
		}
	})
	return out
}

// In names the span that a moment in Unix seconds is in.
func (f *Finder) In(sec int64) (string, bool) { return f.times.in(sec) }

// IsDay says whether a count of days since 1970 is a day of a span, and not the epoch's.
func (f *Finder) IsDay(days int64) bool { return f.times.isDay(days) }

// Overlaps says whether a hit has bytes within from and to.
func (h Hit) Overlaps(from, to int) bool {
	return h.From < to && h.To > from || from == to && h.From <= from && h.To >= to
}
