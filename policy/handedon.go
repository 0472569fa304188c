package policy

import (
	"fmt"
	"time"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// HandedOn is a verdict that another verifier reached and signed, of which everything was checked that does not depend on the policy:
// signature, role, image and name, that its deny list is no older than the one that is asked here, and that it rests on all that rules look at
// here.
type HandedOn struct {
	Signer   string    `json:"signer"`   // as Signature.Signer
	Verifier string    `json:"verifier"` // who it says looked, a URI
	Policy   string    `json:"policy"`   // sha256 of the policy's bytes, in hexadecimal
	Epoch    Epoch     `json:"epoch"`    // that it was reached under; the trust is the other verifier's
	Verified time.Time `json:"verified"` // when, by its own word
	NotAfter time.Time `json:"notAfter"` // its end
	// Statement is the sha256 of the signed bytes.
	Statement string `json:"statement"`
}

// MaxAhead is how far another verifier's clock may be ahead of ours.
const MaxAhead = 2 * time.Minute

// lacking are the conclusions of a verification (verify.Verdict) beside which a verdict may be taken over: nothing speaks against the image,
// and what there is does not prove enough. Of evidence that is "invalid" those alone are left in HandedOn that strangers' bundles made so.
var lacking = map[string]bool{"verified": true, "missing": true, "not-reproduced": true, "refused": true, "invalid": true}

// Accepting is v, which was reached over e, or v made an approval by a verdict in e that is handed on. That takes one of the very same policy
// that is not over. It stands in for rules that said no for want of evidence, and lifts nothing else: no block, no evidence that does not
// hold, nothing that could not be decided, no policy that is over or has no rule about the image.
func (v Verdict) Accepting(e *Evidence, now time.Time) Verdict {
	h := e.handedOn(v.By.SHA256, now)
	if v.Allow || h == nil || len(e.Blocks) > 0 || v.ExitCode != diag.ExitPolicy || !lacking[e.Summary.Verdict] {
		return v
	}
	rules, failed := make([]Outcome, len(v.Rules)), 0
	for i, o := range v.Rules {
		if o.Status == StatusFail || o.Status == StatusError {
			failed++
			o.Status = StatusHandedOn
			o.Reason = oneLine(fmt.Sprintf("passed at %s, handed on by %s until %s; here: %s", h.Verifier, h.Signer, h.NotAfter.UTC().Format(time.RFC3339), o.Reason))
		}
		rules[i] = o
	}
	if failed == 0 { // the policy is over, or says nothing of the image
		return v
	}
	v.Rules, v.Allow, v.Reasons, v.ExitCode, v.HandedOn = rules, true, []string{}, diag.ExitProven, h
	if v.NotAfter.IsZero() || h.NotAfter.Before(v.NotAfter) {
		v.NotAfter = h.NotAfter
	}
	return v
}

// handedOn is the verdict by a policy that lasts longest; nil: none counts now.
func (e *Evidence) handedOn(sha256 string, now time.Time) *HandedOn {
	var best *HandedOn
	for i := range e.HandedOn {
		h := &e.HandedOn[i]
		if sha256 == "" || h.Policy != sha256 || now.IsZero() || h.Verified.After(now.Add(MaxAhead)) || !now.Before(h.NotAfter) {
			continue
		}
		if best == nil || h.NotAfter.After(best.NotAfter) {
			best = h
		}
	}
	if best == nil {
		return nil
	}
	found := *best
	return &found
}
