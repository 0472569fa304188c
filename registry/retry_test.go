package registry

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"
)

// script answers from a list, one entry a request.
type script struct {
	answers []func() (*http.Response, error)
	bodies  []string
}

func (f *script) RoundTrip(req *http.Request) (*http.Response, error) {
	body := ""
	if req.Body != nil {
		raw, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		body = string(raw)
	}
	f.bodies = append(f.bodies, body)
	next := f.answers[0]
	f.answers = f.answers[1:]
	return next()
}

func status429(header ...string) func() (*http.Response, error) {
	return func() (*http.Response, error) {
		rec := httptest.NewRecorder()
		for i := 0; i+1 < len(header); i += 2 {
			rec.Header().Set(header[i], header[i+1])
		}
		rec.WriteHeader(http.StatusTooManyRequests)
		return rec.Result(), nil
	}
}

func ok() (*http.Response, error) { return httptest.NewRecorder().Result(), nil }

func broken(err error) func() (*http.Response, error) {
	return func() (*http.Response, error) { return nil, err }
}

// TestRetryWaits pins down how long each wait is.
func TestRetryWaits(t *testing.T) {
	date := "Mon, 23 Nov 2026 10:00:00 GMT"
	for name, c := range map[string]struct {
		answers []func() (*http.Response, error)
		waits   []time.Duration
		status  int // 0: an error
	}{
		"back-off doubles":      {[]func() (*http.Response, error){status429(), status429(), ok}, []time.Duration{time.Second, 2 * time.Second}, 200},
		"seconds":               {[]func() (*http.Response, error){status429("Retry-After", "7"), ok}, []time.Duration{7 * time.Second}, 200},
		"bounded":               {[]func() (*http.Response, error){status429("Retry-After", "86400"), ok}, []time.Duration{maxWait}, 200},
		"date":                  {[]func() (*http.Response, error){status429("Date", date, "Retry-After", "Mon, 23 Nov 2026 10:00:09 GMT"), ok}, []time.Duration{9 * time.Second}, 200},
		"date in the past":      {[]func() (*http.Response, error){status429("Date", date, "Retry-After", "Mon, 23 Nov 2026 09:00:00 GMT"), ok}, []time.Duration{0}, 200},
		"nonsense":              {[]func() (*http.Response, error){status429("Retry-After", "-5"), ok}, []time.Duration{time.Second}, 200},
		"gives up":              {[]func() (*http.Response, error){status429(), status429(), status429()}, []time.Duration{time.Second, 2 * time.Second}, 429},
		"connection reset":      {[]func() (*http.Response, error){broken(syscall.ECONNRESET), broken(io.ErrUnexpectedEOF), ok}, []time.Duration{time.Second, 2 * time.Second}, 200},
		"refused is final":      {[]func() (*http.Response, error){broken(syscall.ECONNREFUSED)}, nil, 0},
		"name server busy":      {[]func() (*http.Response, error){broken(&net.DNSError{Err: "server misbehaving", IsTemporary: true}), ok}, []time.Duration{time.Second}, 200},
		"no such name is final": {[]func() (*http.Response, error){broken(&net.DNSError{Err: "no such host", IsNotFound: true})}, nil, 0},
		"a stall is final":      {[]func() (*http.Response, error){broken(errStalled)}, nil, 0},
		"another status stays":  {[]func() (*http.Response, error){ok}, nil, 200},
	} {
		inner := &script{answers: c.answers}
		var waits []time.Duration
		r := &retrier{inner: inner, attempts: 3, first: time.Second, jitter: func() float64 { return 0.5 }, sleep: func(_ context.Context, d time.Duration) error {
			waits = append(waits, d)
			return nil
		}}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://x/", strings.NewReader("body"))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := r.RoundTrip(req)
		if (err != nil) != (c.status == 0) || (err == nil && resp.StatusCode != c.status) {
			t.Errorf("%s: %v, %v", name, resp, err)
		}
		if len(waits) != len(c.waits) {
			t.Errorf("%s: waits %v, want %v", name, waits, c.waits)
			continue
		}
		for i := range waits {
			if waits[i] != c.waits[i] {
				t.Errorf("%s: waits %v, want %v", name, waits, c.waits)
			}
		}
		for i, b := range inner.bodies {
			if b != "body" {
				t.Errorf("%s: attempt %d sent %q", name, i+1, b)
			}
		}
	}
}

// TestRetryNotWithoutABody: a body that cannot be had again is sent once.
func TestRetryNotWithoutABody(t *testing.T) {
	inner := &script{answers: []func() (*http.Response, error){status429(), ok}}
	r := &retrier{inner: inner, attempts: 3, sleep: sleep, jitter: func() float64 { return 0 }}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://x/", io.MultiReader(strings.NewReader("once")))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := r.RoundTrip(req)
	if err != nil || resp.StatusCode != 429 || len(inner.bodies) != 1 {
		t.Errorf("%v, %v, %d attempts", resp, err, len(inner.bodies))
	}
}

// TestRetryEndsWithContext: nobody waits for a command that was interrupted.
func TestRetryEndsWithContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	inner := &script{answers: []func() (*http.Response, error){status429("Retry-After", "30"), ok}}
	r := &retrier{inner: inner, attempts: 3, sleep: sleep, jitter: func() float64 { return 0 }}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://x/", nil)
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(50*time.Millisecond, cancel)
	start := time.Now()
	if _, err := r.RoundTrip(req); !errors.Is(err, context.Canceled) || time.Since(start) > 5*time.Second {
		t.Errorf("%v after %v", err, time.Since(start))
	}
}

// TestPlainHTTP: only this machine is talked to without TLS, unless asked for.
func TestPlainHTTP(t *testing.T) {
	for host, local := range map[string]bool{"127.0.0.1:5000": true, "localhost:5000": true, "[::1]:5000": true, "x.localhost": true, "10.1.2.3": false, "example.com": false, "x.local": false} {
		for _, allowed := range []bool{false, true} {
			w := &watchdog{inner: &script{answers: []func() (*http.Response, error){ok}}, stall: time.Minute, plainHTTP: allowed}
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+host+"/v2/", nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := w.RoundTrip(req)
			if err == nil {
				resp.Body.Close()
			}
			if (err == nil) != (local || allowed) {
				t.Errorf("%s, allowed %v: %v", host, allowed, err)
			}
		}
	}
}
