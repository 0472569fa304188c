package signing_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"math/big"
	"time"
)

// witnessedLeaf is a leaf that a log of certificates has signed for (RFC 6962 §3.2, §3.3): the log signs the certificate without that word,
// and its issuer's key. told is what the log adds (SctExtensions).
func (f *forge) witnessedLeaf(key *ecdsa.PrivateKey, ctLog *forgedLog, told []byte) *x509.Certificate {
	f.t.Helper()
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	f.check(err)
	template := &x509.Certificate{
		SerialNumber: serial, EmailAddresses: []string{forgedSubject}, NotBefore: f.now.Add(-time.Minute), NotAfter: f.now.Add(9 * time.Minute),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, 1}, Value: []byte(forgedIssuer)}},
	}
	make := func() *x509.Certificate {
		der, err := x509.CreateCertificate(rand.Reader, template, f.ca, key.Public(), f.caKey)
		f.check(err)
		c, err := x509.ParseCertificate(der)
		f.check(err)
		return c
	}
	list, err := asn1.Marshal(sctList(f.sct(ctLog, make().RawTBSCertificate, told)))
	f.check(err)
	template.ExtraExtensions = append(template.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 4, 2}, Value: list})
	return make()
}

// sct is a SignedCertificateTimestamp v1 for a precertificate.
func (f *forge) sct(l *forgedLog, tbs, told []byte) []byte {
	f.t.Helper()
	at := binary.BigEndian.AppendUint64(nil, uint64(f.now.UnixMilli())) //nolint:gosec // a time of this century
	issuer := sha256.Sum256(f.ca.RawSubjectPublicKeyInfo)
	signed := append([]byte{0, 0}, at...)   // v1, certificate_timestamp
	signed = append(signed, 0, 1)           // precert_entry
	signed = append(signed, issuer[:]...)   // issuer_key_hash
	signed = append(signed, 0)              // tbs_certificate<1..2^24-1>
	signed = append(signed, short(tbs)...)  //
	signed = append(signed, short(told)...) // extensions
	sum := sha256.Sum256(signed)
	sig, err := l.key.Sign(rand.Reader, sum[:], crypto.SHA256)
	f.check(err)
	out := append([]byte{0}, l.id(f.t)...)
	out = append(out, at...)
	out = append(out, short(told)...)
	return append(append(out, 4, 3), short(sig)...) // sha256, ecdsa
}

// sctList is a SignedCertificateTimestampList of one.
func sctList(sct []byte) []byte { return short(short(sct)) }

// short is data after its length in two bytes.
func short(data []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(data))), data...) //nolint:gosec // less than 64 KiB here
}
