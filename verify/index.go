package verify

import (
	"context"
	"fmt"

	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/freshness"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/registry/artifact"
)

// checkIndex is the name of the check that notices what was deleted.
const checkIndex = "release index"

// IndexOptions demands a release index.
type IndexOptions struct {
	// Source is where the index is; nil: beside the image.
	Source artifact.Source
	// Demand says who signs it, and how new it must be.
	Demand freshness.Demand
}

// OwnerIndex demands the release index of an owner of the roster, which lies in a repository of that owner's: whoever owns the image's
// repository can delete a finding there, and not from here.
type OwnerIndex struct {
	Owner string
	IndexOptions
}

// Present are the bundles that could be read, by the manifest that they are attached to.
type Present map[digest.Digest]map[digest.Digest]bool

// seenEvidence is what one run has seen of all its images.
type seenEvidence struct {
	present    Present
	incomplete string
}

func (s *seenEvidence) add(img image, e evidence) {
	s.present[img.desc.Digest] = e.present
	if e.incomplete != "" {
		s.incomplete = e.incomplete
	}
}

// index makes the checks of release indexes, once for the image that was asked for.
func (j *judge) index(ctx context.Context, res *Result, seen seenEvidence) {
	o := j.options
	if len(res.Subjects) == 0 {
		return
	}
	for _, x := range o.OwnerIndexes {
		q := freshness.IndexQuestion{Source: x.Source, Image: o.Digest, Name: o.ExpectName, Owner: x.Owner, Budget: o.Budget.Listing}
		res.indexed(ctx, checkIndex+" of "+x.Owner, q, x.Demand, seen, o.Deny)
	}
	if o.Index == nil {
		return
	}
	q := freshness.IndexQuestion{Source: o.Index.Source, Image: o.Digest, Name: o.ExpectName, Budget: o.Budget.Listing}
	if q.Source == nil {
		q.Source = o.Source
	} else {
		q.Owner = q.Source.Name() // a series of its own
	}
	res.indexed(ctx, checkIndex, q, o.notReleasing(o.Index.Demand), seen, o.Deny)
}

// indexed adds one such check. Whom the deny list names signs no index: who stole an indexer's key and deletes a finding would leave it out.
func (r *Result) indexed(ctx context.Context, name string, q freshness.IndexQuestion, d freshness.Demand, seen seenEvidence, deny *freshness.DenyList) {
	denied := ""
	check, list, err := checkIndexOf(ctx, name, q, notDenied(d, deny, &denied), seen.present)
	if check.Status == StatusFail && denied != "" {
		check.Reason = clip("one is denied, " + denied + "; " + check.Reason)
	}
	if unreachable(err) {
		r.unanswered = err
	}
	if check.Status == StatusFail && seen.incomplete != "" && !check.final {
		check.verdict = VerdictUndecided
	}
	r.Subjects[0].Checks = append(r.Subjects[0].Checks, check)
	if list != nil {
		r.Lists = append(r.Lists, *list)
	}
}

// unreachable says whether an index could not be asked for, rather than that it does not count (A0560) or cannot be remembered (A0562).
func unreachable(err error) bool {
	for _, d := range diag.All(err) {
		if d.Code == "A0560" || d.Code == "A0562" {
			return false
		}
	}
	return err != nil && (len(diag.All(err)) == 0 || diag.ExitCode(err) == diag.ExitUndecided)
}

// checkIndexOf finds the release index that q asks for and demands every statement that it lists among present. name is that of the check,
// as in "release index of acme": a roster's owners are asked one by one, each with its own repository as the source, so that a registry cannot
// hide what an owner has said. The check fails as missing (exit 16) where the index or a listed statement is not there, and as undecided (17)
// where the index has ended, is older than what was seen or cannot be read. It never fails as invalid (15): an index that does not hold is
// anybody's, and is passed over. The list is nil where there is no index that counts, and the error says why there is none.
func checkIndexOf(ctx context.Context, name string, q freshness.IndexQuestion, d freshness.Demand, present Present) (Check, *List, error) {
	f := &findings{}
	x, err := freshness.OpenIndex(ctx, q, d)
	if err != nil {
		v := VerdictUndecided
		if diag.ExitCode(err) == diag.ExitMissing {
			v = VerdictMissing
		}
		f.fail(v, name, "%v", err)
		f.checks[0].final = v == VerdictUndecided
		f.block()
		return f.checks[0], nil, err
	}
	list := listOf(checkIndex, x.Name, x.Edition)
	if gone := x.Gone(present); len(gone) > 0 {
		f.fail(VerdictMissing, name, "%d of %d statement(s) that it lists are gone, first %s about %s (%s); %s",
			len(gone), len(x.Statements), gone[0].Bundle, gone[0].Subject, gone[0].PredicateType, x.Edition)
		f.block()
		return f.checks[0], &list, nil
	}
	f.ok(name, x.By.String(), "%s", fmt.Sprintf("all %d statement(s) that it lists are there; %s", len(x.Statements), x.Edition))
	return f.checks[0], &list, nil
}
