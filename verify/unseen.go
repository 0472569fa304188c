package verify

import (
	"fmt"

	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/policy"
	"github.com/selfsame-build/selfsame/provenance"
)

// looked are the statements that e, the facts for rules, is made of.
func (j *judge) looked(e *policy.Evidence) []statement {
	facts := make(map[string]bool, len(e.Signatures))
	for _, s := range e.Signatures {
		facts[s.Statement] = true
	}
	var out []statement
	for _, x := range j.judged {
		for _, s := range x.trusted {
			if facts[s.payload.Encoded()] {
				out = append(out, s)
			}
		}
	}
	return out
}

// unseen says which statement that rules look at here a verdict does not rest on. A rule may say no for what is there (a scan that found
// something, a package that must not be in an image), and not for want of it: then whoever handed the verdict on must have seen that, too. Of
// one statement in several bundles one is enough: anybody can put what is signed into another bundle.
//
//	> If non-empty, this field MUST contain information on all the attestations used to perform verification. (SLSA v1.2, inputAttestations)
func unseen(here []statement, v provenance.VSA) error {
	bundles := make(map[digest.Digest]bool, len(v.InputAttestations))
	for _, a := range v.InputAttestations {
		bundles[digest.NewDigestFromEncoded(digest.SHA256, a.Digest["sha256"])] = true
	}
	seen := map[digest.Digest]bool{}
	for _, s := range here {
		seen[s.payload] = seen[s.payload] || bundles[s.bundle]
	}
	for _, s := range here {
		if !seen[s.payload] {
			return fmt.Errorf("it does not rest on what is attached here: %s by %s (%s)", s.PredicateType, s.by, s.referrer)
		}
	}
	return nil
}
