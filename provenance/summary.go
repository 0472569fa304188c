package provenance

import (
	"fmt"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// The types of summaries: what a verifier concluded, for tools that trust it and do not look at the evidence themselves.
const (
	PredicateVSA = "https://slsa.dev/verification_summary/v1"
	PredicateSVR = "https://in-toto.io/attestation/svr/v0.2"
)

// The results of a VSA.
const (
	VSAPassed = "PASSED"
	VSAFailed = "FAILED"
)

// BuildReproduced is SLSA v1.2's verified property: reproduced by two or more independently operated build platforms. Stock
// slsa-verifier refuses any VSA that bears it (verifiers/internal/vsa: only SLSA_x_LEVEL_n is known), so it has one of its own.
const BuildReproduced = "SLSA_BUILD_REPRODUCED"

// BuildLevel is a SLSA build level as a VSA and an SVR write it.
func BuildLevel(n int) string { return fmt.Sprintf("SLSA_BUILD_LEVEL_%d", n) }

// VSA is the predicate of a SLSA v1.2 verification summary.
type VSA struct {
	Verifier     Verifier  `json:"verifier"`
	TimeVerified time.Time `json:"timeVerified"`
	// ResourceURI is the full pull name of what was verified; who reads the summary compares it, so that it cannot be replayed for
	// another repository.
	ResourceURI string    `json:"resourceUri"`
	Policy      Reference `json:"policy"`
	// InputAttestations are all that the result rests on, or none.
	InputAttestations  []Reference `json:"inputAttestations,omitempty"`
	VerificationResult string      `json:"verificationResult"`
	// VerifiedLevels has at most one level of each track, or "FAILED".
	VerifiedLevels []string `json:"verifiedLevels"`
	SLSAVersion    string   `json:"slsaVersion,omitempty"`
	// Verdict makes it one that gates may take over; nil: it is for other tools.
	Verdict *Verdict `json:"https://selfsame.build/verdict/v0.1,omitempty"`
}

// Verifier is who verified.
type Verifier struct {
	ID      string            `json:"id"`
	Version map[string]string `json:"version,omitempty"`
}

// VSAStatement makes a verification summary about subject.
func VSAStatement(name string, subject ocispec.Descriptor, v VSA) (Subjected, error) {
	v.TimeVerified = v.TimeVerified.UTC()
	if err := v.check(); err != nil {
		return Subjected{}, fmt.Errorf("making a verification summary: %w", err)
	}
	return marshal(name, subject, PredicateVSA, v)
}

// VSA reads the predicate of a verification summary, by anyone: fields that are not known are ignored, as SLSA demands.
func (s Statement) VSA() (VSA, error) {
	var v VSA
	if s.PredicateType != PredicateVSA {
		return v, fmt.Errorf("reading a verification summary: the predicate type is %q, not %q", s.PredicateType, PredicateVSA)
	}
	err := s.predicate(&v)
	if err == nil {
		err = v.check()
	}
	if err != nil {
		return v, fmt.Errorf("reading a verification summary: %w", err)
	}
	return v, nil
}

// check demands what SLSA v1.2 requires of a summary.
func (v VSA) check() error {
	switch {
	case v.Verifier.ID == "":
		return fmt.Errorf("`verifier.id` is missing")
	case v.ResourceURI == "":
		return fmt.Errorf("`resourceUri` is missing")
	case v.Policy.URI == "":
		return fmt.Errorf("`policy.uri` is missing")
	case v.VerificationResult != VSAPassed && v.VerificationResult != VSAFailed:
		return fmt.Errorf("`verificationResult` is %q, which is neither %s nor %s", v.VerificationResult, VSAPassed, VSAFailed)
	case len(v.VerifiedLevels) == 0:
		return fmt.Errorf("`verifiedLevels` is missing")
	}
	// > Each entry MUST contain a `digest` of the attestation
	for i, a := range v.InputAttestations {
		if len(a.Digest) == 0 {
			return fmt.Errorf("`inputAttestations[%d]` has no digest", i)
		}
	}
	return v.checkVerdict()
}

// Passes makes the checks of a summary that a consumer MUST make once the signature holds (SLSA v1.2, "How to verify", 4 to 7):
// the verifier is the one that its signer may speak as, the resource is the one in question, the result is PASSED, and the
// levels hold what is expected. Empty level: any.
func (v VSA) Passes(verifier, resource, level string) error {
	switch {
	case v.Verifier.ID != verifier:
		return fmt.Errorf("the verifier is %q, not %q", v.Verifier.ID, verifier)
	case v.ResourceURI != resource:
		return fmt.Errorf("the resource is %q, not %q", v.ResourceURI, resource)
	case v.VerificationResult != VSAPassed:
		return fmt.Errorf("the result is %q", v.VerificationResult)
	case level == "":
		return nil
	}
	for _, l := range v.VerifiedLevels {
		if l == level {
			return nil
		}
	}
	return fmt.Errorf("the levels %q lack %s", v.VerifiedLevels, level)
}

// SVR is the predicate of an in-toto simple verification result v0.2. It has no negative form: what is not in Properties was
// not verified.
type SVR struct {
	Verifier    SVRVerifier `json:"verifier"`
	TimeCreated time.Time   `json:"timeCreated"`
	Properties  []string    `json:"properties"`
}

// SVRVerifier is who verified, by which policies.
type SVRVerifier struct {
	ID       string      `json:"id"`
	Policies []Reference `json:"policies"`
}

// SVRStatement makes a simple verification result about subject.
func SVRStatement(name string, subject ocispec.Descriptor, s SVR) (Subjected, error) {
	s.TimeCreated = s.TimeCreated.UTC()
	if s.Verifier.ID == "" || len(s.Properties) == 0 {
		return Subjected{}, fmt.Errorf("making a verification result: no verifier, or nothing that it verified")
	}
	return marshal(name, subject, PredicateSVR, s)
}
