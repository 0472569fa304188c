package intoto

import (
	"fmt"
	"slices"
	"strings"

	"github.com/in-toto/in-toto-golang/in_toto"
	digest "github.com/opencontainers/go-digest"
)

// maxTries bounds how often the rules of a step are applied while links that fit together are looked for. Without strangers' leftovers it
// is once a step.
const maxTries = 4096

// search picks one link a step so that all rules hold, from the last step, which names the image, to the first.
type search struct {
	layout *Layout
	steps  [][]*version // that enough functionaries signed
	chosen []*version
	known  map[digest.Digest]bool // the digests that the chosen links name
	tries  int
	failed int // the step whose rules failed first, with the best guess for all others
	reason string
}

// chain applies the artifact rules and words the outcome of each step.
func (v *verification) chain(out []Outcome) {
	s := &search{layout: v.layout, chosen: make([]*version, len(v.steps)), known: map[digest.Digest]bool{v.image.Digest: true}, failed: -1}
	for i, c := range v.steps {
		enough := slices.DeleteFunc(slices.Clone(c.versions), func(x *version) bool { return len(x.by) < out[i].Threshold })
		s.steps = append(s.steps, enough)
	}
	if !s.from(len(v.steps) - 1) {
		s.blame(out)
		return
	}
	for i, x := range s.chosen {
		out[i].By = x.by
		if want, got := v.layout.doc.Steps[i].ExpectedCommand, x.link.Command; len(want) > 0 && !slices.Equal(want, got) {
			// In-toto leaves it at a warning: a command is what the functionary says it was.
			out[i].Note = fmt.Sprintf("the command was %q, not %q", strings.Join(got, " "), strings.Join(want, " "))
		}
		for _, other := range v.steps[i].versions {
			if other == x {
				continue
			}
			if path := contradiction(x, other); path != "" {
				out[i].State = Broken
				out[i].Reason = fmt.Sprintf("its functionaries contradict each other: %.8s says %s is %s, %.8s says %s", x.by[0], path,
					x.link.Products[path], other.by[0], other.link.Products[path])
			}
			for _, l := range other.where {
				v.ignore(l, "a link of step %s that is about another run", l.Step)
			}
		}
	}
}

// blame says which step's rules failed.
func (s *search) blame(out []Outcome) {
	for i := range out {
		switch {
		case i == s.failed && s.tries >= maxTries:
			out[i].State, out[i].Reason = Undecided, fmt.Sprintf("of the many links that functionaries signed, none were found that fit together: %s", s.reason)
		case i == s.failed:
			out[i].State, out[i].Reason = Broken, s.reason
		default:
			out[i].State, out[i].Reason = Unchecked, fmt.Sprintf("its rules were not applied to the end: step %s breaks its own", out[s.failed].Step)
		}
	}
}

// from chooses for step i and all before it.
func (s *search) from(i int) bool {
	if i < 0 {
		return true
	}
	for _, x := range s.ranked(i) {
		s.chosen[i] = x
		var fresh []digest.Digest
		for d := range x.content {
			if !s.known[d] {
				s.known[d] = true
				fresh = append(fresh, d)
			}
		}
		if s.hold(i) && s.from(i-1) {
			return true
		}
		if s.tries >= maxTries {
			return false
		}
		for _, d := range fresh {
			delete(s.known, d)
		}
	}
	s.chosen[i] = nil
	return false
}

// ranked puts first what shares most digests with the links chosen so far: what they took and made.
func (s *search) ranked(i int) []*version {
	shared := func(x *version) (n int) {
		for d := range x.content {
			if s.known[d] {
				n++
			}
		}
		return n
	}
	out := slices.Clone(s.steps[i])
	slices.SortStableFunc(out, func(a, b *version) int { return shared(b) - shared(a) })
	return out
}

// hold applies the rules of every step that refers to nothing before step i, and could not be judged before i was chosen.
func (s *search) hold(i int) bool {
	for j := i; j < len(s.chosen); j++ {
		if s.layout.deps[j] != i {
			continue
		}
		s.tries++
		if err := s.apply(j); err != nil {
			if s.failed < 0 {
				s.failed, s.reason = j, err.Error()
			}
			return false
		}
	}
	return true
}

// apply applies the rules of one step, by in-toto's own library. It sees no name that is not clean and no rule that is not well formed:
// on those it would depend on the order of a map, or panic.
func (s *search) apply(j int) error {
	links := map[string]in_toto.Metadata{}
	for k, x := range s.chosen {
		if x != nil {
			links[s.layout.doc.Steps[k].Name] = x.meta
		}
	}
	err := in_toto.VerifyArtifacts([]any{s.layout.doc.Steps[j]}, links)
	if err == nil {
		return nil
	}
	// The library lists artifacts in the order of a map; one fault has one wording.
	before, rest, _ := strings.Cut(err.Error(), "s [")
	names, after, listed := strings.Cut(rest, "] disallowed by rule ")
	if !listed {
		return err
	}
	sorted := strings.Fields(names)
	slices.Sort(sorted)
	return fmt.Errorf("%ss [%s] disallowed by rule %s", before, strings.Join(sorted, " "), after)
}
