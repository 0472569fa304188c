package admission

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/selfsame-build/selfsame/guard/engine"
	"github.com/selfsame-build/selfsame/internal/diag"
)

// Callers are the authorities by one of whom a caller's certificate has to be, from a file that others renew. nil: anyone may call. It is safe
// for concurrent use.
type Callers struct {
	file string
	now  engine.Clock

	mu      sync.Mutex
	present *x509.CertPool
	round   int64 // grows with each other pool
	seen    stamp // of the file that present is from
	failed  error // why the newest file is not in use
}

// LoadCallers reads authorities (PEM). A0920: the file cannot be read, holds something else, or no authority that is valid now.
func LoadCallers(file string, now engine.Clock) (*Callers, error) {
	c := &Callers{file: file, now: now}
	if err := c.Reload(); err != nil {
		return nil, err
	}
	return c, nil
}

// Reload reads the file if it has changed. One that cannot be used leaves the present authorities in place.
func (c *Callers) Reload() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, err := stampOf(c.file)
	if err != nil {
		return c.fail(err)
	}
	if now == c.seen && c.failed == nil {
		return nil
	}
	pool, err := readAuthorities(c.file, c.now())
	if err != nil {
		return c.fail(err)
	}
	if c.present == nil || !c.present.Equal(pool) {
		c.present, c.round = pool, c.round+1
	}
	c.seen, c.failed = now, nil
	return nil
}

func (c *Callers) fail(err error) error {
	c.failed = diag.Errorf(codeCertificate, "reading the authorities of callers (--client-ca) `%s`: %w", c.file, err).
		WithHelp("it holds one or more certificates in PEM, and nothing else")
	return c.failed
}

func readAuthorities(file string, now time.Time) (*x509.CertPool, error) {
	info, err := os.Stat(file)
	switch {
	case err != nil:
		return nil, err
	case info.Size() > maxPEM:
		return nil, fmt.Errorf("it has %d bytes; %d are the most", info.Size(), maxPEM)
	}
	rest, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool, good := x509.NewCertPool(), false
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("it holds a %.40s", block.Type)
		}
		one, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		good = good || !now.Before(one.NotBefore) && !now.After(one.NotAfter)
		pool.AddCert(one)
	}
	if len(bytes.TrimSpace(rest)) > 0 { // half a file, such as one that is being written, has fewer authorities than it will have
		return nil, errors.New("what follows its last certificate is none")
	}
	if !good { // nobody could call any more
		return nil, errors.New("it holds no certificate that is valid now")
	}
	return pool, nil
}

// Watch reads the file anew whenever it has changed, as Certificates.Watch does.
func (c *Callers) Watch(ctx context.Context, every time.Duration, failed func(error)) {
	watch(ctx, every, c.Reload, failed)
}

// check says why a caller is none of theirs, and by the authorities of which round that was decided.
func (c *Callers) check(chain []*x509.Certificate) (round int64, err error) {
	c.mu.Lock()
	roots, round := c.present, c.round
	c.mu.Unlock()
	if len(chain) == 0 {
		return round, errors.New("the caller has no certificate")
	}
	opts := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool(), CurrentTime: c.now(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	for _, one := range chain[1:] {
		opts.Intermediates.AddCert(one)
	}
	_, err = chain[0].Verify(opts)
	return round, err
}

// demand has a TLS server turn away who is none of theirs: at each handshake, a resumed one too.
func (c *Callers) demand(t *tls.Config) {
	t.ClientAuth = tls.RequireAnyClientCert // whose it is VerifyConnection says, by the newest authorities
	t.VerifyConnection = func(s tls.ConnectionState) error {
		_, err := c.check(s.PeerCertificates)
		return err
	}
}

type roundKey struct{}

// begin is http.Server.ConnContext: an API server keeps its connection for hours, in which an authority may be taken away.
func (c *Callers) begin(ctx context.Context, _ net.Conn) context.Context {
	return context.WithValue(ctx, roundKey{}, new(atomic.Int64))
}

// only lets through requests of connections whose caller is still one of theirs, and ends the others.
func (c *Callers) only(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		checked, ok := r.Context().Value(roundKey{}).(*atomic.Int64)
		c.mu.Lock()
		current := ok && checked.Load() == c.round
		c.mu.Unlock()
		if !current {
			var chain []*x509.Certificate
			if r.TLS != nil {
				chain = r.TLS.PeerCertificates
			}
			round, err := c.check(chain)
			if err != nil {
				w.Header().Set("Connection", "close")
				http.Error(w, "selfsame: this caller may not call any more: "+diag.Printable(clip(err.Error(), maxLine)), http.StatusForbidden)
				return
			}
			if ok {
				checked.Store(round)
			}
		}
		next.ServeHTTP(w, r)
	})
}
