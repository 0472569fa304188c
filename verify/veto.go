package verify

import (
	"fmt"
	"slices"
	"time"

	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/trust"
)

// veto is a statement that speaks against an image.
type veto struct {
	statement
	check, text string
	doubt       bool // it could be one: it cannot be read
}

// verdict is what an objection comes to.
func (v veto) verdict() Verdict {
	if v.doubt {
		return VerdictUndecided
	}
	return VerdictNotReproduced
}

// mayObject are the roles whose word against an image counts. Speaking against is allowed to more than speaking for: the worst
// that a wrong veto does is that an image is not used.
var mayObject = []trust.Role{trust.Finding, trust.Rebuilder, trust.Release, trust.Promoter, trust.Verifier}

// vetoes are the trusted statements against img that nothing overrules: rebuilds with another result, and failed verification
// summaries. What overrules one is a waiver, and for a summary also a newer one of the same signer, both times being trusted.
// A rebuild that differed stays: that it matched another time does not make it reproducible.
func (j *judge) vetoes(f *findings, img image, e *evidence) []veto {
	var out []veto
	for _, s := range slices.Concat(e.trusted, e.undated, e.unread) {
		v, against := j.against(img, s)
		if !against {
			continue
		}
		if w, signer, ok := j.waived(img, e, s); ok {
			j.ends = append(j.ends, w.Expires)
			f.ok("waiver", s.by.String(), "finding %s is overruled by %s (%s) until %s: %s", s.payload, w.Owner, signer.Name, w.Expires.UTC().Format(time.RFC3339), w.Reason)
			continue
		}
		out = append(out, v)
	}
	return out
}

// against says whether s speaks against img, or could: whatever else it says, however it names it, and whatever else it is about.
func (j *judge) against(img image, s statement) (veto, bool) {
	if s.unreadable != nil {
		return unreadableVeto(s, s.unreadable), true
	}
	if _, ok := s.may(mayObject...); !ok || !s.concerns(img) {
		return veto{}, false
	}
	result, against, err := s.Against()
	switch {
	case err != nil:
		return unreadableVeto(s, err), true
	case !against:
		return veto{}, false
	case s.PredicateType == provenance.PredicateRebuild:
		return veto{statement: s, check: "reproduced", text: fmt.Sprintf("a rebuild signed by %s differed: the result is %q (finding %s)", s.by, result, s.payload)}, true
	}
	verifier := "a verifier"
	if v, _ := s.VSA(); v.Verifier.ID != "" { // what else is wrong with it does not matter here
		verifier = v.Verifier.ID
	}
	return veto{statement: s, check: "summary", text: fmt.Sprintf("%s, signed by %s, found: %s (finding %s)", verifier, s.by, result, s.payload)}, true
}

func unreadableVeto(s statement, why error) veto {
	return veto{statement: s, check: "reproduced", doubt: true, text: fmt.Sprintf("what %s signed could speak against the image, and cannot be read: %v (finding %s)", s.by, why, s.payload)}
}

// concerns says whether one of the subjects is img, or a platform of it where img is an index. That is enough to object and not to approve
// (about): a statement that names many could be true of the others only, and then it is a waiver's business to say so.
func (s statement) concerns(img image) bool {
	for _, subject := range s.Subject {
		d := subject.SHA256()
		if d == img.desc.Digest || slices.ContainsFunc(img.children, func(c image) bool { return c.desc.Digest == d }) {
			return true
		}
	}
	return false
}

// replacedBy says whether a newer summary of the same signer takes the place of s. Both times must be trusted: where one is not, an
// older approval could be replayed as if it were newer (N13). And it must be newer by the signer's own word as well: anybody can
// have an old signature timestamped again, but nobody can change what is signed.
func replacedBy(s statement, all []statement) bool {
	if s.PredicateType != provenance.PredicateVSA || s.at.IsZero() {
		return false
	}
	for _, o := range all {
		if o.PredicateType == s.PredicateType && o.at.After(s.at) && claimed(o).After(claimed(s)) && sameSigner(o, s) && sameSubject(o, s) && policyOf(o) == policyOf(s) {
			return true
		}
	}
	return false
}

// policyOf is the policy of a verdict that is handed on; empty: it is a summary like others. One policy's verdict says nothing of another's,
// and takes the place of no summary: what somebody found stays found.
func policyOf(s statement) string {
	v, err := s.VSA()
	if err != nil || v.Verdict == nil {
		return ""
	}
	return v.Policy.Digest["sha256"]
}

// claimed is when a summary was made, as it says itself; zero where it cannot be read.
func claimed(s statement) time.Time {
	v, err := s.VSA()
	if err != nil {
		return time.Time{}
	}
	return v.TimeVerified
}

// sameSigner compares entries with their keys and rules: without a trust file all have one name.
func sameSigner(a, b statement) bool {
	for _, x := range a.who {
		for _, y := range b.who {
			if x.Name == y.Name && x.OwnedBy() == y.OwnedBy() && slices.Equal(x.Keys, y.Keys) && slices.Equal(x.Identities, y.Identities) {
				return true
			}
		}
	}
	return false
}

func sameSubject(a, b statement) bool {
	return len(a.Subject) == 1 && len(b.Subject) == 1 && a.Subject[0].SHA256() == b.Subject[0].SHA256() && a.name() == b.name()
}

// newest leaves out summaries that a newer one of the same signer has replaced, approvals and rejections alike: for each signer
// the newest by trusted time speaks, and a newer rejection wins over an older approval (N13).
func newest(all []statement) []statement {
	var out []statement
	for _, s := range all {
		if !replacedBy(s, all) {
			out = append(out, s)
		}
	}
	return out
}

// waived looks for a waiver of finding s: signed by somebody with that role, about this very image and statement, and not over.
func (j *judge) waived(img image, e *evidence, s statement) (provenance.Waiver, trust.Signer, bool) {
	for _, c := range e.trusted {
		if c.PredicateType != provenance.PredicateWaiver {
			continue
		}
		signer, may := c.may(trust.Waiver)
		subject, err := about(c, img.desc.Digest)
		w, unreadable := c.Waiver()
		switch {
		case !may, err != nil, unreadable != nil, w.Finding.SHA256() != s.payload:
			continue
		case j.name != "" && subject.Name != j.name:
			e.ignore(img, c.referrer, "a waiver for %q, not %q", subject.Name, j.name)
		case j.options.Now.IsZero() || !j.options.Now.Before(w.Expires):
			e.ignore(img, c.referrer, "a waiver that expired on %s", w.Expires.UTC().Format(time.RFC3339))
		default:
			return w, signer, true
		}
	}
	return provenance.Waiver{}, trust.Signer{}, false
}
