//go:build !front

package signing

import (
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	sigstore "github.com/sigstore/sigstore-go/pkg/bundle"
	fulcio "github.com/sigstore/sigstore-go/pkg/fulcio/certificate"
	"github.com/sigstore/sigstore-go/pkg/verify"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/strictjson"
	"github.com/selfsame-build/selfsame/trust"
)

// verifyCertified checks a bundle whose signer is named by a certificate. The order is that of sigstore's client specification: the log
// entry, the time of the signature, the certificate's path at that time, the signature; then, here, whom the certificate names.
func (r *Root) verifyCertified(b *bundle) (Signed, error) {
	claimed := func() Signed { return Signed{By: trust.Party{Identity: b.VerificationMaterial.claims()}} }
	e, err := b.entity(true)
	if err != nil {
		return claimed(), diag.Errorf(codeBundle, "reading a bundle: %w", err)
	}
	res, err := r.check(e, verify.WithoutArtifactUnsafe())
	if err != nil {
		return claimed(), diag.Errorf(codeCertified, "a bundle does not hold: %w", err).
			WithWhy("certificate, log entry, time and signature must all fit the trusted root and each other")
	}
	by, err := identity(res)
	if err != nil {
		return claimed(), diag.Errorf(codeCertified, "a bundle does not hold: %w", err)
	}
	party := trust.Party{Identity: by}
	checked, err := strictjson.Read(b.Envelope.Payload, payloadLimits)
	if err != nil {
		return Signed{By: party}, diag.Errorf(codeBundle, "reading a signed payload: %w", err)
	}
	return Signed{Payload: b.Envelope.Payload, By: party, Time: earliest(res.VerifiedTimestamps), checked: checked}, nil
}

// check runs sigstore-go's verification, and then what it leaves out: that the log could be believed at the time of the signature. The
// bundle is a stranger's, and a parser below that panics on it must not end the verification of the others.
func (r *Root) check(e *sigstore.Bundle, artifact verify.ArtifactPolicyOption) (res *verify.VerificationResult, err error) {
	defer func() {
		if p := recover(); p != nil {
			res, err = nil, fmt.Errorf("reading it failed: %.80s", fmt.Sprint(p))
		}
	}()
	entity, verifier := &once{Bundle: e}, r.certified
	if c, err := entity.VerificationContent(); err != nil || len(c.Intermediates()) > 0 {
		verifier = r.chained
	}
	res, err = verifier.Verify(entity, verify.NewPolicy(artifact, verify.WithoutIdentitiesUnsafe()))
	if err != nil {
		return nil, fmt.Errorf("%w", quoteErr(err))
	}
	if material, all := r.at(res.VerifiedTimestamps); !all {
		if _, err := verify.VerifyTlogEntry(entity, material, 1, false); err != nil {
			return nil, fmt.Errorf("at the time of the signature: %w", quoteErr(err))
		}
	}
	return res, nil
}

// identity is whom a certificate that holds names. One that names nobody, or that nobody vouches for, is of no use.
func identity(res *verify.VerificationResult) (trust.Identity, error) {
	if res.Signature == nil || res.Signature.Certificate == nil {
		return trust.Identity{}, fmt.Errorf("it has no certificate")
	}
	c := res.Signature.Certificate
	id := trust.Identity{Issuer: c.Issuer, Subject: c.SubjectAlternativeName}
	if id.Issuer == "" || id.Subject == "" {
		return trust.Identity{}, fmt.Errorf("its certificate names no issuer or no subject")
	}
	return id, nil
}

// claims is whom an unchecked certificate names.
func (m verificationMaterial) claims() trust.Identity {
	leaf := m.parseCertificate()
	if leaf == nil {
		return trust.Identity{}
	}
	id, err := named(leaf)
	if err != nil {
		return trust.Identity{}
	}
	return trust.Identity{Issuer: clip(id.Issuer), Subject: clip(id.Subject)}
}

// named is whom an unchecked certificate names, whole. One that names nobody, or that nobody vouches for, is an error.
func named(leaf *x509.Certificate) (trust.Identity, error) {
	c, err := fulcio.SummarizeCertificate(leaf)
	if err != nil {
		return trust.Identity{}, quoteErr(err)
	}
	id := trust.Identity{Issuer: c.Issuer, Subject: c.SubjectAlternativeName}
	if id.Issuer == "" || id.Subject == "" {
		return trust.Identity{}, errors.New("it names no issuer or no subject")
	}
	return id, nil
}

// timeOf is when a bundle that key signed was signed at the latest, as far as a timestamp authority or a log of r says so; else zero.
// A time that does not hold is no time: whoever stores the bundle could as well have left it out.
func (r *Root) timeOf(b *bundle, key *Verifier) (t time.Time) {
	m := b.VerificationMaterial
	if m.TimestampData == nil && len(m.TlogEntries) == 0 {
		return time.Time{}
	}
	defer func() {
		if recover() != nil { // see check
			t = time.Time{}
		}
	}()
	e, err := b.entity(true)
	if err != nil {
		return time.Time{}
	}
	entity := &once{Bundle: e}
	var times []verify.TimestampVerificationResult
	material := keyed{TrustedMaterial: r.material, key: key}
	if stamps, _, err := verify.VerifySignedTimestamp(entity, material); err == nil {
		for _, s := range stamps {
			times = append(times, verify.TimestampVerificationResult{Timestamp: s.Time})
		}
	}
	if stamps, err := verify.VerifyTlogEntry(entity, material, 1, true); err == nil {
		for _, s := range stamps {
			times = append(times, verify.TimestampVerificationResult{Timestamp: s.Time})
		}
	}
	return earliest(times)
}

// earliest is the tightest of several bounds: who adds a later time to a bundle changes nothing.
func earliest(times []verify.TimestampVerificationResult) time.Time {
	var first time.Time
	for _, t := range times {
		if !t.Timestamp.IsZero() && (first.IsZero() || t.Timestamp.Before(first)) {
			first = t.Timestamp
		}
	}
	return first.UTC()
}
