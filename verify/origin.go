package verify

import (
	"strings"

	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/trust"
)

// origin checks where the image came from. When none of several signed provenance statements holds (the same bytes may have
// been built twice), the one that came furthest is shown, and the others are listed.
//
//	> If expectations are defined for a package but no provenance exists for the artifact, this MUST result in verification
//	> failure. Conversely, if multiple provenance attestations exist, the system SHOULD accept any combination that satisfies
//	> expectations.
func (j *judge) origin(f *findings, img image, e *evidence) {
	var best *findings
	var bestAt statement
	var says provenance.Provenance // what bestAt says
	kinds := map[string]bool{}
	for _, s := range e.trusted {
		kinds[s.PredicateType] = true
		if s.PredicateType != provenance.PredicateProvenance {
			if !known[s.PredicateType] {
				e.ignore(img, s.referrer, "signed, but of a kind that proves nothing here: %s", s.PredicateType)
			}
			continue
		}
		if _, ok := s.may(trust.Release); !ok {
			e.ignore(img, s.referrer, "signed by %s, who may not say where an image came from (role %s)", s.by, trust.Release)
			continue
		}
		g, p := j.originOf(img, s)
		if j.options.Facts && (!g.failed() || j.foreign(s, g)) {
			e.held = append(e.held, s)
		}
		switch {
		case best == nil:
		case best.failed() && (!g.failed() || len(g.checks) > len(best.checks)):
			e.ignore(img, bestAt.referrer, "signed provenance that does not hold: %s", best.last())
		default:
			if g.failed() {
				e.ignore(img, s.referrer, "signed provenance that does not hold: %s", g.last())
			}
			continue
		}
		best, bestAt, says = g, s, p
	}
	if best == nil {
		f.fail(VerdictMissing, "predicate type", "no signed statement says where the image came from; signed are: %s", list(kinds))
		return
	}
	f.checks = append(f.checks, best.checks...)
	if !best.failed() {
		j.accept(bestAt)
		j.keep(img, bestAt, says)
	}
}

// accept remembers whose word it is that the image came from there: the name that the rest has to agree with, and who made it.
func (j *judge) accept(s statement) {
	j.name = s.name()
	j.makers[s.by.String()] = true
	for _, w := range s.who {
		if w.May(trust.Release) {
			j.makerOwners[w.OwnedBy()] = true
		}
	}
}

// originOf goes on with step 1 and then step 2 of SLSA v1.2, "Verifying artifacts". What the statement says counts when nothing failed.
func (j *judge) originOf(img image, s statement) (*findings, provenance.Provenance) {
	f := &findings{}
	// > 2. Verify that statement's `subject` matches the digest of the artifact in question.
	if _, err := about(s, img.desc.Digest); err != nil {
		f.fail(VerdictInvalid, "subject", "%v", err)
		return f, provenance.Provenance{}
	}
	f.ok("subject", "", "%s", img.desc.Digest)
	// > 3. Verify that the `predicateType` is `https://slsa.dev/provenance/v1`.
	f.ok("predicate type", "", "%s", s.PredicateType)
	p, err := s.Provenance()
	if err != nil {
		f.fail(VerdictInvalid, "provenance", "%v", err)
		return f, p
	}
	steps := []func(*findings, image, statement, provenance.Provenance){
		j.checkName, j.checkBuilder, j.checkLevel, j.checkBuildType, j.checkParameters, j.checkSource, j.checkPlatforms,
	}
	for _, step := range steps {
		if step(f, img, s, p); f.failed() {
			return f, p
		}
	}
	return f, p
}

func list(kinds map[string]bool) string { return strings.Join(sortedKeys(kinds), ", ") }

func (f *findings) last() string {
	c := f.checks[len(f.checks)-1]
	return c.Name + ": " + c.Reason
}
