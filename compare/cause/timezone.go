package cause

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// timeZone is a fixed moment, written in local time.
var timeZone = Cause{
	Class: "T10", Title: "time zone", judge: judgeZone,
	Remedy: "set the time zone in the step: TZ=UTC (or date -u)",
	Page: `A program wrote a fixed moment, such as SOURCE_DATE_EPOCH, in local time. zip does so by its format.

Set TZ=UTC in the step, use date -u, gmtime instead of localtime.`,
}

// zoneAxis is the evidence's name for the planted zone.
const zoneAxis = "time zone"

func judgeZone(s *spot) (verdict, bool) {
	if v, ok := s.planted("T10"); ok {
		return v, true
	}
	if a, okA := moment(s.a); okA {
		if b, okB := moment(s.b); okB {
			if d := b.Sub(a); wholeZone(d) && s.zoneVaried() {
				return verdict{certainty: Certain, weight: 12, evidence: fmt.Sprintf("the same moment, %s apart: the difference of the builders' time zones", d)}, true
			}
		}
	}
	for _, r := range s.runs {
		a, okA := clockOf(r.a)
		b, okB := clockOf(r.b)
		if !okA || !okB {
			continue
		}
		if d := b.Sub(a); wholeZone(d) && s.zoneVaried() && !s.ownTimes(r) {
			return verdict{certainty: Certain, weight: 12, evidence: fmt.Sprintf("the same moment, %s apart: the difference of the builders' time zones", d)}, true
		}
	}
	return verdict{}, false
}

func (s *spot) zoneVaried() bool {
	for _, p := range s.world.Planted {
		if p.Class == "T10" && p.A != p.B {
			return true
		}
	}
	return false
}

// ownTimes says whether the two are each build's own time, which differ by more than a zone can make them.
func (s *spot) ownTimes(r run) bool {
	if s.world.timesA == nil {
		return false
	}
	_, a := hit(s.world.timesA, r.a)
	_, b := hit(s.world.timesB, r.b)
	return a && b
}

// wholeZone says whether two time zones can be that far apart: quarters of an hour, at most 26 hours, and not nothing. zip counts in
// steps of two seconds.
func wholeZone(d time.Duration) bool {
	d = d.Abs()
	return d >= 15*time.Minute && d <= 26*time.Hour && d%(15*time.Minute) <= 2*time.Second
}

// clockLayouts are the ways to write a date with a time that two sides are read by.
var clockLayouts = []struct {
	find   *regexp.Regexp
	layout string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d`), "2006-01-02 15:04:05"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d[ T]\d\d:\d\d`), "2006-01-02 15:04"},
	{regexp.MustCompile(`\d{4}/\d\d/\d\d \d\d:\d\d:\d\d`), "2006/01/02 15:04:05"},
	{regexp.MustCompile(`\d\d? [A-Z][a-z]{2} \d{4},? \d\d:\d\d:\d\d`), "2 Jan 2006 15:04:05"},
	{regexp.MustCompile(`[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d (\w+ )?\d{4}`), "Jan _2 15:04:05 2006"},
	{regexp.MustCompile(`[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d`), "Jan _2 15:04:05"},
	{regexp.MustCompile(`\d{14}`), "20060102150405"},
	{regexp.MustCompile(`\b\d\d:\d\d:\d\d\b`), "15:04:05"},
	{regexp.MustCompile(`\b\d\d:\d\d\b`), "15:04"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d`), "2006-01-02"},
}

var zoneWord = regexp.MustCompile(`( \d\d:\d\d:\d\d) \S+ (\d{4})$`)

// clockOf reads the date and time that the differing run is in.
func clockOf(s side) (time.Time, bool) {
	for _, l := range clockLayouts {
		for _, at := range l.find.FindAllIndex(s.text, -1) {
			if at[0] >= max(s.to, s.from+1) || at[1] <= s.from {
				continue
			}
			v := zoneWord.ReplaceAllString(string(s.text[at[0]:at[1]]), "$1 $2")
			if t, err := time.Parse(l.layout, strings.Replace(strings.Replace(v, "T", " ", 1), ",", "", 1)); err == nil {
				return t, true
			}
		}
	}
	return time.Time{}, false
}
