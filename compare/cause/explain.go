package cause

import (
	"path"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/selfsame-build/selfsame/compare"
	"github.com/selfsame-build/selfsame/compare/window"
)

// verdict is what one rule makes of a spot.
type verdict struct {
	certainty Certainty
	// weight decides between causes of one certainty: the more special rule has the higher one.
	weight   int
	evidence string
	fix      string
	axis     string
}

// rule looks at a spot; false: this is not its cause.
type rule func(s *spot) (verdict, bool)

// world is World, made ready to be searched for.
type world struct {
	World
	timesA, timesB *window.Finder // nil: no times are known
}

func ready(w World) *world {
	out := &world{World: w}
	epoch := time.Time{}
	if w.Epoch > 0 {
		epoch = time.Unix(w.Epoch, 0)
	}
	// Spans that cannot be are the caller's clock gone wrong: then times are not searched for, and no cause is named by them.
	if a, err := window.NewFinder(w.SpansA, epoch); err == nil {
		if b, err := window.NewFinder(w.SpansB, epoch); err == nil {
			out.timesA, out.timesB = a, b
		}
	}
	return out
}

// maxAlike is how many findings of one cause in one step are listed; the others are counted.
const maxAlike = 12

// Explain names the causes of a report's differences, in its order. Nothing it says changes whether the images are equal.
func Explain(rep compare.Report, w World) []Finding {
	ready := ready(w)
	layers := map[int]*layer{}
	for _, d := range rep.Differences {
		l := layers[d.Layer]
		if l == nil {
			l = &layer{names: map[string]bool{}}
			layers[d.Layer] = l
		}
		l.names[path.Base(d.Path)] = true
	}
	var out []Finding
	for _, d := range rep.Differences {
		out = append(out, judge(spots(ready, layers[d.Layer], d))...)
	}
	pairNames(ready, out)
	return fold(out)
}

// judge gives one finding for each cause that a difference shows, the surest first. What no rule knows stays one finding.
func judge(list []*spot) []Finding {
	best := map[Class]int{}
	var out []Finding
	var weights []int
	for _, s := range list {
		f, weight := decide(s)
		if i, ok := best[f.Class]; ok {
			if f.Certainty.before(out[i].Certainty) {
				f.More, f.OfTime = out[i].More, f.OfTime && out[i].OfTime
				out[i], weights[i] = f, weight
			}
			out[i].More += 1 + more(s)
			out[i].OfTime = out[i].OfTime && f.OfTime
			continue
		}
		best[f.Class] = len(out)
		f.More = more(s)
		out, weights = append(out, f), append(weights, weight)
	}
	order := make([]int, len(out))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(i, j int) bool {
		x, y := order[i], order[j]
		if out[x].Certainty != out[y].Certainty {
			return out[x].Certainty.before(out[y].Certainty)
		}
		return weights[x] > weights[y]
	})
	sorted := make([]Finding, len(out))
	for i, n := range order {
		sorted[i] = out[n]
	}
	return secondary(sorted)
}

// secondary drops what has no cause beside what has one: the bytes around a date that another rule has named.
func secondary(list []Finding) []Finding {
	if len(list) < 2 || list[0].Class == "" {
		return list
	}
	n := 0
	kept := slices.DeleteFunc(list, func(f Finding) bool {
		if f.Class == "" {
			n += 1 + f.More
		}
		return f.Class == ""
	})
	kept[0].More += n
	kept[0].OfTime = kept[0].OfTime && n == 0
	return kept
}

func more(s *spot) int {
	if s.part != nil {
		return s.part.More
	}
	return s.diff.Truncated
}

// decide asks every rule about one spot.
func decide(s *spot) (Finding, int) {
	f := Finding{Difference: s.diff, Part: s.part, Certainty: Unknown}
	type said struct {
		verdict
		class Class
	}
	var all []said
	for _, c := range catalogue {
		if v, ok := c.judge(s); ok {
			all = append(all, said{v, c.Class})
		}
	}
	sort.SliceStable(all, func(i, j int) bool {
		if all[i].certainty != all[j].certainty {
			return all[i].certainty.before(all[j].certainty)
		}
		return all[i].weight > all[j].weight
	})
	if len(all) == 0 {
		return f, 0
	}
	f.Class, f.Certainty, f.Evidence, f.Fix, f.Axis = all[0].class, all[0].certainty, all[0].evidence, all[0].fix, all[0].axis
	if f.Fix == "" {
		f.Fix = catalogue[f.Class.index()].Remedy
	}
	f.OfTime = s.times()
	for _, v := range all[1:] {
		f.Also = append(f.Also, v.class)
	}
	return f, all[0].weight
}

var ranks = map[Certainty]int{Certain: 0, Likely: 1, Unknown: 2}

func (c Certainty) before(d Certainty) bool { return ranks[c] < ranks[d] }

// fold keeps the first findings of one cause in one step, and counts the rest at the last of them.
func fold(list []Finding) []Finding {
	type key struct {
		class Class
		layer int
		kind  compare.Kind
	}
	count, last := map[key]int{}, map[key]int{}
	var out []Finding
	for _, f := range list {
		k := key{f.Class, f.Difference.Layer, f.Difference.Kind}
		if count[k]++; f.Class != "" && count[k] > maxAlike {
			out[last[k]].More += 1 + f.More
			out[last[k]].OfTime = out[last[k]].OfTime && f.OfTime
			continue
		}
		last[k] = len(out)
		out = append(out, f)
	}
	return out
}

// pairNames finds files that have another name on each side: one that only A has, and one that only B has, in one folder. The names then
// are the difference.
func pairNames(w *world, list []Finding) {
	added := map[string][]int{}
	for i, f := range list {
		if f.Difference.Kind == compare.KindAdded {
			dir := path.Dir(f.Difference.Path)
			added[dir] = append(added[dir], i)
		}
	}
	for i := range list {
		d := list[i].Difference
		if d.Kind != compare.KindRemoved {
			continue
		}
		dir := path.Dir(d.Path)
		j := slices.IndexFunc(added[dir], func(n int) bool { return alike(path.Base(d.Path), path.Base(list[n].Difference.Path)) })
		if j < 0 {
			continue
		}
		n := added[dir][j]
		added[dir] = slices.Delete(added[dir], j, j+1)
		renamed(w, &list[i], &list[n])
	}
}

// alike says whether two names are one pattern: they begin or end alike, or have the same length.
func alike(a, b string) bool {
	r := wholeRun(a, b)
	shared := len(a) - len(r.a.own())
	return shared >= 3 || len(a) == len(b) && len(a) >= 8 || strings.Contains(a, ".") && path.Ext(a) == path.Ext(b)
}
