package cause

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/selfsame-build/selfsame/internal/lazyregexp"
)

// wallClock is the time of the build in a file's content.
var wallClock = Cause{
	Class: "T1", Title: "wall clock", judge: judgeClock,
	Remedy: "use SOURCE_DATE_EPOCH (date -u -d @$SOURCE_DATE_EPOCH), or delete the file in the step that writes it",
	Page: `A program wrote the time at which it ran: a date, a count of seconds, a day in a log.

It shows as two times that lie within the two builds. Builder B's clock calls are 397 days ahead; what the kernel writes (file times)
differs by the seconds between the builds.

Every step has SOURCE_DATE_EPOCH, the recipe's epoch. Many tools read it by themselves; others take a date as an option. Logs and caches
that nobody needs are deleted in the step that writes them.`,
}

func judgeClock(s *spot) (verdict, bool) {
	w := s.world
	if w.timesA == nil {
		return verdict{}, false
	}
	if v, ok := shadowDay(s); ok {
		return v, true
	}
	for _, r := range s.runs {
		a, okA := hit(w.timesA, r.a)
		b, okB := hit(w.timesB, r.b)
		if okA && okB {
			return verdict{certainty: Certain, weight: 5, evidence: fmt.Sprintf("A has %s, B has %s: each is from its own build", quote(a), quote(b))}, true
		}
	}
	return partOfTime(s)
}

// shadowDay is the third field of /etc/shadow: days since 1970 (shadow(5)).
func shadowDay(s *spot) (verdict, bool) {
	if !strings.HasPrefix(s.base(), "shadow") {
		return verdict{}, false
	}
	ok := s.some(func(r run) bool {
		a, errA := strconv.ParseInt(r.a.word(), 10, 32)
		b, errB := strconv.ParseInt(r.b.word(), 10, 32)
		return errA == nil && errB == nil && s.world.timesA.IsDay(a) && s.world.timesB.IsDay(b)
	})
	return verdict{certainty: Certain, weight: 8, evidence: "the day of the last password change is the day of each build",
		fix: "set the day in the same step: chage -d $((SOURCE_DATE_EPOCH/86400)) USER, or sed the field"}, ok
}

var (
	yearly = lazyregexp.New(`^(19|20)\d\d$`)
	hourly = lazyregexp.New(`^\d\d?:\d\d(:\d\d)?$`)
	lasted = lazyregexp.New(`^[(\[]?\d+([.,:]\d+)*(s|ms|us|µs|ns|m|sec|secs|seconds)?[)\]]?$`)
	timing = lazyregexp.New(`(?i)(elapsed|real|user|sys|took|duration|time|in |\ds\b|\dms\b|seconds)`)
)

// partOfTime is a difference that has only a piece of a date, or the length of something that ran.
func partOfTime(s *spot) (verdict, bool) {
	for _, r := range s.runs {
		a, b := r.a.word(), r.b.word()
		if yearly.MatchString(a) && yearly.MatchString(b) && s.world.yearA(a) && s.world.yearB(b) {
			return verdict{certainty: Likely, weight: 4, evidence: fmt.Sprintf("the years of the builds: %s and %s", a, b)}, true
		}
		ta, tb := r.a.token(), r.b.token()
		if hourly.MatchString(ta) && hourly.MatchString(tb) {
			return verdict{certainty: Likely, weight: 3, evidence: fmt.Sprintf("times of day: %s and %s", ta, tb)}, true
		}
		if lasted.MatchString(ta) && lasted.MatchString(tb) && strings.ContainsAny(ta+tb, ".smun") && timing.Match(r.a.text) {
			return verdict{certainty: Likely, weight: 2, evidence: fmt.Sprintf("how long something ran: %s and %s", ta, tb),
				fix: "do not keep what a step measured of itself"}, true
		}
	}
	return verdict{}, false
}
