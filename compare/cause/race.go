package cause

import (
	"math"
	"sort"
	"strconv"
	"strings"

	"github.com/selfsame-build/selfsame/internal/lazyregexp"
)

// race is the order in which things that ran at once came to their end.
var race = Cause{
	Class: "T15", Title: "race", judge: judgeRace,
	Remedy: "give each job a file of its own and join them in order, or run them one by one (make -j1 for that target)",
	Page: `Jobs that run at once write to one place, and the quickest comes first.

One file a job, joined in a fixed order; make's --output-sync does not sort. Where a target is wrong about what it depends on, -j1 for that
target shows it.`,
}

func judgeRace(s *spot) (verdict, bool) {
	if v, ok := otherSum(s); ok {
		return v, true
	}
	if s.kind() != "order" || s.part == nil {
		return verdict{}, false
	}
	switch s.format {
	case "tar", "zip", "ar", "cpio":
		return verdict{}, false
	}
	v := verdict{certainty: Likely, weight: 3, evidence: "the same lines in another order"}
	if rising(s.orderB) && !rising(s.orderA) {
		v.weight, v.evidence = 6, "the same lines, in order where one CPU ran them and out of order where several did"
	}
	return v, true
}

var float = lazyregexp.New(`^[+-]?\d+\.\d{6,}(?:[eE][+-]?\d+)?$`)

// otherSum is a number that agrees in most of its digits: the same numbers were added up in another order.
func otherSum(s *spot) (verdict, bool) {
	for _, r := range s.runs {
		a, b := r.a.token(), r.b.token()
		x, errA := strconv.ParseFloat(a, 64)
		y, errB := strconv.ParseFloat(b, 64)
		if float.MatchString(a) && float.MatchString(b) && errA == nil && errB == nil && x != y && math.Abs(x-y) < 1e-9*math.Abs(x) {
			return verdict{certainty: Likely, weight: 8, evidence: "numbers that agree but for their last digits, as a sum in another order does: " + a + " and " + b}, true
		}
	}
	return verdict{}, false
}

// rising says whether lines are sorted, with numbers in them by their value.
func rising(list []string) bool {
	return len(list) > 1 && sort.SliceIsSorted(list, func(i, j int) bool { return natural(list[i]) < natural(list[j]) })
}

func falling(list []string) bool {
	return len(list) > 1 && sort.SliceIsSorted(list, func(i, j int) bool { return natural(list[i]) > natural(list[j]) })
}

// natural pads numbers, so that they sort by value.
func natural(s string) string {
	return digits.ReplaceAllStringFunc(s, func(n string) string { return strings.Repeat("0", max(0, 20-len(n))) + n })
}
