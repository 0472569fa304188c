package window

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// textPatterns are the beginnings of every text that can name a time within t, and the literals.
func textPatterns(t *times, opt Options) []pattern {
	seen := map[string]bool{}
	var list []pattern
	add := func(text string, read reader) {
		if !seen[text] {
			seen[text] = true
			list = append(list, pattern{text, read})
		}
	}
	for _, s := range t.spans {
		// Seconds, milliseconds, microseconds and nanoseconds begin with the same digits.
		for k := s.from / 1000; k <= s.to/1000; k++ {
			add(strconv.FormatInt(k, 10), readDecimal)
		}
	}
	for d := range t.nearby {
		addDates(time.Unix(d*day, 0).UTC(), add)
	}
	add("ustar\x00"+"0", readTar)
	add("ustar  ", readTar)
	add("0707010", readCpio)
	for digit := range "01234567" { // of the device, because shorter patterns skip less
		add("070707"+strconv.Itoa(digit), readOldCpio)
	}
	literals(opt.HostNames, ClassHost, "host name", add)
	literals(opt.Kernels, ClassKernel, "kernel", add)
	literals(opt.BootIDs, ClassEnviron, "boot id", add)
	// Maps are walked in any order; findings are not to be.
	slices.SortFunc(list, func(a, b pattern) int { return strings.Compare(a.text, b.text) })
	return list
}

// addDates adds the ways to write a day. Each pattern has at least seven bytes, so that the matcher can skip.
func addDates(d time.Time, add func(string, reader)) {
	for layout, read := range map[string]reader{
		"2006-01-02": readDate("2006-01-02"),
		"2006/01/02": readDate("2006/01/02"),
		"20060102":   readDate("20060102"),
		"01/02/2006": readDate("01/02/2006"),
		"02/01/2006": readDate("02/01/2006"),
		"02.01.2006": readDate("02.01.2006"),
		// RFC 1123, RFC 2822, the common log format, and words in full.
		"02 Jan 2006": readDate("02 Jan 2006"), "2 Jan 2006": readDate("2 Jan 2006"),
		"02-Jan-2006": readDate("02-Jan-2006"), "02/Jan/2006": readDate("02/Jan/2006"),
		"January 2, 2006": readDate("January 2, 2006"), "2 January 2006": readDate("2 January 2006"),
		"Jan 2, 2006": readDate("Jan 2, 2006"), "Jan _2 2006": readDate("Jan _2 2006"),
		// ctime, date(1) and syslog: the time stands between day and year, or no year at all.
		"Jan _2 ": readCtime, "Jan 02 ": readCtime,
	} {
		add(d.Format(layout), read)
	}
}

func literals(names []string, class Class, what string, add func(string, reader)) {
	for _, n := range names {
		if len(n) < minLiteral || strings.TrimSpace(n) == "" {
			continue
		}
		certainty := Likely
		if len(n) < 8 {
			certainty = Unknown // may be a plain word
		}
		add(n, readLiteral(n, finding(class, certainty, "the builder's "+what)))
	}
}

func finding(class Class, certainty Certainty, summary string) Finding {
	return Finding{Class: class, Certainty: certainty, Summary: summary}
}
