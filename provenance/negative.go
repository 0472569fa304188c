package provenance

import (
	"fmt"
	"slices"
)

// Against says whether a rebuild statement or a verification summary speaks against its subject: by its result alone, whatever else of it
// is missing or wrong. A veto must not be lost for a field that nobody needs to understand it. Of a statement of another type it is false.
// The error says that not even the result can be read.
func (s Statement) Against() (result string, against bool, err error) {
	var p struct {
		Result             string   `json:"result"`
		VerificationResult string   `json:"verificationResult"`
		VerifiedLevels     []string `json:"verifiedLevels"`
	}
	if s.PredicateType != PredicateRebuild && s.PredicateType != PredicateVSA {
		return "", false, nil
	}
	if err := s.predicate(&p); err != nil {
		return "", false, fmt.Errorf("reading the result: %w", err)
	}
	switch {
	case s.PredicateType == PredicateRebuild:
		return p.Result, p.Result != ResultMatch, nil
	case p.VerificationResult != VSAPassed:
		return p.VerificationResult, true, nil
	// SLSA v1.2, SlsaResult: `"FAILED" to indicate policy evaluation failed`.
	case slices.Contains(p.VerifiedLevels, VSAFailed):
		return VSAFailed, true, nil
	}
	return p.VerificationResult, false, nil
}
