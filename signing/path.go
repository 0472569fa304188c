//go:build !front

package signing

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
	"sync/atomic"
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"
)

// A certification path (RFC 5280, section 6) from a leaf to the root is the same for every bundle but for its first link: who signed the
// authority's own certificates, and with which constraints, stays as it is for as long as the trusted root does. What is kept here is that
// sigstore-go has verified such a path once. Nothing of a bundle is kept, nothing outlives its Root, and when each certificate may be
// believed is looked at for every bundle anew.

// authorities are those of material, each remembering the paths that held.
func authorities(material *root.TrustedRoot) *prepared {
	p := &prepared{TrustedRoot: material}
	for _, ca := range material.FulcioCertificateAuthorities() {
		if f, is := ca.(*root.FulcioCertificateAuthority); is {
			ca = &issuer{full: f}
		}
		p.issuers = append(p.issuers, ca)
	}
	for _, tsa := range material.TimestampingAuthorities() {
		if s, is := tsa.(*root.SigstoreTimestampingAuthority); is && s.Leaf != nil {
			tsa = &clock{full: s}
		}
		p.clocks = append(p.clocks, tsa)
	}
	return p
}

// prepared is a trusted root whose authorities need not be verified for each bundle.
type prepared struct {
	*root.TrustedRoot
	issuers []root.CertificateAuthority
	clocks  []root.TimestampingAuthority
}

// FulcioCertificateAuthorities are those of the root.
func (p *prepared) FulcioCertificateAuthorities() []root.CertificateAuthority { return p.issuers }

// TimestampingAuthorities are those of the root.
func (p *prepared) TimestampingAuthorities() []root.TimestampingAuthority { return p.clocks }

// issuer is a certificate authority, and the paths above a leaf that held.
type issuer struct {
	full *root.FulcioCertificateAuthority
	held atomic.Pointer[[]above]
}

// above is a path that held without its leaf: from the certificate that signed the leaf to the root.
type above struct {
	path []*x509.Certificate
	near *root.FulcioCertificateAuthority // the authority with path's first certificate for a trust anchor
}

// Verify is sigstore-go's: the certificate's paths to the root at that time. A leaf that it would refuse is refused.
func (i *issuer) Verify(leaf *x509.Certificate, at time.Time) ([][]*x509.Certificate, error) {
	if held := i.held.Load(); held != nil && !restricts(leaf) {
		for _, a := range *held {
			if slices.ContainsFunc(a.path, same(leaf)) || !during(a.path, at) {
				continue
			}
			if chains, err := a.near.Verify(leaf, at); err == nil {
				return [][]*x509.Certificate{append(chains[0][:1:1], a.path...)}, nil
			}
		}
	}
	chains, err := i.full.Verify(leaf, at)
	if err == nil && i.held.Load() == nil {
		i.learn(chains)
	}
	return chains, err
}

// same tells of a certificate whether it is for c's name and key, c itself among them: crypto/x509 leads no path through one name and key twice.
func same(c *x509.Certificate) func(*x509.Certificate) bool {
	return func(other *x509.Certificate) bool {
		return bytes.Equal(c.RawSubject, other.RawSubject) && bytes.Equal(c.RawSubjectPublicKeyInfo, other.RawSubjectPublicKeyInfo)
	}
}

// learn keeps what of chains, which held, says nothing of the leaf. There are never more than the trusted root's own certificates make.
func (i *issuer) learn(chains [][]*x509.Certificate) {
	var held []above
	for _, chain := range chains {
		if len(chain) < 3 || slices.ContainsFunc(chain[1:], restricts) {
			continue
		}
		near := *i.full
		near.Root, near.Intermediates = chain[1], nil
		held = append(held, above{path: chain[1:], near: &near})
	}
	if held != nil {
		i.held.Store(&held)
	}
}

// restricts tells whether a certificate may say something about the whole path that it is in, such as for which names it holds or under which
// policies (RFC 5280, section 4.2.1): by anything but its key identifiers, its key's usages and how many authorities may follow. crypto/x509
// looks at usages one certificate at a time, and authorities are as many whatever the leaf.
func restricts(c *x509.Certificate) bool {
	if !c.IsCA {
		return slices.ContainsFunc(c.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(policyConstraints) })
	}
	return slices.ContainsFunc(c.Extensions, func(e pkix.Extension) bool {
		return len(e.Id) != 4 || !e.Id[:3].Equal(certificateExtension) || !slices.Contains(harmless, e.Id[3])
	})
}

var (
	certificateExtension = asn1.ObjectIdentifier{2, 5, 29}
	policyConstraints    = asn1.ObjectIdentifier{2, 5, 29, 36}
	// subjectKeyIdentifier, keyUsage, basicConstraints, authorityKeyIdentifier, extKeyUsage
	harmless = []int{14, 15, 19, 35, 37}
)

// during tells whether all of a path's certificates may be believed at a time: both ends belong to it (RFC 5280, section 4.1.2.5).
func during(path []*x509.Certificate, at time.Time) bool {
	return !slices.ContainsFunc(path, func(c *x509.Certificate) bool { return at.Before(c.NotBefore) || at.After(c.NotAfter) })
}
