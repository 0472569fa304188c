package verify

import (
	"fmt"
	"slices"
	"time"

	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/policy"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/trust"
)

// checkSignature is the name of the check that there is anything by somebody whose word counts.
const checkSignature = "signature"

// judge holds what is decided so far over all images of one run.
type judge struct {
	options Options
	name    string // that every statement must have; from the options, else from the first statement that holds
	proofs  []provenance.Rebuild
	origins map[digest.Digest]Origin      // of each image whose provenance holds
	levels  map[digest.Digest]trust.Level // of the statement that was accepted for each image, where levels are known
	// makers and makerOwners are who signed provenance that holds, and who stands behind them.
	makers, makerOwners map[string]bool
	owners              []map[string]bool // of each image: who built it again
	platforms           []map[string]bool // of each image: who built it at all
	evidence            []Evidence
	judged              []judged       // what the facts are made of, where they are asked for
	blocks              []policy.Block // that no check says
	ends                []time.Time    // of what was relied on
	unheard             []Ignored      // verdicts that are handed on and do not hold here
	unheld              string         // what does not hold of those whose word counts; empty: all of it does
}

func newJudge(o Options) *judge {
	return &judge{options: o, name: o.ExpectName, levels: map[digest.Digest]trust.Level{}, makers: map[string]bool{}, makerOwners: map[string]bool{}}
}

// findings are the checks of one image in the order in which they are made.
type findings struct{ checks []Check }

func (f *findings) ok(name, who, format string, args ...any) {
	f.checks = append(f.checks, Check{Name: name, Status: StatusOK, Who: who, Detail: clip(fmt.Sprintf(format, args...))})
}

func (f *findings) fail(v Verdict, name, format string, args ...any) {
	f.checks = append(f.checks, Check{Name: name, Status: StatusFail, Reason: clip(fmt.Sprintf(format, args...)), verdict: v})
}

func (f *findings) skip(name, detail, reason string) {
	f.checks = append(f.checks, Check{Name: name, Status: StatusNotChecked, Detail: clip(detail), Reason: clip(reason)})
}

// block says of the last check that no rule of a policy can lift what it found.
func (f *findings) block() { f.checks[len(f.checks)-1].block = true }

func (f *findings) failed() bool {
	return len(f.checks) > 0 && f.checks[len(f.checks)-1].Status == StatusFail
}

// judge makes all checks of one image. A failure ends the line of checks that depend on it.
func (j *judge) judge(img image, e *evidence) Subject {
	s := Subject{Digest: img.desc.Digest, Platform: img.platform, Label: img.label}
	f := &findings{}
	// Nobody, until statements are counted: an image with nothing that counts was built again by none of those who built the others.
	j.owners, j.platforms = append(j.owners, nil), append(j.platforms, nil)
	if j.denied(f, img, e); f.failed() {
		s.Checks = f.checks
		return s
	}
	// Only now: an approval by somebody whose word is taken back must not have replaced a rejection.
	e.trusted = newest(e.trusted)
	if e.incomplete != "" {
		// What was not read could be a rebuild that failed, so what was read does not suffice, however good it is.
		f.fail(VerdictUndecided, "completeness", "%s", e.incomplete)
		f.block()
	}
	j.signature(f, e)
	if !f.failed() {
		j.origin(f, img, e)
		j.reproduced(f, img, e)
		j.rebuilders(f, img, e)
		sbom(f, img, e)
		times(f, e)
		j.steps(f, img, e)
	}
	j.list(img, e)
	j.remember(img, e)
	s.Checks = f.checks
	blameDenied(s.Checks, e)
	if e.incomplete != "" {
		undecide(s.Checks)
	}
	return s
}

// list adds what is signed by somebody whose word counts to the result, and what counts against the image only.
func (j *judge) list(img image, e *evidence) {
	all := e.trusted[:len(e.trusted):len(e.trusted)]
	for _, s := range slices.Concat(e.undated, e.unread) {
		if _, against := j.against(img, s); against {
			all = append(all, s)
		}
	}
	for _, s := range all {
		j.evidence = append(j.evidence, Evidence{
			Subject: img.desc.Digest, Referrer: s.referrer, Bundle: s.bundle, Statement: s.payload, PredicateType: clip(s.PredicateType), Signer: s.by.String(),
		})
	}
}

// times says since when the youngest statement is known to exist.
func times(f *findings, e *evidence) {
	var last time.Time
	for _, s := range e.trusted {
		if s.at.After(last) {
			last = s.at
		}
	}
	if last.IsZero() {
		f.skip("time", "", "a signature by a key carries no trusted time, so neither age nor expiry is known")
		return
	}
	f.ok("time", "", "the last of it was signed by %s, as a trusted party says", last.UTC().Format(time.RFC3339))
}

// undecide turns failures for want of evidence into undecided ones: what is missing may be among what was not read. A veto
// stands.
func undecide(checks []Check) {
	for i := range checks {
		if checks[i].Status == StatusFail && !checks[i].final {
			checks[i].verdict = VerdictUndecided
		}
	}
}

// signature: SLSA v1.2, "Verifying artifacts", step 1:
//
//	> 1. Verify the envelope's signature using the roots of trust, resulting in a list of recognized public keys (or
//	>    equivalent).
func (j *judge) signature(f *findings, e *evidence) {
	switch {
	case len(e.trusted) > 0:
		parties := map[trust.Party]bool{}
		for _, s := range e.trusted {
			parties[s.by] = true
		}
		f.ok(checkSignature, e.trusted[0].by.String(), "%d statement(s) signed by %d %s", len(e.trusted), len(parties), signers(parties))
	case e.bundles > 0:
		f.fail(VerdictInvalid, checkSignature, "%d bundle(s) attached, none of them a statement that holds for a key given", e.bundles)
	case len(e.ignored) > 0:
		f.fail(VerdictMissing, checkSignature, "%d thing(s) attached, none of them a bundle signed with a key", len(e.ignored))
	default:
		f.fail(VerdictMissing, checkSignature, "nothing is attached")
	}
}

// strength sums up the proofs of n images: reproduced only when each has one; the axes that all of them share; the weakest
// independence.
func (j *judge) strength(n int) (bool, []string, provenance.Independence) {
	axes := []string{}
	if n == 0 || len(j.proofs) != n {
		return false, axes, ""
	}
	count := map[string]int{}
	weakest := j.proofs[0].Independence
	for _, p := range j.proofs {
		for _, a := range p.Measured() {
			count[a]++
		}
		if degree(p.Independence) < degree(weakest) {
			weakest = p.Independence
		}
	}
	for _, a := range j.proofs[0].Measured() {
		if count[a] == n {
			axes = append(axes, a)
		}
	}
	return true, axes, weakest
}

func degree(i provenance.Independence) int {
	switch i {
	case provenance.OtherOwner:
		return 2
	case provenance.OtherHost:
		return 1
	default:
		return 0
	}
}

// about finds the one subject of s and says why it is not d. Our statements name exactly one: a statement that names many
// could be true of the others only.
func about(s statement, d digest.Digest) (provenance.Subject, error) {
	if len(s.Subject) != 1 {
		return provenance.Subject{}, fmt.Errorf("it names %d subjects, not one", len(s.Subject))
	}
	if got := s.Subject[0].SHA256(); got != d {
		return provenance.Subject{}, fmt.Errorf("it is about %s", got)
	}
	return s.Subject[0], nil
}
