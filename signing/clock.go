//go:build !front

package signing

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"math/big"
	"sync/atomic"
	"time"

	"github.com/digitorus/timestamp"
	"github.com/sigstore/sigstore-go/pkg/root"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// clock is a timestamp authority whose certificates, down to the one that signs, are all in the trusted root. That its own path holds, and
// that its certificate is one of a timestamp authority's, is found out with its first timestamp.
type clock struct {
	full *root.SigstoreTimestampingAuthority
	held atomic.Pointer[proven]
}

// proven is an authority that sigstore-go has taken a timestamp of.
type proven struct {
	path []*x509.Certificate                 // from the certificate that signs to the root
	near *root.SigstoreTimestampingAuthority // the authority with the certificate that signs for a trust anchor
}

// Verify is sigstore-go's: that the authority signed a timestamp of signature, and when. A timestamp that it would refuse is refused.
func (c *clock) Verify(stamp, signature []byte) (*root.Timestamp, error) {
	held := c.held.Load()
	if held == nil {
		t, err := c.full.Verify(stamp, signature)
		if err == nil {
			c.learn(t.Time)
		}
		return t, err
	}
	if t := held.at(c.full, stamp, signature); t != nil {
		return t, nil
	}
	return c.full.Verify(stamp, signature)
}

// learn finds the path that holds at a time when one did, among the root's own certificates alone: sigstore-go takes those of the timestamp too.
func (c *clock) learn(at time.Time) {
	o := x509.VerifyOptions{
		Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool(), CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping},
	}
	o.Roots.AddCert(c.full.Root)
	for _, i := range c.full.Intermediates {
		o.Intermediates.AddCert(i)
	}
	chains, err := c.full.Leaf.Verify(o)
	if err != nil {
		return
	}
	near := *c.full
	near.Root, near.Intermediates = c.full.Leaf, nil
	c.held.Store(&proven{path: chains[0], near: &near})
}

// at is when stamp was made, or nil where that cannot be said without verifying everything.
func (p *proven) at(full *root.SigstoreTimestampingAuthority, stamp, signature []byte) *root.Timestamp {
	t, err := timestamp.ParseResponse(stamp)
	if err != nil {
		return nil
	}
	if len(t.Certificates) == 0 { // then nothing was verified
		if t, err := p.near.Verify(stamp, signature); err == nil && during(p.path, t.Time) {
			return t
		}
		return nil
	}
	// With a certificate in it, ParseResponse has verified the signature, which package verification of the timestamp authority's module does
	// once more. What it looks at beside that, and has not looked at in the first timestamp of this authority, is here in its order.
	hash := t.HashAlgorithm
	if hash != crypto.SHA256 && hash != crypto.SHA384 && hash != crypto.SHA512 {
		return nil
	}
	if !signedBy(t, full.Leaf) || !during(p.path, t.Time) {
		return nil
	}
	sum := hash.New()
	sum.Write(signature)
	if !bytes.Equal(sum.Sum(nil), t.HashedMessage) {
		return nil
	}
	if t.Time.Before(full.ValidityPeriodStart) || !full.ValidityPeriodEnd.IsZero() && t.Time.After(full.ValidityPeriodEnd) {
		return nil
	}
	return &root.Timestamp{Time: t.Time, URI: full.URI}
}

// signedBy tells whether leaf is the one signer of t, a timestamp whose signatures hold for the certificates that it brings along. They name
// who signed by issuer and number (RFC 5652, section 5.3), so that nothing but leaf may go by those.
func signedBy(t *timestamp.Timestamp, leaf *x509.Certificate) bool {
	issuer, number, one := signer(t.RawToken)
	if !one || !bytes.Equal(issuer, leaf.RawIssuer) || number.Cmp(leaf.SerialNumber) != 0 {
		return false
	}
	found := false
	for _, c := range t.Certificates {
		if bytes.Equal(c.RawIssuer, issuer) && c.SerialNumber.Cmp(number) == 0 {
			if !c.Equal(leaf) {
				return false
			}
			found = true
		}
	}
	return found
}

// signer reads who signed a token, where that is one in DER (RFC 5652, sections 3, 5.1 and 5.3):
//
//	ContentInfo ::= SEQUENCE { contentType OBJECT IDENTIFIER, content [0] EXPLICIT SignedData }
//	SignedData ::= SEQUENCE { version INTEGER, digestAlgorithms SET, encapContentInfo SEQUENCE,
//	                          certificates [0] OPTIONAL, crls [1] OPTIONAL, signerInfos SET OF SignerInfo }
//	SignerInfo ::= SEQUENCE { version INTEGER, SEQUENCE { issuer Name, serialNumber INTEGER }, ... }
func signer(token []byte) (issuer []byte, number *big.Int, one bool) {
	var info, explicit, data, signers, first, by, name cryptobyte.String
	zero, next := asn1.Tag(0).Constructed().ContextSpecific(), asn1.Tag(1).Constructed().ContextSpecific()
	in, number := cryptobyte.String(token), new(big.Int)
	one = in.ReadASN1(&info, asn1.SEQUENCE) && in.Empty() &&
		info.SkipASN1(asn1.OBJECT_IDENTIFIER) && info.ReadASN1(&explicit, zero) && info.Empty() &&
		explicit.ReadASN1(&data, asn1.SEQUENCE) && explicit.Empty() &&
		data.SkipASN1(asn1.INTEGER) && data.SkipASN1(asn1.SET) && data.SkipASN1(asn1.SEQUENCE) &&
		data.SkipOptionalASN1(zero) && data.SkipOptionalASN1(next) && data.ReadASN1(&signers, asn1.SET) && data.Empty() &&
		signers.ReadASN1(&first, asn1.SEQUENCE) && signers.Empty() &&
		first.SkipASN1(asn1.INTEGER) && first.ReadASN1(&by, asn1.SEQUENCE) &&
		by.ReadASN1Element(&name, asn1.SEQUENCE) && by.ReadASN1Integer(number) && by.Empty()
	return name, number, one
}
