package cause

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/selfsame-build/selfsame/internal/lazyregexp"
)

// timeZone is a fixed moment, written in local time.
var timeZone = Cause{
	Class: "T10", Title: "time zone", judge: judgeZone,
	Remedy: "set the time zone in the step: TZ=UTC (or date -u)",
	Page: `A program wrote a fixed moment, such as SOURCE_DATE_EPOCH, in local time. zip does so by its format.

Set TZ=UTC in the step, use date -u, gmtime instead of localtime.`,
}

func judgeZone(s *spot) (verdict, bool) {
	if v, ok := s.planted("T10"); ok {
		return v, true
	}
	if a, okA := moment(s.a); okA {
		if b, okB := moment(s.b); okB {
			if d := b.Sub(a); s.zonesApart(d) {
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
		if d := b.Sub(a); s.zonesApart(d) && !s.ownTimes(r) {
			return verdict{certainty: Certain, weight: 12, evidence: fmt.Sprintf("the same moment, %s apart: the difference of the builders' time zones", d)}, true
		}
	}
	return verdict{}, false
}

// zonesApart says whether two local times are as far apart as the builders' zones are. zip counts in steps of two seconds; a date alone
// may be a day off; a time of day alone may have passed midnight.
func (s *spot) zonesApart(d time.Duration) bool {
	for _, p := range s.world.Planted {
		if p.Class != "T10" {
			continue
		}
		want := eastOf(p.B) - eastOf(p.A)
		if want == 0 {
			continue
		}
		for _, off := range []time.Duration{want, want - 24*time.Hour, want + 24*time.Hour} {
			if (d - off).Abs() <= 2*time.Second {
				return true
			}
		}
		if d.Abs() == 24*time.Hour {
			return true
		}
	}
	return false
}

var posixZone = lazyregexp.New(`^(?:[A-Za-z]{3,}|<[^>]+>)([+-]?)(\d{1,2})(?::(\d\d))?$`)

// eastOf is how far a TZ of the form NAME[+-]H[:MM] is ahead of UTC; POSIX counts westwards.
func eastOf(tz string) time.Duration {
	m := posixZone.FindStringSubmatch(tz)
	if m == nil {
		return 0
	}
	h, _ := strconv.Atoi(m[2])
	min, _ := strconv.Atoi(m[3])
	d := time.Duration(h)*time.Hour + time.Duration(min)*time.Minute
	if m[1] == "-" {
		return d
	}
	return -d
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

// clockLayouts are the ways to write a date with a time that two sides are read by.
var clockLayouts = []struct {
	find   *lazyregexp.Regexp
	layout string
}{
	{lazyregexp.New(`\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d`), "2006-01-02 15:04:05"},
	{lazyregexp.New(`\d{4}-\d\d-\d\d[ T]\d\d:\d\d`), "2006-01-02 15:04"},
	{lazyregexp.New(`\d{4}/\d\d/\d\d \d\d:\d\d:\d\d`), "2006/01/02 15:04:05"},
	{lazyregexp.New(`\d\d? [A-Z][a-z]{2} \d{4},? \d\d:\d\d:\d\d`), "2 Jan 2006 15:04:05"},
	{lazyregexp.New(`[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d (\w+ )?\d{4}`), "Jan _2 15:04:05 2006"},
	{lazyregexp.New(`[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d`), "Jan _2 15:04:05"},
	{lazyregexp.New(`\d{14}`), "20060102150405"},
	{lazyregexp.New(`\b\d\d:\d\d:\d\d\b`), "15:04:05"},
	{lazyregexp.New(`\b\d\d:\d\d\b`), "15:04"},
	{lazyregexp.New(`\d{4}-\d\d-\d\d`), "2006-01-02"},
}

var zoneWord = lazyregexp.New(`( \d\d:\d\d:\d\d) \S+ (\d{4})$`)

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
