package admission

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"time"
)

// Authority is a certificate authority for one webhook: what API servers trust in (caBundle), and what makes the certificate that is served.
// It needs no cert-manager and nothing of it lives in the cluster but the served pair.
type Authority struct {
	Certificate []byte // PEM
	Key         []byte // PEM, PKCS #8; whoever has it can stand in for the webhook

	parsed *x509.Certificate
	signer crypto.Signer
}

const (
	authorityLife = 10 * 365 * 24 * time.Hour
	// MaxLeaf is the longest life of a served certificate.
	MaxLeaf = 398 * 24 * time.Hour
)

// NewAuthority makes one that is valid for ten years from now.
func NewAuthority(now time.Time) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	t, err := certificate("selfsame-guard webhook authority", now, authorityLife)
	if err != nil {
		return nil, err
	}
	t.IsCA, t.MaxPathLenZero, t.KeyUsage = true, true, x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return ReadAuthority(encodePEM("CERTIFICATE", der), encodePEM("PRIVATE KEY", private))
}

// ReadAuthority reads one that was made before.
func ReadAuthority(cert, key []byte) (*Authority, error) {
	c, _ := pem.Decode(cert)
	k, _ := pem.Decode(key)
	if c == nil || k == nil {
		return nil, errors.New("the authority's certificate or key is not PEM")
	}
	parsed, err := x509.ParseCertificate(c.Bytes)
	if err != nil {
		return nil, err
	}
	private, err := x509.ParsePKCS8PrivateKey(k.Bytes)
	if err != nil {
		return nil, err
	}
	signer, ok := private.(*ecdsa.PrivateKey)
	if !ok || !signer.PublicKey.Equal(parsed.PublicKey) {
		return nil, errors.New("the authority's certificate and key do not belong together")
	}
	return &Authority{Certificate: bytes.Clone(cert), Key: bytes.Clone(key), parsed: parsed, signer: signer}, nil
}

// Issue makes a certificate and key (PEM) for a server of these names.
func (a *Authority) Issue(now time.Time, life time.Duration, names ...string) (cert, key []byte, err error) {
	switch {
	case len(names) == 0:
		return nil, nil, errors.New("a certificate needs a name")
	case life <= 0 || life > MaxLeaf:
		return nil, nil, fmt.Errorf("a certificate lives for a day to %d days", int(MaxLeaf.Hours())/24)
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	t, err := certificate(names[0], now, life)
	if err != nil {
		return nil, nil, err
	}
	t.DNSNames, t.IPAddresses = hosts(names)
	t.KeyUsage, t.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	der, err := x509.CreateCertificate(rand.Reader, t, a.parsed, &private.PublicKey, a.signer)
	if err != nil {
		return nil, nil, err
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, nil, err
	}
	return encodePEM("CERTIFICATE", der), encodePEM("PRIVATE KEY", encoded), nil
}

func certificate(name string, now time.Time, life time.Duration) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	return &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: clip(name, 64)},
		NotBefore:             now.Add(-5 * time.Minute), // clocks differ
		NotAfter:              now.Add(life),
		BasicConstraintsValid: true,
	}, nil
}

func encodePEM(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// hosts sorts names into those of DNS and addresses.
func hosts(names []string) (dns []string, addresses []net.IP) {
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			addresses = append(addresses, ip)
		} else {
			dns = append(dns, n)
		}
	}
	return dns, addresses
}

// ServiceNames are what an API server may call a Service by.
func ServiceNames(service, namespace string) []string {
	return []string{fmt.Sprintf("%s.%s.svc", service, namespace), fmt.Sprintf("%s.%s.svc.cluster.local", service, namespace)}
}
