package admission

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/selfsame-build/selfsame/guard/engine"
	"github.com/selfsame-build/selfsame/internal/diag"
)

// The diagnostics of this package; internal/diag/codes_guard.go has their pages.
const (
	codeCertificate diag.Code = "A0920"
	codeListen      diag.Code = "A0921"
)

// Certificates is a server's certificate and key, from files that others renew. It is safe for concurrent use.
type Certificates struct {
	certFile, keyFile string
	now               engine.Clock

	mu      sync.Mutex
	present *tls.Certificate
	seen    [2]stamp // of the files that present is from, or that could not be used
	failed  error    // why the newest files are not in use
}

type stamp struct {
	size    int64
	changed time.Time
}

func stampOf(path string) (stamp, error) {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}, err
	}
	return stamp{info.Size(), info.ModTime()}, nil
}

// maxPEM bounds a certificate or key file, in bytes.
const maxPEM = 1 << 20

// LoadCertificates reads certificate and key (PEM). A0920: they cannot be read, do not belong together, or have ended.
func LoadCertificates(certFile, keyFile string, now engine.Clock) (*Certificates, error) {
	c := &Certificates{certFile: certFile, keyFile: keyFile, now: now}
	if err := c.Reload(); err != nil {
		return nil, err
	}
	if err := c.Check(); err != nil {
		return nil, err
	}
	return c, nil
}

// Reload reads the files if they have changed. Files that cannot be used leave the present certificate in place: a renewal writes two files,
// and in between they do not belong together.
func (c *Certificates) Reload() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var now [2]stamp
	for i, path := range []string{c.certFile, c.keyFile} {
		var err error
		if now[i], err = stampOf(path); err != nil {
			return c.fail(err)
		}
	}
	if now == c.seen && c.failed == nil {
		return nil
	}
	pair, err := readPair(c.certFile, c.keyFile)
	if err == nil && c.present != nil { // at the start Check says it, with the rest
		err = usable(pair.Leaf, c.now())
	}
	if err != nil {
		return c.fail(err)
	}
	c.present, c.seen, c.failed = pair, now, nil
	return nil
}

func (c *Certificates) fail(err error) error {
	c.failed = diag.Errorf(codeCertificate, "reading the certificate `%s` and its key: %w", c.certFile, err).
		WithHelp("make both with: selfsame-guard certificate --out DIR")
	return c.failed
}

func readPair(certFile, keyFile string) (*tls.Certificate, error) {
	var pem [2][]byte
	for i, path := range []string{certFile, keyFile} {
		info, err := os.Stat(path)
		switch {
		case err != nil:
			return nil, err
		case info.Size() > maxPEM:
			return nil, fmt.Errorf("%s has %d bytes; %d are the most", path, info.Size(), maxPEM)
		}
		if pem[i], err = os.ReadFile(path); err != nil {
			return nil, err
		}
	}
	pair, err := tls.X509KeyPair(pem[0], pem[1])
	if err != nil {
		return nil, err
	}
	if pair.Leaf == nil {
		if pair.Leaf, err = x509.ParseCertificate(pair.Certificate[0]); err != nil {
			return nil, err
		}
	}
	return &pair, nil
}

// Watch reads the files anew whenever they have changed, looking every so often, until ctx ends. failed is told of files that cannot be used.
func (c *Certificates) Watch(ctx context.Context, every time.Duration, failed func(error)) {
	watch(ctx, every, c.Reload, failed)
}

func watch(ctx context.Context, every time.Duration, reload func() error, failed func(error)) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := reload(); err != nil {
				failed(err)
			}
		}
	}
}

// Config is for a server: each connection gets the newest certificate. callers, unless nil, are who may connect at all.
func (c *Certificates) Config(callers *Callers) *tls.Config {
	t := &tls.Config{
		MinVersion: tls.VersionTLS13, // the API server's client is Go's own
		NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			c.mu.Lock()
			defer c.mu.Unlock()
			return c.present, nil
		},
	}
	if callers != nil {
		callers.demand(t)
	}
	return t
}

// NotAfter is when the certificate that is served ends.
func (c *Certificates) NotAfter() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.present.Leaf.NotAfter
}

// Check says whether the certificate that is served is valid now. A0920: it is not, which means that the API server refuses every request
// that this gate is asked about.
func (c *Certificates) Check() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	err := usable(c.present.Leaf, c.now())
	if err == nil {
		return nil
	}
	return diag.Errorf(codeCertificate, "the certificate `%s` cannot be served: %w", c.certFile, err).
		WithHelp("make another with: selfsame-guard certificate --out DIR")
}

// usable says why a certificate cannot be served now.
func usable(leaf *x509.Certificate, now time.Time) error {
	switch {
	case now.After(leaf.NotAfter):
		return fmt.Errorf("it ended at %s", leaf.NotAfter.UTC().Format(time.RFC3339))
	case now.Before(leaf.NotBefore):
		return fmt.Errorf("it begins at %s; is the clock of this machine right?", leaf.NotBefore.UTC().Format(time.RFC3339))
	case len(leaf.DNSNames) == 0 && len(leaf.IPAddresses) == 0:
		return errors.New("it names no host")
	}
	return nil
}
