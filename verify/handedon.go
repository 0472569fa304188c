package verify

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/selfsame-build/selfsame/policy"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/trust"
)

// verdict is the summary that a statement is, where that is a verdict to be handed on.
func (s statement) verdict() (provenance.VSA, bool) {
	v, err := s.VSA()
	return v, err == nil && v.Verdict != nil
}

// verdicts takes up all that are handed on, once the facts are known that rules look at here.
func (j *judge) verdicts(e *policy.Evidence) {
	here := j.looked(e)
	for _, x := range j.judged {
		for _, s := range x.trusted {
			if v, ok := s.verdict(); ok {
				j.handed(e, x, s, v, here)
			}
		}
	}
	e.HandedOn = lasting(e.HandedOn)
}

// handed takes up a verdict that is handed on, if it holds for the image that was asked for. here is what rules look at. Whether it is by the policy that decides here,
// and how long it counts, is for who decides to ask: policy.Verdict.Accepting. It is no evidence that rules see.
func (j *judge) handed(e *policy.Evidence, x judged, s statement, v provenance.VSA, here []statement) {
	as, ok := s.may(trust.Verifier)
	err := errors.New("its signer has not the role " + string(trust.Verifier))
	if ok {
		err = j.handedOn(x, s, as, v)
	}
	if err == nil {
		err = unseen(here, v)
	}
	if err != nil {
		j.unheard = append(j.unheard, Ignored{Subject: x.img.desc.Digest, Referrer: s.referrer, Reason: clip(fmt.Sprintf("a verdict that is handed on, signed by %s: %v", s.by, err))})
		return
	}
	h := policy.HandedOn{
		Signer: j.signerName(as, s.by), Verifier: v.Verifier.ID, Policy: v.Policy.Digest["sha256"], Epoch: policy.Epoch{Trust: v.Verdict.Trust},
		Verified: v.TimeVerified.UTC(), NotAfter: v.Verdict.NotAfter.UTC(), Statement: s.payload.Encoded(),
	}
	if l := v.Verdict.DenyList; l != nil {
		h.Epoch.Deny = l.Sequence
	}
	for _, w := range s.who { // the signer's own end is the verdict's, too
		if w.May(trust.Verifier) && !w.Until.IsZero() && w.Until.Before(h.NotAfter) {
			h.NotAfter = w.Until.UTC()
		}
	}
	e.HandedOn = append(e.HandedOn, h)
}

// handedOn says why a verdict does not hold here; nil: it does. These are SLSA v1.2's checks of a summary, "How to verify", 3 to 7, and ours
// of when and under which deny list.
func (j *judge) handedOn(x judged, s statement, as trust.Signer, v provenance.VSA) error {
	o := j.options
	subject, err := about(s, o.Digest)
	switch {
	case x.img.desc.Digest != o.Digest:
		return errors.New("it is not attached to what was asked for")
	case err != nil:
		return err
	case subject.Name != j.name:
		return fmt.Errorf("it is about the name %q", subject.Name)
	case !slices.Contains(verifiersOf(as), v.Verifier.ID):
		// > Consumers MUST accept only specific (signer, verifier) pairs.
		return fmt.Errorf("its signer does not speak as the verifier %q, but as %s", v.Verifier.ID, strings.Join(verifiersOf(as), " or "))
	}
	if err := v.Passes(v.Verifier.ID, j.name+"@"+o.Digest.String(), ""); err != nil {
		return err
	}
	if result, against, err := s.Against(); err != nil || against {
		return fmt.Errorf("it speaks against the image: %s", result)
	}
	if j.unheld != "" {
		return fmt.Errorf("other evidence of the image does not hold: %s", j.unheld)
	}
	return timely(s, v, o)
}

// unheld is a check that found evidence by somebody whose word counts, and that it does not hold: no other verifier's word outweighs that. What
// strangers attach, who may be known elsewhere, is none.
func (r *Result) unheld() string {
	for _, s := range r.Subjects {
		for _, c := range s.Checks {
			if c.Status == StatusFail && c.verdict == VerdictInvalid && c.Name != checkSignature {
				return c.Name + ": " + c.Reason
			}
		}
	}
	return ""
}

// maxHandedOn bounds the verdicts about one image.
const maxHandedOn = 64

// lasting keeps of each policy the verdict that lasts longest, which is the one that counts, and then, as far as there is room, of each
// verifier and epoch: whoever hands verdicts on looks for its own (Standing), also where another's lasts longer.
func lasting(all []policy.HandedOn) []policy.HandedOn {
	slices.SortFunc(all, func(a, b policy.HandedOn) int {
		return cmp.Or(b.NotAfter.Compare(a.NotAfter), cmp.Compare(a.Statement, b.Statement), cmp.Compare(a.Signer, b.Signer))
	})
	type saying struct {
		policy, signer, verifier string
		epoch                    policy.Epoch
	}
	policies, said := map[string]bool{}, map[saying]bool{}
	var out, more []policy.HandedOn
	for _, h := range all {
		s := saying{h.Policy, h.Signer, h.Verifier, h.Epoch}
		switch {
		case !policies[h.Policy]:
			out = append(out, h)
		case !said[s]:
			more = append(more, h)
		}
		policies[h.Policy], said[s] = true, true
	}
	out = append(out, more...)
	return out[:min(len(out), maxHandedOn)]
}

// verifiersOf are the verifier.id values that a signer may claim.
func verifiersOf(s trust.Signer) []string {
	if s.Verifiers != nil {
		return s.Verifiers
	}
	return []string{provenance.VerifierID}
}

// timely says why a verdict does not count at this time and under this deny list. Where somebody trusted says when it was signed, that lies
// within its life: an old verdict that is signed anew, or one made ahead, is none.
func timely(s statement, v provenance.VSA, o Options) error {
	d := v.Verdict
	switch at := s.at; {
	case o.Now.IsZero(), !o.Now.Before(d.NotAfter):
		return fmt.Errorf("it counted until %s", d.NotAfter.UTC().Format(time.RFC3339))
	case v.TimeVerified.After(o.Now.Add(policy.MaxAhead)):
		return fmt.Errorf("it was reached at %s, which is ahead", v.TimeVerified.UTC().Format(time.RFC3339))
	case !at.IsZero() && (at.Before(v.TimeVerified.Add(-policy.MaxAhead)) || !at.Before(d.NotAfter)):
		return fmt.Errorf("it was signed at %s, and says %s", at.UTC().Format(time.RFC3339), v.TimeVerified.UTC().Format(time.RFC3339))
	case o.Deny == nil:
		return nil
	case d.DenyList == nil || d.DenyList.Name != o.Deny.Name:
		return fmt.Errorf("it was reached without the deny list %s", o.Deny.Name)
	case d.DenyList.Sequence < o.Deny.Sequence:
		return fmt.Errorf("it was reached under number %d of the deny list, and %d is in force", d.DenyList.Sequence, o.Deny.Sequence)
	}
	return nil
}
