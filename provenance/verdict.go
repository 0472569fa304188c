package provenance

import (
	"errors"
	"fmt"
	"time"

	"github.com/selfsame-build/selfsame/internal/lazyregexp"
)

// VerifierID is selfsame as a verifier, where nobody gives it a name of its own.
const VerifierID = "https://selfsame.build/verifier/v1"

// MaxVerdict bounds the life of a verdict that is handed on: whoever takes it does not look at the evidence, so it must be reached anew now
// and then.
const MaxVerdict = 24 * time.Hour

// Verdict is what makes a verification summary a verdict that a gate may take over: until when it counts, and under what it was reached. It
// is a field of the predicate under the name https://selfsame.build/verdict/v0.1: a URI, so that it collides with nobody's. Who does not know
// it ignores it, as SLSA demands, and reads the summary without.
//
//	> Producers MAY add extension fields using field names that are URIs. (SLSA, verification summary, parsing rules)
type Verdict struct {
	// NotAfter is its end: no later than that of anything that it rests on.
	NotAfter time.Time `json:"notAfter"`
	// Trust is the trust epoch, sha256 in hexadecimal: trust file, roster, and the keys and roots that they name.
	Trust string `json:"trust"`
	// DenyList is the list that was asked; nil: none was.
	DenyList *VerdictList `json:"denyList,omitempty"`
	// Policy is the policy's own name and version; its bytes are `policy.digest`.
	Policy        string `json:"policy"`
	PolicyVersion int    `json:"policyVersion"`
}

// VerdictList is one state of a deny list.
type VerdictList struct {
	Name     string `json:"name"`
	Sequence int64  `json:"sequence"`
}

var sha256Hex = lazyregexp.New(`^[0-9a-f]{64}$`)

// checkVerdict demands what a verdict must say to be taken over.
func (v VSA) checkVerdict() error {
	d := v.Verdict
	if d == nil {
		return nil
	}
	switch life := d.NotAfter.Sub(v.TimeVerified); {
	case v.TimeVerified.IsZero() || life <= 0 || life > MaxVerdict:
		return fmt.Errorf("the verdict lasts from %s to %s; at most %s is meant", v.TimeVerified.Format(time.RFC3339), d.NotAfter.Format(time.RFC3339), MaxVerdict)
	case !sha256Hex.MatchString(v.Policy.Digest["sha256"]):
		return errors.New("the verdict does not say by which policy, by its sha256")
	case !sha256Hex.MatchString(d.Trust):
		return errors.New("the verdict does not say under which trust, by its sha256")
	case d.DenyList != nil && (d.DenyList.Name == "" || d.DenyList.Sequence <= 0):
		return errors.New("the verdict's deny list has no name or no number")
	}
	return nil
}
