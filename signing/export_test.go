package signing

import "github.com/sigstore/sigstore-go/pkg/root"

// Issuer is the first certificate authority of r.
func (r *Root) Issuer() root.CertificateAuthority { return r.material.issuers[0] }

// Held counts the authorities of r of which a path is remembered.
func (r *Root) Held() (issuers, clocks int) {
	for _, ca := range r.material.issuers {
		if ca.(*issuer).held.Load() != nil {
			issuers++
		}
	}
	for _, tsa := range r.material.clocks {
		if c, is := tsa.(*clock); is && c.held.Load() != nil {
			clocks++
		}
	}
	return issuers, clocks
}
