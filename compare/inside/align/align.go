// Package align finds which parts of two sequences belong together, in time and memory that hostile input cannot stretch.
//
// First the elements that occur once on both sides are used as anchors (patience diff, as Go's own internal/diff does), which costs
// n log n; then the gaps between anchors are compared by Myers' algorithm as long as a budget lasts. What it does not cover stays one
// replaced run. There is no clock in it: the result is a function of the input alone.
package align

import (
	"sort"
	"unicode/utf8"

	"github.com/sergi/go-diff/diffmatchpatch"
)

// Hunk says that A[A0:A1] stands where B has B[B0:B1]; all outside of hunks is equal.
type Hunk struct{ A0, A1, B0, B1 int }

const (
	maxGap  = 4096    // elements of both sides together that Myers' algorithm gets at once
	maxWork = 1 << 25 // sum of the products of the gaps' lengths, about a tenth of a second
)

// Hunks aligns a and b; equal numbers are equal elements. The hunks are in order and do not touch each other.
func Hunks(a, b []int32) []Hunk {
	s := &state{a: a, b: b, work: maxWork}
	lastA, lastB := 0, 0
	for _, p := range anchors(a, b) {
		if p.a < lastA || p.b < lastB {
			continue // the anchor before was extended over this one
		}
		s.gap(lastA, p.a, lastB, p.b)
		lastA, lastB = p.a, p.b
		for lastA < len(a) && lastB < len(b) && a[lastA] == b[lastB] {
			lastA, lastB = lastA+1, lastB+1
		}
	}
	s.gap(lastA, len(a), lastB, len(b))
	return s.out
}

type state struct {
	a, b []int32
	work int
	out  []Hunk
}

// gap compares what stands between two anchors.
func (s *state) gap(a0, a1, b0, b1 int) {
	for a0 < a1 && b0 < b1 && s.a[a0] == s.b[b0] {
		a0, b0 = a0+1, b0+1
	}
	for a0 < a1 && b0 < b1 && s.a[a1-1] == s.b[b1-1] {
		a1, b1 = a1-1, b1-1
	}
	n, m := a1-a0, b1-b0
	if n == 0 || m == 0 || n+m > maxGap || n*m > s.work {
		s.add(Hunk{a0, a1, b0, b1})
		return
	}
	s.work -= n * m
	s.myers(a0, a1, b0, b1)
}

func (s *state) add(h Hunk) {
	if h.A0 == h.A1 && h.B0 == h.B1 {
		return
	}
	if n := len(s.out); n > 0 && s.out[n-1].A1 == h.A0 && s.out[n-1].B1 == h.B0 {
		s.out[n-1].A1, s.out[n-1].B1 = h.A1, h.B1
		return
	}
	s.out = append(s.out, h)
}

// myers hands one gap to the library. Elements become runes; a gap is too short for their numbers to reach the surrogates.
func (s *state) myers(a0, a1, b0, b1 int) {
	ids := map[int32]rune{}
	runes := func(in []int32) []rune {
		out := make([]rune, len(in))
		for i, v := range in {
			if ids[v] == 0 {
				ids[v] = rune(len(ids) + 1) //nolint:gosec // G115: maxGap
			}
			out[i] = ids[v]
		}
		return out
	}
	d := diffmatchpatch.DiffMatchPatch{} // without a DiffTimeout, which would make the result depend on the machine's speed
	x, y := a0, b0
	for _, part := range d.DiffMainRunes(runes(s.a[a0:a1]), runes(s.b[b0:b1]), false) {
		n := utf8.RuneCountInString(part.Text)
		switch part.Type {
		case diffmatchpatch.DiffEqual:
			x, y = x+n, y+n
		case diffmatchpatch.DiffDelete:
			s.add(Hunk{x, x + n, y, y})
			x += n
		case diffmatchpatch.DiffInsert:
			s.add(Hunk{x, x, y, y + n})
			y += n
		}
	}
}

type pair struct{ a, b int }

// anchors are the elements that occur once on both sides, of which the longest sequence that rises on both is kept.
func anchors(a, b []int32) []pair {
	type seen struct{ inA, inB, at int32 }
	once := map[int32]seen{}
	for _, v := range a {
		s := once[v]
		s.inA++
		once[v] = s
	}
	for i, v := range b {
		if s, ok := once[v]; ok {
			s.inB, s.at = s.inB+1, int32(i) //nolint:gosec // G115: callers cap the length far below
			once[v] = s
		}
	}
	var common []pair
	for i, v := range a {
		if s := once[v]; s.inA == 1 && s.inB == 1 {
			common = append(common, pair{i, int(s.at)})
		}
	}
	return rising(common)
}

// rising is the longest subsequence whose b rises too.
func rising(in []pair) []pair {
	ends, back := []int{}, make([]int, len(in)) // ends[k]: where the best sequence of k+1 elements ends
	for i, p := range in {
		k := sort.Search(len(ends), func(k int) bool { return in[ends[k]].b >= p.b })
		back[i] = -1
		if k > 0 {
			back[i] = ends[k-1]
		}
		if k == len(ends) {
			ends = append(ends, i)
		} else {
			ends[k] = i
		}
	}
	out := make([]pair, len(ends))
	for i, k := -1, len(ends)-1; k >= 0; k-- {
		if i < 0 {
			i = ends[k]
		} else {
			i = back[i]
		}
		out[k] = in[i]
	}
	return out
}
