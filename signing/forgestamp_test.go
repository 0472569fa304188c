package signing_test

import (
	"crypto/x509"
	"encoding/asn1"
	"slices"
	"testing"
)

// inject adds certificates to a timestamp, before its own or behind them: no signature covers that part (RFC 5652 §5.1, certificates).
func (f *forge) inject(stamp []byte, before bool, certs ...*x509.Certificate) []byte {
	f.t.Helper()
	var response struct{ Status, Token asn1.RawValue }
	f.read(stamp, &response)
	var token struct {
		Type    asn1.ObjectIdentifier
		Content asn1.RawValue
	}
	f.read(response.Token.FullBytes, &token)
	var signed struct {
		Version                                 int
		Digests, Content, Certificates, Signers asn1.RawValue
	}
	f.read(token.Content.Bytes, &signed)
	var more []byte
	for _, c := range certs {
		more = append(more, c.Raw...)
	}
	all := slices.Concat(signed.Certificates.Bytes, more)
	if before {
		all = slices.Concat(more, signed.Certificates.Bytes)
	}
	wrap := func(data []byte) asn1.RawValue {
		return asn1.RawValue{Class: asn1.ClassContextSpecific, IsCompound: true, Bytes: data}
	}
	signed.Certificates = wrap(all)
	token.Content = wrap(f.written(signed))
	response.Token = asn1.RawValue{FullBytes: f.written(token)}
	return f.written(response)
}

func (f *forge) read(der []byte, to any) {
	f.t.Helper()
	_, err := asn1.Unmarshal(der, to)
	f.check(err)
}

func (f *forge) written(what any) []byte {
	f.t.Helper()
	der, err := asn1.Marshal(what)
	f.check(err)
	return der
}

// TestN3InjectedCertificates: whose certificates a timestamp carries decides nothing, wherever they stand (CVE-2026-39984).
func TestN3InjectedCertificates(t *testing.T) {
	f, stranger := newForge(t), newForge(t)
	p := f.signed(statement)
	for _, before := range []bool{true, false} {
		for name, certs := range map[string][]*x509.Certificate{"leaf": {f.tsaLeaf}, "chain": {f.tsaLeaf, f.tsaCA, f.root}} {
			p.stamps = [][]byte{f.inject(stranger.stamp(p.sig, f.now), before, certs...)}
			if before {
				name += " before"
			}
			t.Run(name, func(t *testing.T) { wantRefused(t, f.loadRoot(), p.bundle(t, nil), "A0555") })
		}
	}
	// The same surgery that adds nothing leaves a good stamp good.
	p.stamps = [][]byte{f.inject(f.stamp(p.sig, f.now), false)}
	wantGood(t, f.loadRoot(), p.bundle(t, nil), f.now)
}
