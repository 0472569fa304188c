package signing_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	_ "crypto/sha1" // what must be refused
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"testing"
	"time"

	"github.com/digitorus/pkcs7"
	"github.com/digitorus/timestamp"

	"github.com/selfsame-build/selfsame/signing"
)

// token is a timestamp of sig by whoever has key, with these certificates in it.
func (f *forge) token(sig []byte, at time.Time, leaf *x509.Certificate, key *ecdsa.PrivateKey, embed bool, more ...*x509.Certificate) []byte {
	f.t.Helper()
	sum := sha256.Sum256(sig)
	ts := timestamp.Timestamp{HashAlgorithm: crypto.SHA256, HashedMessage: sum[:], Time: at, Policy: asn1.ObjectIdentifier{1, 2, 3}, AddTSACertificate: embed, Certificates: more}
	out, err := ts.CreateResponseWithOpts(leaf, key, crypto.SHA256)
	f.check(err)
	return out
}

// numbered is a certificate that goes by the issuer and number of f's timestamp authority, for a key that is not its.
func (f *forge) numbered(key *ecdsa.PrivateKey) *x509.Certificate {
	f.t.Helper()
	template := *f.tsaLeaf
	template.ExtraExtensions = f.tsaLeaf.Extensions
	der, err := x509.CreateCertificate(rand.Reader, &template, &x509.Certificate{RawSubject: f.tsaLeaf.RawIssuer, SubjectKeyId: f.tsaCA.SubjectKeyId}, key.Public(), key)
	f.check(err)
	c, err := x509.ParseCertificate(der)
	f.check(err)
	return c
}

// odd is a timestamp as no server here would make one: content, signed n times with key, and one more certificate.
func (f *forge) odd(content []byte, n int, leaf *x509.Certificate, key *ecdsa.PrivateKey, more ...*x509.Certificate) []byte {
	f.t.Helper()
	sd, err := pkcs7.NewSignedData(content)
	f.check(err)
	sd.GetSignedData().ContentInfo.ContentType = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4}
	sd.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA256)
	for i := range n {
		f.check(sd.AddSigner(leaf, key, pkcs7.SignerInfoConfig{SkipCertificates: i > 0}))
	}
	for _, c := range more {
		sd.AddCertificate(c)
	}
	token, err := sd.Finish()
	f.check(err)
	out, err := asn1.Marshal(struct {
		Status struct{ Status int }
		Token  asn1.RawValue
	}{Token: asn1.RawValue{FullBytes: token}})
	f.check(err)
	if _, err := timestamp.ParseResponse(out); err != nil {
		f.t.Fatalf("this is no timestamp at all: %v", err)
	}
	return out
}

// info is what a timestamp says of sig (RFC 3161, TSTInfo).
func (f *forge) info(hash crypto.Hash, oid asn1.ObjectIdentifier, sig []byte) []byte {
	f.t.Helper()
	type imprint struct {
		Algorithm pkix.AlgorithmIdentifier
		Hashed    []byte
	}
	h := hash.New()
	h.Write(sig)
	out, err := asn1.Marshal(struct {
		Version int
		Policy  asn1.ObjectIdentifier
		Imprint imprint
		Number  int
		Time    time.Time `asn1:"generalized"`
	}{1, asn1.ObjectIdentifier{1, 2, 3}, imprint{pkix.AlgorithmIdentifier{Algorithm: oid}, h.Sum(nil)}, 1, f.now})
	f.check(err)
	return out
}

// What sigstore-go says of an authority's first timestamp is what is said of every other.
func TestClock(t *testing.T) {
	f, stranger := newForge(t), newForge(t)
	f.tsaWindow = window{f.now.Add(-20 * time.Second), f.now.Add(20 * time.Second)} // less than the certificate's
	p := f.signed(statement)
	key := f.newKey()
	cousin := f.again(f.tsaLeaf, f.tsaCA, key, f.tsaCAKey, func(*x509.Certificate) {})
	numbered := f.numbered(key)
	sha256Info := f.info(crypto.SHA256, asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}, p.sig)
	sha1Info := f.info(crypto.SHA1, asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}, p.sig)
	whole := f.stamp(p.sig, f.now)
	for name, c := range map[string]struct {
		stamp []byte
		good  bool
	}{
		"its certificate":               {whole, true},
		"no certificate":                {f.token(p.sig, f.now, f.tsaLeaf, f.tsaKey, false), true},
		"its whole chain":               {f.token(p.sig, f.now, f.tsaLeaf, f.tsaKey, true, f.tsaCA, f.root), true},
		"nothing":                       {nil, false},
		"cut off":                       {whole[:len(whole)-1], false},
		"more after it":                 {append(whole[:len(whole):len(whole)], 0), false},
		"of another signature":          {f.stamp([]byte("x"), f.now), false},
		"of another, no certificate":    {f.token([]byte("x"), f.now, f.tsaLeaf, f.tsaKey, false), false},
		"of SHA-1":                      {f.odd(sha1Info, 1, f.tsaLeaf, f.tsaKey), false},
		"of another instance":           {stranger.stamp(p.sig, f.now), false},
		"another key":                   {f.token(p.sig, f.now, f.tsaLeaf, key, true), false},
		"another key, no certificate":   {f.token(p.sig, f.now, f.tsaLeaf, key, false), false},
		"another of its issuer's":       {f.token(p.sig, f.now, cousin, key, true), false},
		"another that goes by its name": {f.token(p.sig, f.now, numbered, key, true), false},
		"another, then itself":          {f.odd(sha256Info, 1, numbered, key, f.tsaLeaf), false},
		"two signers":                   {f.odd(sha256Info, 2, f.tsaLeaf, f.tsaKey), false},
		"one signer":                    {f.odd(sha256Info, 1, f.tsaLeaf, f.tsaKey), true},
		"no signer":                     {f.odd(sha256Info, 0, f.tsaLeaf, f.tsaKey), false},
		"after its window":              {f.stamp(p.sig, f.now.Add(21*time.Second)), false},
		"before its window":             {f.stamp(p.sig, f.now.Add(-21*time.Second)), false},
		"after it, no certificate":      {f.token(p.sig, f.now.Add(21*time.Second), f.tsaLeaf, f.tsaKey, false), false},
	} {
		t.Run(name, func(t *testing.T) {
			p.stamps = [][]byte{c.stamp}
			bundle := p.bundle(t, nil)
			warm := f.loadRoot()
			f.warm(warm)
			for _, r := range []*signing.Root{f.loadRoot(), warm} {
				if c.good {
					wantGood(t, r, bundle, f.now)
				} else {
					wantRefused(t, r, bundle, "A0555")
				}
			}
		})
	}
}
