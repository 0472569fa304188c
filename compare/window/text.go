package window

import (
	"bytes"
	"strconv"
	"time"
)

// reader makes a finding of what stands at buf[at:], or none. Value, Class, Certainty and Summary are set; back is where
// the value begins, relative to at.
type reader func(t *times, buf []byte, at int) (f Finding, back int, ok bool)

func digitAt(buf []byte, i int) bool { return i >= 0 && i < len(buf) && buf[i] >= '0' && buf[i] <= '9' }

func letterAt(buf []byte, i int) bool {
	return i >= 0 && i < len(buf) && (buf[i]|0x20 >= 'a' && buf[i]|0x20 <= 'z')
}

// scales are the units of a count since 1970, by its number of digits.
var scales = map[int]struct {
	unit string
	per  int64
}{10: {"seconds", 1}, 13: {"milliseconds", 1e3}, 16: {"microseconds", 1e6}, 19: {"nanoseconds", 1e9}}

// readDecimal takes a whole number of 10, 13, 16 or 19 digits. Digits inside of a word (a hash, base64) or after a decimal
// point are something else.
func readDecimal(t *times, buf []byte, at int) (Finding, int, bool) {
	end := at
	for digitAt(buf, end) && end-at < 20 {
		end++
	}
	fraction := at >= 2 && buf[at-1] == '.' && digitAt(buf, at-2)
	scale, ok := scales[end-at]
	if !ok || fraction || digitAt(buf, at-1) || letterAt(buf, at-1) || letterAt(buf, end) && wordAt(buf, end+1) {
		return Finding{}, 0, false
	}
	n, err := strconv.ParseInt(string(buf[at:end]), 10, 64)
	if err != nil {
		return Finding{}, 0, false
	}
	name, ok := t.in(n / scale.per)
	f := finding(ClassClock, Likely, "Unix time in "+scale.unit+", from the time of "+name)
	f.Value = string(buf[at:end])
	return f, 0, ok
}

func readLiteral(text string, f Finding) reader {
	return func(_ *times, buf []byte, at int) (Finding, int, bool) {
		if wordAt(buf, at-1) || wordAt(buf, at+len(text)) {
			return Finding{}, 0, false
		}
		f.Value = text
		return f, 0, true
	}
}

func wordAt(buf []byte, i int) bool {
	return digitAt(buf, i) || letterAt(buf, i) || i >= 0 && i < len(buf) && buf[i] == '_'
}

// readDate takes a date in a fixed layout, and the time that may follow it.
func readDate(layout string) reader {
	return func(t *times, buf []byte, at int) (Finding, int, bool) {
		// The matched text is the date; its length depends on the day and the month's name.
		end, date, ok := dateEnd(layout, buf, at)
		if !ok || digitAt(buf, at-1) {
			return Finding{}, 0, false
		}
		clock, ok := readClock(buf, end)
		if !ok {
			if digitAt(buf, end) || layout == "20060102" && (letterAt(buf, at-1) || letterAt(buf, end)) {
				return Finding{}, 0, false // part of a longer number or word
			}
			f := finding(ClassClock, Unknown, "the day of the build, which may be a coincidence")
			f.Value = string(buf[at:end])
			return f, 0, t.isDay(date / day)
		}
		return judge(t, date, clock, string(buf[at:clock.end]))
	}
}

// dateEnd parses a date of which the shortest and longest forms differ.
func dateEnd(layout string, buf []byte, at int) (end int, date int64, ok bool) {
	for n := min(len("02 September 2006"), len(buf)-at); n >= 8; n-- {
		if d, err := time.Parse(layout, string(buf[at:at+n])); err == nil {
			return at + n, d.Unix(), true
		}
	}
	return 0, 0, false
}

// readCtime takes "Nov 23 04:34:01 2026", "Nov 23 04:34:01 UTC 2026" and syslog's form without a year.
func readCtime(t *times, buf []byte, at int) (Finding, int, bool) {
	clock, ok := readClock(buf, at+6)
	if !ok || letterAt(buf, at-1) {
		return Finding{}, 0, false
	}
	year, end := yearAfter(buf, clock.end)
	for d := range t.nearby {
		date := time.Unix(d*day, 0).UTC()
		if date.Format("Jan _2") != string(buf[at:at+6]) && date.Format("Jan 02") != string(buf[at:at+6]) || year != 0 && date.Year() != year {
			continue
		}
		if f, back, ok := judge(t, date.Unix(), clock, string(buf[at:end])); ok {
			return f, back, true
		}
	}
	return Finding{}, 0, false
}

// yearAfter reads " 2026" or " UTC 2026".
func yearAfter(buf []byte, at int) (year, end int) {
	rest := buf[at:min(len(buf), at+10)]
	words := bytes.Fields(rest)
	for i := 0; i < len(words) && i < 2; i++ {
		if y, err := strconv.Atoi(string(words[i])); err == nil && len(words[i]) == 4 {
			return y, at + bytes.Index(rest, words[i]) + 4
		}
	}
	return 0, at
}

// clock is a time of day: seconds since midnight, how coarse, and the zone where one is given.
type clock struct {
	sec    int64
	slack  int64
	zoned  bool
	offset int64 // seconds east of UTC
	end    int
}

// readClock takes HH:MM, HH:MM:SS, HHMMSS after T, fractions, and a zone: Z, UTC, GMT, +01:00, +0100.
func readClock(buf []byte, at int) (clock, bool) {
	for at < len(buf) && (buf[at] == ' ' || buf[at] == ',' || buf[at] == 'T' || buf[at] == '_' || buf[at] == ':') {
		at++ // at most a few: what follows must be a digit
		if digitAt(buf, at) {
			break
		}
	}
	h, ok1 := two(buf, at)
	sep := 0
	if at+2 < len(buf) && buf[at+2] == ':' {
		sep = 1
	}
	m, ok2 := two(buf, at+2+sep)
	if !ok1 || !ok2 || h > 24 || m > 59 {
		return clock{}, false
	}
	c := clock{sec: h*3600 + m*60, slack: 59, end: at + 4 + sep}
	s, ok := two(buf, c.end+sep)
	if ok && s <= 60 && (sep == 0 || buf[c.end] == ':') {
		c.sec, c.slack, c.end = c.sec+s, 0, c.end+sep+2
	} else if sep == 0 {
		return clock{}, false
	}
	if c.end+1 < len(buf) && (buf[c.end] == '.' || buf[c.end] == ',') && digitAt(buf, c.end+1) {
		for c.end++; digitAt(buf, c.end); c.end++ {
		}
	}
	c.zone(buf)
	return c, true
}

func two(buf []byte, at int) (int64, bool) {
	if !digitAt(buf, at) || !digitAt(buf, at+1) {
		return 0, false
	}
	return int64(buf[at]-'0')*10 + int64(buf[at+1]-'0'), true
}

func (c *clock) zone(buf []byte) {
	at := c.end
	if at < len(buf) && buf[at] == ' ' {
		at++
	}
	rest := buf[at:min(len(buf), at+6)]
	switch {
	case bytes.HasPrefix(rest, []byte("UTC")), bytes.HasPrefix(rest, []byte("GMT")):
		c.zoned, c.end = true, at+3
	case len(rest) > 0 && rest[0] == 'Z' && !letterAt(buf, at+1):
		c.zoned, c.end = true, at+1
	case len(rest) >= 5 && (rest[0] == '+' || rest[0] == '-'):
		sep := 0
		if rest[3] == ':' {
			sep = 1
		}
		h, ok1 := two(rest, 1)
		m, ok2 := two(rest, 3+sep)
		if !ok1 || !ok2 || h > 14 || m > 59 {
			return
		}
		c.zoned, c.offset, c.end = true, h*3600+m*60, at+5+sep
		if rest[0] == '-' {
			c.offset = -c.offset
		}
	}
}

// judge decides on a date with a time of day.
func judge(t *times, date int64, c clock, value string) (Finding, int, bool) {
	f := Finding{Class: ClassClock, Value: value}
	if c.zoned {
		name, ok := t.within(date+c.sec-c.offset, c.slack)
		f.Certainty, f.Summary = Likely, "a date and time from the time of "+name
		return f, 0, ok
	}
	if name, ok := t.within(date+c.sec, c.slack); ok {
		f.Certainty, f.Summary = Likely, "a date and time from the time of "+name
		return f, 0, true
	}
	name, ok := t.someZone(date+c.sec, c.slack)
	f.Certainty, f.Summary = Unknown, "a date and time that some time zone had during "+name
	return f, 0, ok
}
