package verify

import (
	"fmt"
	"net/url"
	"strconv"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance"
)

// Summary says who verified, when and by what, for statements that hand a result on to other tools.
type Summary struct {
	// Verifier is who verifies, a URI.
	Verifier string
	// Version is selfsame's.
	Version string
	Time    time.Time
	// PolicyURI names what was asked for; empty: the trust file by its digest.
	PolicyURI string
}

// policy is what the result was reached by: the trust file, and in the URI's query whatever else was demanded or allowed, so that a result
// under weaker options never names the policy of a stricter one. Keys without a file are named as such.
func (r Result) policy(s Summary) provenance.Reference {
	p := provenance.Reference{URI: s.PolicyURI}
	if r.policySHA256 != "" {
		p.Digest = map[string]string{"sha256": r.policySHA256}
	}
	if p.URI == "" {
		p.URI = "https://selfsame.build/policy/keys/v1"
		if r.policySHA256 != "" {
			p.URI = "https://selfsame.build/policy/trust/v1"
		}
		if r.asked != "" {
			p.URI += "?" + r.asked
		}
	}
	return p
}

// asked are the options that make a verdict stricter or weaker, as the query of a URI; empty: none differs from the default.
func (o Options) asked() string {
	q := url.Values{}
	for name, n := range map[string]int{"owners": o.Demand.Owners, "environments": o.Demand.Environments, "refetched": o.Demand.Refetched, "level": int(o.MinLevel)} {
		if n > 0 {
			q.Set(name, strconv.Itoa(n))
		}
	}
	for name, yes := range map[string]bool{"allow-unreproduced": o.AllowUnreproduced, "include-original": o.Demand.IncludeOriginal, "release-index": o.Index != nil, "verdicts": o.Verdicts} {
		if yes {
			q.Set(name, "true")
		}
	}
	for name, text := range map[string]string{"builder": o.ExpectBuilder, "source": o.ExpectSource} {
		if text != "" {
			q.Set(name, text)
		}
	}
	if o.Roster != nil {
		q.Set("roster", "sha256:"+o.Roster.SHA256)
	}
	if o.Layout != nil {
		q.Set("layout", o.Layout.digest.String())
	}
	if o.Deny != nil {
		q.Set("denylist", fmt.Sprintf("%s:%d", o.Deny.Name, o.Deny.Sequence))
	}
	return q.Encode()
}

// VSA makes a SLSA verification summary of r about the image that was asked for. With reproduced it bears
// SLSA_BUILD_REPRODUCED beside the level, which needs two owners; without, it is one that stock slsa-verifier reads. A result
// that is no success makes a FAILED one, which only a key with the finding role may sign; one that was not decided makes none.
func (r Result) VSA(s Summary, reproduced bool) (provenance.Subjected, error) {
	v := provenance.VSA{
		Verifier:     provenance.Verifier{ID: s.Verifier, Version: map[string]string{"selfsame": s.Version}},
		TimeVerified: s.Time.UTC().Truncate(time.Second), ResourceURI: r.Name + "@" + r.Digest.String(), Policy: r.policy(s),
		VerificationResult: provenance.VSAPassed, SLSAVersion: "1.2", InputAttestations: r.inputs(),
	}
	switch {
	case !r.Conclusive():
		return provenance.Subjected{}, r.noSummary("%s: nothing was decided that could be handed on", r.Verdict)
	case r.Name == "":
		return provenance.Subjected{}, r.noSummary("nothing says which repository the image belongs to")
	case r.Verdict != VerdictVerified:
		v.VerificationResult, v.VerifiedLevels = provenance.VSAFailed, []string{provenance.VSAFailed}
	default:
		v.VerifiedLevels = []string{provenance.BuildLevel(max(r.Level, 1))}
	}
	if reproduced {
		if len(r.platforms) < 2 || r.Verdict != VerdictVerified {
			return provenance.Subjected{}, r.noSummary("%s takes two owners who made the same image; there are %d", provenance.BuildReproduced, len(r.platforms))
		}
		v.VerifiedLevels = append(v.VerifiedLevels, provenance.BuildReproduced)
	}
	return provenance.VSAStatement(r.Name, r.subject, v)
}

// SVR makes an in-toto simple verification result of r. There is no negative form: a result that is no success makes none.
func (r Result) SVR(s Summary) (provenance.Subjected, error) {
	if r.Verdict != VerdictVerified || r.Name == "" {
		return provenance.Subjected{}, r.noSummary("the verdict is %s, and a simple verification result says only what was verified", r.Verdict)
	}
	properties := []string{provenance.BuildLevel(max(r.Level, 1))}
	if r.Reproduced {
		properties = append(properties, provenance.PropertyBuiltTwice)
	}
	if len(r.platforms) >= 2 {
		properties = append(properties, provenance.BuildReproduced, provenance.PropertyOwners(len(r.platforms)))
	}
	return provenance.SVRStatement(r.Name, r.subject, provenance.SVR{
		Verifier:    provenance.SVRVerifier{ID: s.Verifier, Policies: []provenance.Reference{r.policy(s)}},
		TimeCreated: s.Time.UTC().Truncate(time.Second), Properties: properties,
	})
}

// Conclusive says whether the verdict is one about the image, and not about what could not be seen of it.
func (r Result) Conclusive() bool {
	return r.Verdict != VerdictUndecided && r.Verdict != VerdictMissing && r.Verdict != VerdictAllowed && r.Verdict != ""
}

func (r Result) noSummary(format string, args ...any) error {
	return diag.Errorf(codeNoSummary, "no summary is written: "+format, args...).
		WithWhy("a summary is believed without looking at the evidence again").WithHelp("selfsame explain " + string(codeNoSummary))
}

// describe keeps what summaries need beside the shape of the JSON.
func (r *Result) describe(o Options, subject ocispec.Descriptor, platforms []string) {
	r.subject, r.policySHA256, r.asked, r.platforms, r.verdicts = subject, o.PolicySHA256, o.asked(), platforms, o.Verdicts
}
