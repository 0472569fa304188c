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
