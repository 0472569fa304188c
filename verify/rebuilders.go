package verify

import (
	"slices"
	"sort"
	"strings"

	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/trust"
)

// tally is who built an image again with the same result. Owners are counted, whatever they have of keys, builders and
// statements: the same statement twice, signed again, or by two keys of one owner is one owner's word (CVE-2026-49834).
type tally struct {
	owners, environments, refetched map[string]bool
}

// rebuilders checks the demand of k of n.
func (j *judge) rebuilders(f *findings, img image, e *evidence) {
	t := j.count(img, e)
	j.owners[len(j.owners)-1], j.platforms[len(j.platforms)-1] = t.owners, j.builtBy(t.owners)
	d := j.options.Demand
	if d == (trust.Demand{}) {
		return
	}
	have := sortedKeys(t.owners)
	names := strings.Join(have, ", ")
	switch {
	case len(have) < max(d.Owners, 1):
		f.fail(VerdictRefused, "rebuilders", "%d of %d owners built it again with the same result%s", len(have), max(d.Owners, 1), afterColon(names))
	case len(t.environments) < d.Environments:
		f.fail(VerdictRefused, "rebuilders", "%d of %d classes of environments among %s%s", len(t.environments), d.Environments, names, afterColon(strings.Join(sortedKeys(t.environments), ", ")))
	case len(t.refetched) < d.Refetched:
		f.fail(VerdictRefused, "rebuilders", "%d of %d owners among %s fetched the inputs anew%s", len(t.refetched), d.Refetched, names, afterColon(strings.Join(sortedKeys(t.refetched), ", ")))
	default:
		f.ok("rebuilders", names, "%d of %d owners, %d classes of environments, %d fetched the inputs anew",
			len(have), max(d.Owners, 1), len(t.environments), len(t.refetched))
	}
}

// builtBy are the owners who built the image again, and one of those who made it: its provenance is theirs.
func (j *judge) builtBy(owners map[string]bool) map[string]bool {
	all := map[string]bool{}
	for o := range owners {
		all[o] = true
	}
	if makers := sortedKeys(j.makerOwners); len(makers) > 0 {
		all[makers[0]] = true
	}
	return all
}

func afterColon(names string) string {
	if names == "" {
		return ""
	}
	return ": " + names
}

// count takes every rebuild statement that holds, and asks whose it is. A party, which is a key or an identity, counts for one owner and no
// more, whatever entries it stands under.
func (j *judge) count(img image, e *evidence) tally {
	t := tally{map[string]bool{}, map[string]bool{}, map[string]bool{}}
	ownerOf := map[trust.Party]string{}
	for _, s := range e.trusted {
		if s.PredicateType != provenance.PredicateRebuild {
			continue
		}
		for _, w := range j.countable(s) {
			owner := j.ownerOf(s, w)
			if before, counted := ownerOf[s.by]; counted && before != owner {
				continue
			}
			r, err := j.rebuildOf(img, s, w)
			if err != nil {
				continue
			}
			ownerOf[s.by], t.owners[owner] = owner, true
			if w.Environment != "" {
				t.environments[w.Environment] = true
			}
			if r.Inputs == provenance.InputsRefetched { // a rebuild from a poisoned recording matches, too
				t.refetched[owner] = true
			}
		}
	}
	return t
}

// countable are the entries for which statement s counts: owners of the roster (without one, rebuilders of the trust file that have an
// owner), unless the signer is the one that made the image; or that one, where it is to be counted. Under whatever other entry the maker
// stands, it stays the maker.
func (j *judge) countable(s statement) []trust.Signer {
	who, roles := s.who, []trust.Role{trust.Rebuilder}
	original := slices.ContainsFunc(s.who, func(w trust.Signer) bool { return j.isOriginal(s, w) })
	switch {
	case original && !j.options.Demand.IncludeOriginal:
		return nil
	case original:
		roles = append(roles, trust.Release)
	case j.options.Roster != nil:
		who = s.owners
	}
	var out []trust.Signer
	for _, w := range who {
		if w.May(roles...) && (j.isOriginal(s, w) || !original && w.Owner != "") {
			out = append(out, w)
		}
	}
	return out
}

// ownerOf is by whom a statement is counted: who made the image counts as one, under whatever name a roster has his key.
func (j *judge) ownerOf(s statement, w trust.Signer) string {
	if makers := sortedKeys(j.makerOwners); j.isOriginal(s, w) && len(makers) > 0 {
		return makers[0]
	}
	return w.OwnedBy()
}

// isOriginal: the party that signed the provenance, and whoever has the same owner, are one, and it is the one that made it.
func (j *judge) isOriginal(s statement, w trust.Signer) bool {
	return j.makers[s.by.String()] || j.makerOwners[w.OwnedBy()]
}

// together is who built every image of a run again.
func together(all []map[string]bool) []string {
	out := []string{}
	if len(all) == 0 {
		return out
	}
	for name := range all[0] {
		everywhere := true
		for _, m := range all[1:] {
			everywhere = everywhere && m[name]
		}
		if everywhere {
			out = append(out, name)
		}
	}
	sort.Strings(out)
	return out
}
