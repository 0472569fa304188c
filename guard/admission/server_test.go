package admission

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
)

// pair writes a certificate and key by an authority and gives their paths.
func pair(t *testing.T, a *Authority, dir string, now time.Time, life time.Duration) (cert, key string) {
	t.Helper()
	c, k, err := a.Issue(now, life, "127.0.0.1", "localhost")
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	for path, data := range map[string][]byte{cert: c, key: k} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

func authority(t *testing.T) (*Authority, *http.Client) {
	t.Helper()
	a, err := NewAuthority(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(a.Certificate)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return a, &http.Client{Transport: transport}
}

// running is a server, its addresses and what ends it.
type running struct {
	hook, health string
	stop         context.CancelFunc
	done         chan error
}

func start(t *testing.T, g *Gate, s Serving) running {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r := running{stop: cancel, done: make(chan error, 1)}
	listening := make(chan struct{})
	s.Listen, s.Health = "127.0.0.1:0", "127.0.0.1:0"
	s.Listening = func(hook, health net.Addr) {
		r.hook, r.health = "https://"+hook.String(), "http://"+health.String()
		close(listening)
	}
	if s.Failed == nil {
		s.Failed = func(error) {}
	}
	go func() { r.done <- g.Serve(ctx, s) }()
	select {
	case <-listening:
	case err := <-r.done:
		t.Fatal(err)
	}
	t.Cleanup(cancel)
	return r
}

func get(t *testing.T, c *http.Client, url string) (int, string) {
	t.Helper()
	resp, err := c.Get(url)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body)
}

func TestCertificatesAreRenewedWhileServing(t *testing.T) {
	a, client := authority(t)
	dir := t.TempDir()
	cert, key := pair(t, a, dir, time.Now(), time.Hour)
	certs, err := LoadCertificates(cert, key, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	var failed atomic.Int32
	r := start(t, newGate(t, &asker{}, nil), Serving{Certificates: certs, Renewal: 10 * time.Millisecond, Failed: func(error) { failed.Add(1) }})
	serial := func() string {
		client.CloseIdleConnections()
		resp, err := client.Get(r.hook + "/validate")
		if err != nil {
			return err.Error()
		}
		defer resp.Body.Close()
		return resp.TLS.PeerCertificates[0].SerialNumber.String()
	}
	first := serial()
	if err := os.WriteFile(key, []byte("half of it"), 0o600); err != nil {
		t.Fatal(err)
	}
	for failed.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	if got := serial(); got != first {
		t.Errorf("a broken key: %s is served, want %s", got, first)
	}
	pair(t, a, dir, time.Now(), 2*time.Hour)
	for deadline := time.Now().Add(time.Minute); serial() == first; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the new certificate is not served")
		}
	}
	if left := time.Until(certs.NotAfter()); left < time.Hour {
		t.Errorf("ends in %s", left)
	}
}

func TestReadiness(t *testing.T) {
	a, _ := authority(t)
	cert, key := pair(t, a, t.TempDir(), time.Now(), time.Hour)
	var ahead atomic.Int64
	clock := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	certs, err := LoadCertificates(cert, key, clock)
	if err != nil {
		t.Fatal(err)
	}
	var ready atomic.Value
	ready.Store("")
	r := start(t, newGate(t, &asker{}, nil), Serving{Certificates: certs, Ready: func() error {
		if text := ready.Load().(string); text != "" {
			return errors.New(text)
		}
		return nil
	}, Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "metrics") })})
	check := func(what string, code int, text string) {
		t.Helper()
		got, body := get(t, http.DefaultClient, r.health+"/readyz")
		if got != code || !strings.Contains(body, text) {
			t.Errorf("%s: %d %q, want %d %q", what, got, body, code, text)
		}
		if got, body := get(t, http.DefaultClient, r.health+"/livez"); got != 200 {
			t.Errorf("%s: not alive: %d %q", what, got, body)
		}
	}
	check("at first", 200, "ok")
	ready.Store("the deny list has ended")
	check("an engine that can decide nothing", 503, "the deny list has ended")
	ready.Store("")
	ahead.Store(int64(2 * time.Hour))
	check("an ended certificate", 503, "it ended at")
	ahead.Store(-int64(2 * time.Hour))
	check("a clock set back", 503, "it begins at")
	ahead.Store(0)
	check("a right clock", 200, "ok")
	if _, body := get(t, http.DefaultClient, r.health+"/metrics"); body != "metrics" {
		t.Error(body)
	}
	for name, path := range map[string]string{"no file": cert + "x", "a folder": filepath.Dir(cert), "a key": key} {
		if _, err := LoadCertificates(path, key, clock); err == nil {
			t.Errorf("%s is taken for a certificate", name)
		}
	}
	if _, err := LoadCertificates(cert, key, func() time.Time { return time.Now().Add(time.Hour * 2) }); err == nil {
		t.Error("an ended certificate is loaded")
	}
}

func TestShutdownLetsReviewsEnd(t *testing.T) {
	a, client := authority(t)
	cert, key := pair(t, a, t.TempDir(), time.Now(), time.Hour)
	certs, err := LoadCertificates(cert, key, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	release, asked := make(chan struct{}), make(chan struct{})
	resolver := resolverFunc(func(context.Context, string) (digest.Digest, error) {
		close(asked)
		<-release
		return good, nil
	})
	g := newGate(t, &asker{}, func(o *Options) { o.Tags = resolver })
	r := start(t, g, Serving{Certificates: certs, Drain: 50 * time.Millisecond})
	answer := make(chan string, 1)
	go func() {
		resp, err := client.Post(r.hook+"/mutate?timeout=10s", "application/json", strings.NewReader(podAsk(`{"containers":[{"name":"a","image":"x:v1"}]}`).body()))
		if err != nil {
			answer <- err.Error()
			return
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		answer <- string(body)
	}()
	<-asked
	r.stop()
	time.Sleep(20 * time.Millisecond)
	if code, body := get(t, http.DefaultClient, r.health+"/readyz"); code != 503 || !strings.Contains(body, "shutting down") {
		t.Errorf("while it drains: %d %s", code, body)
	}
	time.Sleep(60 * time.Millisecond)
	close(release)
	if got := <-answer; !strings.Contains(got, `"allowed":true`) || !strings.Contains(got, `"patch"`) {
		t.Errorf("the review under way got %s", got)
	}
	if err := <-r.done; err != nil {
		t.Error(err)
	}
}

// TestASlowBody drips a review, for which the server does not wait.
func TestASlowBody(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for the deadline of a body")
	}
	a, _ := authority(t)
	cert, key := pair(t, a, t.TempDir(), time.Now(), time.Hour)
	certs, err := LoadCertificates(cert, key, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	r := start(t, newGate(t, &asker{}, nil), Serving{Certificates: certs})
	conn, err := tls.Dial("tcp", strings.TrimPrefix(r.hook, "https://"), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	begin := time.Now()
	fmt.Fprintf(conn, "POST /validate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{")
	answer, _ := io.ReadAll(conn)
	if took := time.Since(begin); took < bodyTime/2 || took > 4*bodyTime || !strings.HasPrefix(string(answer), "HTTP/1.1 400") {
		t.Errorf("after %s: %s", took, answer)
	}
}

type resolverFunc func(context.Context, string) (digest.Digest, error)

func (f resolverFunc) Resolve(ctx context.Context, ref string) (digest.Digest, error) {
	return f(ctx, ref)
}
