//go:build !front

package signing

import (
	"crypto/x509"
	"errors"
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/verify"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/strictjson"
)

// Root is an instance of sigstore that the verifier trusts: certificate authorities that vouch for identities, logs, and timestamp
// authorities, each with the time in which it may be believed. It comes from a file of the verifier's, never from the instance
// (CVE-2023-47122): nothing here asks anybody for a key. It is safe for concurrent use.
type Root struct {
	material *prepared
	// certified checks bundles with a certificate, and chained those that bring certificates of authorities along: of these nothing is kept.
	// Made once: neither holds any state of a bundle.
	certified, chained *verify.Verifier
}

// maxRoot bounds a trusted_root.json in bytes; the public instance's has 7 KiB.
const maxRoot = 4 << 20

// LoadRoot reads a trusted_root.json (sigstore/protobuf-specs, sigstore_trustroot.proto). Unlike other readers it refuses a file with a
// key named twice, and an authority that does not say since when it may be believed. A root that names nobody vouches for nobody.
// Diagnostic: A0550.
func LoadRoot(data []byte) (*Root, error) {
	bad := func(format string, args ...any) error {
		return diag.Errorf(codeRoot, "reading the trusted root: "+format, args...).
			WithWhy("what it says decides whose signatures hold, so nothing in it is guessed").
			WithHelp("get trusted_root.json from whoever runs the instance")
	}
	if err := strictjson.Check(data, strictjson.Limits{MaxBytes: maxRoot, MaxDepth: 16, MaxValues: 65536}); err != nil {
		return nil, bad("%w", err)
	}
	material, err := root.NewTrustedRootFromJSON(data)
	if err != nil {
		return nil, bad("%w", err)
	}
	for _, ca := range material.FulcioCertificateAuthorities() {
		if f, ok := ca.(*root.FulcioCertificateAuthority); !ok || f.ValidityPeriodStart.IsZero() {
			return nil, bad("a certificate authority without validFor.start")
		}
	}
	for _, tsa := range material.TimestampingAuthorities() {
		if s, ok := tsa.(*root.SigstoreTimestampingAuthority); !ok || s.ValidityPeriodStart.IsZero() || s.Root == nil {
			return nil, bad("a timestamp authority without validFor.start, or without certificates")
		}
	}
	r := &Root{material: authorities(material)}
	if r.certified, err = verify.NewVerifier(r.material, r.demands()...); err != nil {
		return nil, bad("%w", err)
	}
	if r.chained, err = verify.NewVerifier(material, r.demands()...); err != nil {
		return nil, bad("%w", err)
	}
	return r, nil
}

// demands is what a bundle with a certificate must carry. An entry in a log, so that whoever's name is in the certificate can learn of
// it; a time from a timestamp authority or a log, because the certificate lived for minutes; and a log's word for the certificate
// itself, if the instance has logs for that.
func (r *Root) demands() []verify.VerifierOption {
	// The statement is decoded by us, from the bytes that were signed; sigstore-go's copy would lose digits of large numbers.
	list := []verify.VerifierOption{verify.WithTransparencyLog(1), verify.WithObserverTimestamps(1), verify.WithoutStatementPredicate()}
	if len(r.material.CTLogs()) > 0 {
		list = append(list, verify.WithSignedCertificateTimestamps(1))
	}
	return list
}

// at is r with those logs alone that may be believed at all of times. A log of the second kind (Rekor v2) says no time itself, and
// sigstore-go v1.3.0 leaves its window unchecked.
func (r *Root) at(times []verify.TimestampVerificationResult) (timed, bool) {
	all := r.material.RekorLogs()
	valid := map[string]*root.TransparencyLog{}
	for id, log := range all {
		if within(log.ValidityPeriodStart, log.ValidityPeriodEnd, times) {
			valid[id] = log
		}
	}
	return timed{TrustedMaterial: r.material, logs: valid}, len(valid) == len(all)
}

// within tells whether all times lie in a closed window; a zero end is open.
func within(start, end time.Time, times []verify.TimestampVerificationResult) bool {
	for _, t := range times {
		if t.Timestamp.Before(start) || (!end.IsZero() && t.Timestamp.After(end)) {
			return false
		}
	}
	return true
}

// timed is a trusted root with fewer logs.
type timed struct {
	root.TrustedMaterial
	logs map[string]*root.TransparencyLog
}

// RekorLogs are the logs that are left, by the hex of their id.
func (t timed) RekorLogs() map[string]*root.TransparencyLog { return t.logs }

// parseCertificate reads the leaf of a bundle, for words only: nothing about it is checked.
func (m verificationMaterial) parseCertificate() *x509.Certificate {
	var c certificate
	if m.Certificate == nil || strictjson.Unmarshal(m.Certificate, &c, materialLimits) != nil {
		return nil
	}
	leaf, err := x509.ParseCertificate(c.RawBytes)
	if err != nil {
		return nil
	}
	return leaf
}

// quoteErr keeps a library's words about a stranger's bundle to one line, which may hold some of the bundle's text.
func quoteErr(err error) error {
	const limit = 240
	if text := err.Error(); len(text) > limit {
		return errors.New(text[:limit] + "...")
	}
	return err
}
