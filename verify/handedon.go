package verify

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/selfsame-build/selfsame/policy"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/trust"
)

// HandOn makes a verdict that gates may take over, of a result that a policy allowed (Judge): a SLSA verification summary with its end. It
// lasts for life, and no longer than the first thing that it rests on. epoch is under which trust it was reached. A verdict that was itself
// taken over is not handed on: nobody could say any more who looked.
func (r Result) HandOn(s Summary, epoch policy.Epoch, life time.Duration) (provenance.Subjected, error) {
	v := r.Policy
	switch {
	case v == nil:
		return provenance.Subjected{}, r.noSummary("no policy decided, and a verdict is by one")
	case !v.Allow || r.Verdict != VerdictVerified && r.Verdict != VerdictAllowed || r.Name == "":
		return provenance.Subjected{}, r.noSummary("the verdict is %s, and only an approval is handed on", r.Verdict)
	case v.HandedOn != nil:
		return provenance.Subjected{}, r.noSummary("the verdict is that of %s, who handed it on", v.HandedOn.Signer)
	}
	verified := s.Time.UTC().Truncate(time.Second)
	end := verified.Add(life)
	if !v.NotAfter.IsZero() && v.NotAfter.Before(end) {
		end = v.NotAfter.UTC().Truncate(time.Second)
	}
	level := provenance.BuildLevel(0) // allowed for reasons of the policy's own
	if r.Verdict == VerdictVerified {
		level = provenance.BuildLevel(max(r.Level, 1))
	}
	out := provenance.VSA{
		Verifier:     provenance.Verifier{ID: s.Verifier, Version: map[string]string{"selfsame": s.Version}},
		TimeVerified: verified, ResourceURI: r.Name + "@" + r.Digest.String(), Policy: r.ruledBy(s),
		VerificationResult: provenance.VSAPassed, VerifiedLevels: []string{level}, SLSAVersion: "1.2", InputAttestations: r.inputs(),
		Verdict: &provenance.Verdict{NotAfter: end, Trust: epoch.Trust, Policy: v.By.Name, PolicyVersion: v.By.Version},
	}
	for _, l := range r.Lists {
		if l.Kind == checkDenyList {
			out.Verdict.DenyList = &provenance.VerdictList{Name: l.Name, Sequence: l.Sequence}
		}
	}
	made, err := provenance.VSAStatement(r.Name, r.subject, out)
	if err != nil {
		return made, r.noSummary("%v", err)
	}
	return made, nil
}

// ruledBy names the policy by the digest of its bytes, and in the URI's query what else was asked.
func (r Result) ruledBy(s Summary) provenance.Reference {
	p := provenance.Reference{URI: s.PolicyURI, Digest: map[string]string{"sha256": r.Policy.By.SHA256}}
	if p.URI == "" {
		q, _ := url.ParseQuery(r.asked) // of our own making
		q.Del("policy")
		q.Set("name", r.Policy.By.Name)
		q.Set("version", strconv.Itoa(r.Policy.By.Version))
		if r.policySHA256 != "" {
			q.Set("trust", "sha256:"+r.policySHA256)
		}
		p.URI = "https://selfsame.build/policy/rules/v1?" + q.Encode()
	}
	return p
}

// handed takes up a verdict that is handed on, if it holds for the image that was asked for. Whether it is by the policy that decides here,
// and how long it counts, is for who decides to ask: policy.Verdict.Accepting. It is no evidence that rules see.
func (j *judge) handed(e *policy.Evidence, x judged, s statement, v provenance.VSA) {
	as, ok := s.may(trust.Verifier)
	err := errors.New("its signer has not the role " + string(trust.Verifier))
	if ok {
		err = j.handedOn(x, s, as, v)
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

// maxHandedOn bounds the verdicts about one image, of as many policies.
const maxHandedOn = 64

// lasting keeps of each policy the verdict that lasts longest, and of too many policies those.
func lasting(all []policy.HandedOn) []policy.HandedOn {
	slices.SortFunc(all, func(a, b policy.HandedOn) int {
		return cmp.Or(b.NotAfter.Compare(a.NotAfter), cmp.Compare(a.Statement, b.Statement), cmp.Compare(a.Signer, b.Signer))
	})
	var out []policy.HandedOn
	for _, h := range all {
		if len(out) < maxHandedOn && !slices.ContainsFunc(out, func(o policy.HandedOn) bool { return o.Policy == h.Policy }) {
			out = append(out, h)
		}
	}
	return out
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

// inputs are all statements that counted.
//
//	> If non-empty, this field MUST contain information on all the attestations used to perform verification.
func (r Result) inputs() []provenance.Reference {
	var out []provenance.Reference
	for _, e := range r.Evidence {
		out = append(out, provenance.SHA256Reference(r.Name+"@"+e.Referrer.String(), e.Bundle))
	}
	return out
}
