package provenance

import (
	"fmt"

	"github.com/selfsame-build/selfsame/internal/lazyregexp"
)

// Predicate types whose meaning is known here, besides those that this package makes.
const (
	typeVulns  = "https://in-toto.io/attestation/vulns/v0.2"
	typeCosign = "https://sigstore.dev/cosign/sign/v1" // "this is signed", and nothing more
)

// Kind is what sort of thing a statement says.
type Kind string

// The kinds.
const (
	KindProvenance Kind = "provenance"
	KindRebuild    Kind = "rebuild"
	KindContents   Kind = "list of contents"
	KindSignature  Kind = "bare signature"
	KindSummary    Kind = "verification summary"
	KindScan       Kind = "scan"
	KindDenyList   Kind = "deny list"
	KindWaiver     Kind = "waiver"
	KindIndex      Kind = "index of statements"
	KindLink       Kind = "link"
	KindBreakGlass Kind = "break-glass statement"
	KindPolicy     Kind = "policy"
)

// Tone is whether a statement speaks for its subject.
type Tone string

// The tones. Neutral is what lists facts and leaves the conclusion to its reader.
const (
	Positive Tone = "positive"
	Negative Tone = "negative"
	Neutral  Tone = "neutral"
)

// Meaning is what a statement amounts to for its subject, whoever signs it.
type Meaning struct {
	Kind Kind
	Tone Tone
}

// Governs says whether a statement of this type is about other statements, or about what gates do, and so tells nothing of what an image is:
// lists of what exists or was taken back, policies, waivers, break-glass statements. Nothing that it says may be taken for evidence.
func (s Statement) Governs() bool {
	switch s.PredicateType {
	case PredicateWaiver, PredicateReleaseIndex, PredicateDenyList, PredicatePolicy, PredicateBreakGlass:
		return true
	}
	return false
}

// String is "negative rebuild".
func (m Meaning) String() string { return string(m.Tone) + " " + string(m.Kind) }

// Meaning judges the statement by its predicate. A type that is not known is an error, and so is a statement that contradicts itself (a
// match of two digests that differ): nobody is to sign what nobody understands. To make a type known, add it here, and to the roles that
// may say it (signing/roles.go).
func (s Statement) Meaning() (Meaning, error) {
	switch s.PredicateType {
	case PredicateProvenance: // not decoded: it has no other tone, and may have tens of megabytes
		return Meaning{KindProvenance, Positive}, nil
	case PredicateRebuild:
		return s.rebuildMeaning()
	case PredicateSPDX:
		return Meaning{KindContents, Positive}, nil
	case typeCosign:
		return Meaning{KindSignature, Positive}, nil
	case PredicateVSA:
		return s.vsaMeaning()
	case PredicateSVR:
		return s.svrMeaning()
	case PredicateWaiver:
		_, err := s.Waiver()
		return Meaning{KindWaiver, Neutral}, err // of the finding that it names; of the image it says nothing good
	case PredicateLink:
		return Meaning{KindLink, Neutral}, nil // that a step was done, not how it ended
	case typeVulns:
		// A list without an entry is no approval either: the scanner may have seen nothing.
		return Meaning{KindScan, Neutral}, nil
	case PredicateBreakGlass:
		_, _, err := s.BreakGlass()
		return Meaning{KindBreakGlass, Neutral}, err // that it may run for once; of what it is it says nothing
	case PredicateDenyList:
		return Meaning{KindDenyList, Negative}, nil
	case PredicatePolicy:
		_, _, err := s.PolicyDocument()
		return Meaning{KindPolicy, Neutral}, err // of no image in particular
	case PredicateReleaseIndex:
		return Meaning{KindIndex, Neutral}, nil
	}
	return Meaning{}, fmt.Errorf("the predicate type %q is not known", s.PredicateType)
}

// rebuildMeaning: only a match that holds is positive. Whatever else a rebuild may have come to speaks against the image.
func (s Statement) rebuildMeaning() (Meaning, error) {
	r, err := s.Rebuild()
	if err != nil {
		return Meaning{}, err
	}
	if r.Result != ResultMatch {
		return Meaning{KindRebuild, Negative}, nil
	}
	for _, subject := range s.Subject {
		if err := r.Check(subject.SHA256()); err != nil {
			return Meaning{}, fmt.Errorf("reading rebuild: %w", err)
		}
	}
	return Meaning{KindRebuild, Positive}, nil
}

// vsaMeaning reads SLSA's verification summary.
//
// > verificationResult (string, required): Either "PASSED" or "FAILED" to indicate if the artifact passed or failed the policy verification.
// > verifiedLevels: ... SlsaResult: "SLSA_<TRACK>_LEVEL_<n>", or "FAILED" to indicate policy evaluation failed.
func (s Statement) vsaMeaning() (Meaning, error) {
	var p struct {
		VerificationResult string   `json:"verificationResult"`
		VerifiedLevels     []string `json:"verifiedLevels"`
	}
	if err := s.predicate(&p); err != nil {
		return Meaning{}, fmt.Errorf("reading verification summary: %w", err)
	}
	failed := false
	for _, l := range p.VerifiedLevels {
		failed = failed || l == "FAILED"
	}
	switch {
	case p.VerificationResult == "FAILED":
		return Meaning{KindSummary, Negative}, nil
	case p.VerificationResult == "PASSED" && !failed:
		return Meaning{KindSummary, Positive}, nil
	}
	return Meaning{}, fmt.Errorf("reading verification summary: the result is %q, with the levels %q", p.VerificationResult, p.VerifiedLevels)
}

// PropertyBuiltTwice is the property of a simple verification result that two unlike builders of one owner gave the same image.
const PropertyBuiltTwice = "SELFSAME_BUILT_TWICE"

// PropertyOwners is the property that n owners made the same image.
func PropertyOwners(n int) string { return fmt.Sprintf("SELFSAME_OWNERS_%d", n) }

// goodProperty is a property that speaks for its subject, whoever wrote it: SLSA's, and exactly the two of ours.
var goodProperty = lazyregexp.New(`^(SLSA_BUILD_REPRODUCED|SLSA_[A-Z]+_LEVEL_[0-9]|` + PropertyBuiltTwice + `|SELFSAME_OWNERS_[1-9][0-9]{0,3})$`)

// svrMeaning reads in-toto's simple verification result, which has no field for failure: it lists the properties that were found. One
// that we do not know may say anything ("CONTAINS_MALWARE" is well formed), so only SLSA's and our own are positive.
func (s Statement) svrMeaning() (Meaning, error) {
	var p struct {
		Properties []string `json:"properties"`
	}
	if err := s.predicate(&p); err != nil {
		return Meaning{}, fmt.Errorf("reading verification result: %w", err)
	}
	for _, property := range p.Properties {
		if !goodProperty.MatchString(property) {
			return Meaning{KindSummary, Neutral}, nil
		}
	}
	if len(p.Properties) == 0 {
		return Meaning{KindSummary, Neutral}, nil
	}
	return Meaning{KindSummary, Positive}, nil
}
