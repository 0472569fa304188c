package remote

import (
	"crypto/tls"
	"crypto/x509"
	"os"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// TLS names the files that a connection over tcp is secured with. The zero value is a connection in the clear.
type TLS struct {
	CA        string // certificates that the daemon's must lead to
	Cert, Key string // ours, for a daemon that asks for them
}

// Config reads the files; it is nil for a connection in the clear.
func (t TLS) Config() (*tls.Config, error) {
	if t == (TLS{}) {
		return nil, nil
	}
	if (t.Cert == "") != (t.Key == "") || t.CA == "" {
		return nil, diag.Errorf("A0323", "`--builder-tls-ca`, `--builder-tls-cert` and `--builder-tls-key` go together").
			WithWhy("a certificate of ours is of use only with its key, to a daemon whose own certificate is checked").
			WithHelp("give all three, or --builder-tls-ca alone")
	}
	const help = "correct --builder-tls-ca, --builder-tls-cert or --builder-tls-key"
	ca, err := os.ReadFile(t.CA)
	if err != nil {
		return nil, diag.Errorf("A0323", "reading a certificate: %w", err).WithHelp(help)
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: x509.NewCertPool()}
	if !c.RootCAs.AppendCertsFromPEM(ca) {
		return nil, diag.Errorf("A0323", "there is no certificate in `%s`", t.CA).WithHelp(help)
	}
	if t.Cert != "" {
		own, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, diag.Errorf("A0323", "reading our certificate: %w", err).WithHelp(help)
		}
		c.Certificates = []tls.Certificate{own}
	}
	return c, nil
}
