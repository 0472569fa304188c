package signing_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/selfsame-build/selfsame/trust"
)

// certifying is a certificate authority that makes leaf of whatever key it is given.
func (s *served) certifying(leaf func(*ecdsa.PrivateKey) *x509.Certificate) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var q struct {
			PublicKeyRequest struct {
				PublicKey struct{ Content string } `json:"publicKey"`
			} `json:"publicKeyRequest"`
		}
		raw, err := io.ReadAll(r.Body)
		s.check(err)
		s.check(json.Unmarshal(raw, &q))
		block, _ := pem.Decode([]byte(q.PublicKeyRequest.PublicKey.Content))
		public, err := x509.ParsePKIXPublicKey(block.Bytes)
		s.check(err)
		chain := []string{string(pemOf(leaf(&ecdsa.PrivateKey{PublicKey: *public.(*ecdsa.PublicKey)})))}
		s.check(json.NewEncoder(w).Encode(map[string]any{"signedCertificateEmbeddedSct": map[string]any{"chain": map[string]any{"certificates": chain}}}))
	}
}

// TestWho: who will sign is named whole, however long the name is, since rules are held against it; and where a certificate does not say who, that is
// an error, and not somebody whom no rule speaks of.
func TestWho(t *testing.T) {
	long := "https://github.com/a-team/" + strings.Repeat("a-repository-", 8) + "/.github/workflows/release.yml@refs/heads/main"
	for name, c := range map[string]struct {
		subject, issuer string
		change          func(*x509.Certificate) // of the template
		want            trust.Identity          // nobody: an error
	}{
		"as issued":     {subject: forgedSubject, issuer: forgedIssuer, want: forgedParty.Identity},
		"a long name":   {subject: long, issuer: forgedIssuer + "/" + long, want: trust.Identity{Issuer: forgedIssuer + "/" + long, Subject: long}},
		"of no subject": {issuer: forgedIssuer},
		"of no issuer":  {subject: forgedSubject},
		"whose issuer is no string of ASN.1": {subject: forgedSubject, change: func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, 8}, Value: []byte("no ASN.1")}}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := serveForge(t)
			s.instead[pathCA] = s.certifying(func(key *ecdsa.PrivateKey) *x509.Certificate {
				template := &x509.Certificate{
					NotBefore: s.now.Add(-time.Minute), NotAfter: s.now.Add(9 * time.Minute), KeyUsage: x509.KeyUsageDigitalSignature,
					ExtKeyUsage:     []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
					ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, 1}, Value: []byte(c.issuer)}},
				}
				if c.subject != "" {
					template.EmailAddresses = []string{c.subject}
				}
				if c.change != nil {
					c.change(template)
				}
				return s.cert(template, s.ca, key, s.caKey)
			})
			by, err := s.signer(nil).Who(context.Background())
			if c.want == (trust.Identity{}) {
				wantCode(t, err, "A0554")
			} else if err != nil {
				t.Fatal(err)
			}
			if by != (trust.Party{Identity: c.want}) {
				t.Errorf("it is %+v, want %+v", by, c.want)
			}
		})
	}
}
