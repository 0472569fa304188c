//go:build !front

package signing

import (
	"slices"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/trust"
)

// mayVoice is what each role may say: everything that is not here is refused, for every role.
//
// The reason is stock cosign: `cosign verify --key release.pub` succeeds as soon as the key has signed any statement about the digest, also one
// that says "this failed". So what does not speak for an image is never signed by a key that releases images, and the key for findings says
// nothing good that somebody could mistake for a release.
var mayVoice = map[trust.Role][]provenance.Meaning{
	trust.Release: {
		{Kind: provenance.KindProvenance, Tone: provenance.Positive},
		{Kind: provenance.KindRebuild, Tone: provenance.Positive},
		{Kind: provenance.KindContents, Tone: provenance.Positive},
		{Kind: provenance.KindSignature, Tone: provenance.Positive},
	},
	trust.Decoy: { // it is to look like a release to those who are put to the test
		{Kind: provenance.KindProvenance, Tone: provenance.Positive},
		{Kind: provenance.KindRebuild, Tone: provenance.Positive},
	},
	trust.Rebuilder: {
		{Kind: provenance.KindRebuild, Tone: provenance.Positive},
		{Kind: provenance.KindProvenance, Tone: provenance.Positive}, // of the rebuilder's own run
		{Kind: provenance.KindSummary, Tone: provenance.Positive},
	},
	trust.Finding: {
		{Kind: provenance.KindRebuild, Tone: provenance.Negative},
		{Kind: provenance.KindSummary, Tone: provenance.Negative},
		{Kind: provenance.KindSummary, Tone: provenance.Neutral},
		{Kind: provenance.KindScan, Tone: provenance.Neutral},
	},
	trust.Functionary: {
		{Kind: provenance.KindLink, Tone: provenance.Neutral},
	},
	trust.Promoter: {
		{Kind: provenance.KindSummary, Tone: provenance.Positive},
	},
	trust.Verifier: {
		{Kind: provenance.KindSummary, Tone: provenance.Positive},
	},
	trust.Revoker: {
		{Kind: provenance.KindDenyList, Tone: provenance.Negative},
	},
	trust.Waiver: {
		{Kind: provenance.KindWaiver, Tone: provenance.Neutral},
	},
	trust.BreakGlass: {
		{Kind: provenance.KindBreakGlass, Tone: provenance.Neutral},
	},
	trust.Policy: {
		{Kind: provenance.KindPolicy, Tone: provenance.Neutral},
	},
	trust.Indexer: {
		{Kind: provenance.KindIndex, Tone: provenance.Neutral},
	},
}

// checkRole says why role may not sign statement; nil when it may. Diagnostic: A0584.
func checkRole(role trust.Role, statement []byte) error {
	s, err := provenance.Parse(statement)
	if err != nil {
		return diag.Errorf(codeRole, "signing a statement: %w", err).WithWhy("no verifier would take it")
	}
	m, err := s.Meaning()
	if err != nil {
		return diag.Errorf(codeRole, "signing a statement: %w", err).
			WithWhy("a statement that is not understood could say anything, and stock cosign takes any of them for a signature")
	}
	if role == "" {
		return diag.Errorf(codeRole, "signing a %s: the key was opened for no role", m)
	}
	if !slices.Contains(mayVoice[role], m) {
		return diag.Errorf(codeRole, "a %s is not for the role %q to sign", m, role).
			WithWhy("stock cosign takes any statement that a key signed for an approval, so each role has a key of its own").
			WithHelp(roleHelp(m))
	}
	return nil
}

// roleHelp names the roles that may say m.
func roleHelp(m provenance.Meaning) string {
	var roles string
	for _, r := range trust.Roles {
		if slices.Contains(mayVoice[r], m) {
			if roles != "" {
				roles += " or "
			}
			roles += string(r)
		}
	}
	if roles == "" {
		return "no role signs this"
	}
	return "sign it with the key of the role " + roles
}
