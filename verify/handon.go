package verify

import (
	"net/url"
	"strconv"
	"time"

	"github.com/selfsame-build/selfsame/policy"
	"github.com/selfsame-build/selfsame/provenance"
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

// Standing is a verdict that is attached already and says what made does, which HandOn made: of the same policy and verifier, under the same
// trust and deny list, by a signer of whom ours says that he is the one who would sign. It must count for more than two thirds of the time
// that made has left, so that whoever hands verdicts on by a timer leaves no gap where he adds none; false: there is none.
func (r Result) Standing(made provenance.Subjected, epoch policy.Epoch, ours func(signer string) bool) (policy.HandedOn, bool) {
	s, err := provenance.Parse(made.Payload)
	if err != nil || r.facts == nil {
		return policy.HandedOn{}, false
	}
	v, err := s.VSA()
	if err != nil || v.Verdict == nil {
		return policy.HandedOn{}, false
	}
	life := v.Verdict.NotAfter.Sub(v.TimeVerified)
	for _, h := range r.facts.HandedOn {
		same := h.Policy == v.Policy.Digest["sha256"] && h.Verifier == v.Verifier.ID && h.Epoch == epoch && ours(h.Signer)
		if same && 3*h.NotAfter.Sub(v.TimeVerified) > 2*life {
			return h, true
		}
	}
	return policy.HandedOn{}, false
}
