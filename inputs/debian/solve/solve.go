package solve

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/selfsame-build/selfsame/inputs/debian/archive"
	"github.com/selfsame-build/selfsame/inputs/debian/control"
)

// Wish is what the set must hold besides the essential packages.
type Wish struct {
	// Always are names that the base itself needs, Requested those that the user asked for.
	Always, Requested []string
	// Prefer are names taken before other alternatives of the same dependency.
	Prefer []string
}

// Choice is one chosen package.
type Choice struct {
	archive.Package
	Origin int
	// Why is "essential", "always", "requested", or the name of the first package that needed it.
	Why string
}

// maxRuns bounds the search. A base without conflicts takes one run; each conflict costs at least one more.
const maxRuns = 500

// Solve closes the wish over Pre-Depends and Depends, Recommends never. For each dependency that nothing chosen fulfils it
// takes the first alternative that exists, in its newest version, else the provider of the highest Priority, by name; one that
// conflicts with what was chosen is passed over. Where that ends in a conflict, one of the packages at fault is ruled out
// and the search starts again. Errors are *UnknownPackageError and *UnsatisfiableError, or of a malformed field.
// Choices are sorted by name.
func (u *Universe) Solve(w Wish) ([]Choice, error) {
	u.sort()
	for _, name := range slices.Concat(w.Always, w.Requested) {
		if len(u.byName[name]) == 0 {
			return nil, u.unknown(name)
		}
	}
	runs := 0
	r, err := u.search(w, map[*candidate]bool{}, &runs)
	if err != nil {
		return nil, err
	}
	var all []Choice
	for _, c := range r.order {
		all = append(all, Choice{c.Package, c.origin, r.why[c]})
	}
	slices.SortFunc(all, func(a, b Choice) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// search tries one run; after a conflict it rules out each package at fault in turn. The first conflict met is the one
// reported, because it is the one that a reader can follow.
func (u *Universe) search(w Wish, banned map[*candidate]bool, runs *int) (*run, error) {
	if *runs++; *runs > maxRuns {
		return nil, errBudget
	}
	r := &run{u: u, banned: banned, prefer: w.Prefer, chosen: map[string]*candidate{}, why: map[*candidate]string{}, parent: map[*candidate]*candidate{}}
	err := r.close(w)
	var c *conflict
	if !errors.As(err, &c) {
		return r, err
	}
	for _, b := range c.blame {
		banned[b] = true
		next, err := u.search(w, banned, runs)
		delete(banned, b)
		if err == nil {
			return next, nil
		}
		if errors.Is(err, errBudget) {
			break
		}
	}
	return nil, c.err
}

var errBudget = errors.New("too many conflicts")

// conflict ends a run: ruling out one of blame may help.
type conflict struct {
	blame []*candidate
	err   error
}

func (c *conflict) Error() string { return c.err.Error() }

// run is one greedy attempt.
type run struct {
	u      *Universe
	banned map[*candidate]bool
	prefer []string
	chosen map[string]*candidate
	order  []*candidate // in the order of choosing; also the queue
	why    map[*candidate]string
	parent map[*candidate]*candidate // who needed it first; nil for what was wished
}

// close chooses the wish, then follows every dependency.
func (r *run) close(w Wish) error {
	var essential []string
	for name, versions := range r.u.byName {
		if versions[0].Essential {
			essential = append(essential, name)
		}
	}
	slices.Sort(essential)
	for _, seeds := range []struct {
		names []string
		why   string
	}{{essential, "essential"}, {sorted(w.Requested), "requested"}, {sorted(w.Always), "always"}} {
		for _, name := range seeds.names {
			if err := r.seed(name, seeds.why); err != nil {
				return err
			}
		}
	}
	for i := 0; i < len(r.order); i++ { // order grows meanwhile
		c := r.order[i]
		for _, group := range c.depends {
			if err := r.fulfil(c, group); err != nil {
				return err
			}
		}
	}
	return nil
}

func sorted(l []string) []string { return slices.Sorted(slices.Values(l)) }

// seed chooses the newest version of a name that is not ruled out.
func (r *run) seed(name, why string) error {
	if r.chosen[name] != nil {
		return nil
	}
	var blocked []*candidate
	for _, c := range r.u.byName[name] {
		if r.banned[c] {
			continue
		}
		foes, err := r.foes(c)
		if err != nil {
			return err
		}
		if len(foes) == 0 {
			return r.choose(c, nil, why)
		}
		blocked = append(blocked, foes...)
	}
	return &conflict{blame: blame(blocked, nil), err: &UnsatisfiableError{Package: "the recipe", Relation: name, Reason: reason(blocked)}}
}

// choose takes c into the set.
func (r *run) choose(c, parent *candidate, why string) error {
	if err := c.relations(); err != nil {
		return err
	}
	r.chosen[c.Name], r.why[c], r.parent[c] = c, why, parent
	r.order = append(r.order, c)
	return nil
}

// fulfil makes sure that one alternative of group holds.
func (r *run) fulfil(by *candidate, group []control.Relation) error {
	for _, rel := range group {
		if r.holds(rel) {
			return nil
		}
	}
	var blocked []*candidate
	for _, c := range r.candidates(group) {
		foes, err := r.foes(c)
		if err != nil {
			return err
		}
		if len(foes) == 0 {
			return r.choose(c, by, by.Name)
		}
		blocked = append(blocked, foes...)
	}
	return &conflict{blame: blame(blocked, by), err: &UnsatisfiableError{
		Package: by.Name, Relation: text(group), Chain: r.chain(by), Reason: reason(blocked),
	}}
}

// holds says whether something chosen fulfils rel.
func (r *run) holds(rel control.Relation) bool {
	if c := r.chosen[rel.Name]; c != nil && r.u.matches(rel, c) {
		return true
	}
	return slices.ContainsFunc(r.u.providers[rel.Name], func(p provider) bool {
		return r.chosen[p.by.Name] == p.by && r.u.matches(rel, p.by)
	})
}

// candidates are the packages that could fulfil group, in the order of liking: the real packages named, preferred ones
// first, then the providers.
func (r *run) candidates(group []control.Relation) []*candidate {
	liked := slices.Clone(group)
	slices.SortStableFunc(liked, func(a, b control.Relation) int {
		return r.dislike(a.Name) - r.dislike(b.Name)
	})
	var all []*candidate
	add := func(c *candidate, rel control.Relation) {
		if !r.banned[c] && r.u.matches(rel, c) && !slices.Contains(all, c) {
			all = append(all, c)
		}
	}
	for _, rel := range liked {
		for _, c := range r.u.byName[rel.Name] {
			add(c, rel)
		}
	}
	for _, rel := range liked {
		for _, p := range r.u.providers[rel.Name] {
			add(p.by, rel)
		}
	}
	return all
}

func (r *run) dislike(name string) int {
	if slices.Contains(r.prefer, name) {
		return 0
	}
	return 1
}

// foes are the chosen packages that cannot stand beside c: another version of it, and those that conflict with it or that
// it conflicts with (Conflicts and Breaks alike; both forbid being configured together).
func (r *run) foes(c *candidate) ([]*candidate, error) {
	if err := c.relations(); err != nil {
		return nil, err
	}
	var foes []*candidate
	for _, q := range r.order {
		if q.Name == c.Name || r.against(c, q) || r.against(q, c) {
			foes = append(foes, q)
		}
	}
	return foes, nil
}

// against says whether a's Conflicts or Breaks name b.
func (r *run) against(a, b *candidate) bool {
	return slices.ContainsFunc(a.conflicts, func(rel control.Relation) bool { return r.u.matches(rel, b) })
}

// blame is whom to rule out, one at a time: what was chosen last first, at the end the package whose wish failed.
func blame(blocked []*candidate, by *candidate) []*candidate {
	var all []*candidate
	for _, c := range slices.Backward(blocked) {
		if !slices.Contains(all, c) {
			all = append(all, c)
		}
	}
	if by != nil && !slices.Contains(all, by) {
		all = append(all, by)
	}
	return all
}

func reason(blocked []*candidate) string {
	if len(blocked) == 0 {
		return "no version of it can be installed"
	}
	var names []string
	for _, c := range blocked {
		if s := c.Name + " " + c.Version; !slices.Contains(names, s) {
			names = append(names, s)
		}
	}
	return "that cannot be installed beside " + strings.Join(names[:min(5, len(names))], ", ")
}

func text(group []control.Relation) string {
	var l []string
	for _, r := range group {
		l = append(l, r.String())
	}
	return fmt.Sprintf("%q", strings.Join(l, " | "))
}

// chain leads from a wish to c.
func (r *run) chain(c *candidate) []string {
	var names []string
	for ; c != nil; c = r.parent[c] {
		names = append(names, c.Name)
	}
	slices.Reverse(names)
	return names
}
