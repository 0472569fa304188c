package inputs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// errStalled ends an upstream request that sent nothing for RecorderOptions.Stall.
var errStalled = errors.New("upstream sent nothing for too long")

// fly makes the upstream request of a flight, stores the answer and ends the flight. A flight that fails is forgotten, so
// that the client's own retry gets another try.
func (m *recorder) fly(f *flight, k key, target string, header http.Header) {
	a, fail := m.capture(f, target, header)
	if fail != nil && fail.outcome == OutcomeRefused && f.file == "" { // nothing of it has been sent
		a, fail = m.refusal(k, fail)
	}
	if fail != nil {
		m.mu.Lock()
		delete(m.flights, k)
		m.mu.Unlock()
	}
	f.end(a, fail)
}

// capture asks upstream and stores what comes.
func (m *recorder) capture(f *flight, target string, header http.Header) (answer, *failure) {
	ctx, cancel := context.WithCancelCause(m.ctx)
	defer cancel(nil)
	watch := time.AfterFunc(m.o.Stall, func() { cancel(errStalled) })
	defer watch.Stop()

	resp, err := m.ask(ctx, watch, target, header)
	if err != nil {
		return answer{}, failed(ctx, err)
	}
	defer resp.Body.Close()
	if fail := refuseResponse(resp); fail != nil {
		return answer{}, fail
	}
	m.unmirror(target, resp.Header)
	kept := keepHeaders(resp.Header)
	if hidden(m.o.Secrets).in(string(headerText(kept))) {
		return answer{}, failed(ctx, errRepeats)
	}
	if m.learn(target, resp.Header.Get("Location")) {
		resp.Body.Close() // its "moved to" page would repeat the secret
		resp.Body, resp.ContentLength = http.NoBody, 0
	}
	headers, err := m.store.PutBytes(ctx, headerText(kept))
	if err != nil {
		return answer{}, failed(ctx, err)
	}
	body, err := m.body(f, resp, kept, watch)
	if err != nil {
		return answer{}, failed(ctx, err)
	}
	return answer{status: resp.StatusCode, headers: headers, body: body, kept: kept}, nil
}

// body streams the response into the store while the flight's readers follow.
func (m *recorder) body(f *flight, resp *http.Response, kept http.Header, watch *time.Timer) (Blob, error) {
	w, err := m.store.create(m.o.MaxBody)
	if err != nil {
		return Blob{}, err
	}
	defer w.abort()
	if resp.ContentLength > m.o.MaxBody {
		return Blob{}, fmt.Errorf("%w (%d bytes)", ErrTooLarge, m.o.MaxBody)
	}
	f.head(resp.StatusCode, kept, resp.ContentLength, w.f.Name())
	buf, scan := make([]byte, 128<<10), scanner{hidden: m.o.Secrets}
	for {
		n, err := resp.Body.Read(buf)
		watch.Reset(m.o.Stall)
		if scan.found(buf[:n]) {
			return Blob{}, errRepeats
		}
		if _, werr := w.Write(buf[:n]); werr != nil {
			return Blob{}, werr
		}
		f.grow(n)
		if err == io.EOF {
			return w.commit()
		}
		if err != nil {
			return Blob{}, fmt.Errorf("reading the body: %w", err)
		}
	}
}

// learn remembers where a redirect with secrets really leads, and says whether this is one; clients get to see and ask
// for the redacted URL.
func (m *recorder) learn(target, location string) bool {
	if location == "" {
		return false
	}
	to, ok := resolve(target, location)
	if !ok {
		return false
	}
	hidden, secret := redactURL(to)
	if secret {
		m.mu.Lock()
		m.real[hidden] = realURL{url: to}
		m.mu.Unlock()
	}
	return secret
}

// ask sends the request until there is an answer worth keeping, at most Attempts times.
func (m *recorder) ask(ctx context.Context, watch *time.Timer, target string, header http.Header) (*http.Response, error) {
	where, transport, g := m.upstream(target)
	u, err := url.Parse(where)
	if err != nil {
		return nil, err
	}
	if err := g.checkURL(u); err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		req := (&http.Request{Method: http.MethodGet, URL: u, Host: u.Host, Header: header.Clone(), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}).WithContext(ctx)
		resp, err := transport.RoundTrip(req)
		watch.Reset(m.o.Stall)
		if try >= m.o.Attempts || !worthRetry(ctx, resp, err) {
			return resp, err
		}
		pause := m.o.Backoff << (try - 1)
		if resp != nil {
			pause = max(pause, retryAfter(resp))
			resp.Body.Close()
		}
		watch.Reset(pause + m.o.Stall)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// worthRetry is true for failures of the moment: look-ups that fail when many run at once, resets, overload.
func worthRetry(ctx context.Context, resp *http.Response, err error) bool {
	if err != nil {
		var private *privateError
		return ctx.Err() == nil && !errors.As(err, &private)
	}
	return momentary(resp.StatusCode)
}

// momentary is true for statuses that say nothing of the resource: overload, timeouts, and every error of the server.
func momentary(status int) bool {
	return status >= 500 || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout || status == http.StatusTooEarly
}

// retryAfter is what the server asks for in seconds, at most 30.
func retryAfter(resp *http.Response) time.Duration {
	n, err := strconv.Atoi(resp.Header.Get("Retry-After"))
	if err != nil || n < 0 {
		return 0
	}
	return time.Duration(min(n, 30)) * time.Second
}

// refuseResponse says which answers cannot be sealed.
func refuseResponse(resp *http.Response) *failure {
	for _, v := range resp.Header.Values("Vary") {
		for _, name := range strings.Split(v, ",") {
			if strings.TrimSpace(name) == "*" {
				return &failure{OutcomeRefused, http.StatusBadGateway, diag.RequestRefused, "the answer says Vary: *, so it depends on more than URL and Accept"}
			}
		}
	}
	switch {
	case resp.Uncompressed:
		return &failure{OutcomeFailed, http.StatusBadGateway, diag.RequestFailed, "the transport changed the body"}
	case momentary(resp.StatusCode):
		return &failure{OutcomeFailed, resp.StatusCode, diag.RequestFailed, fmt.Sprintf("upstream answered %d", resp.StatusCode)}
	case resp.StatusCode < 200, resp.StatusCode == http.StatusPartialContent, resp.StatusCode == http.StatusNotModified:
		return &failure{OutcomeFailed, http.StatusBadGateway, diag.RequestFailed, fmt.Sprintf("upstream answered %d to a plain GET", resp.StatusCode)}
	}
	return nil
}

// failed makes a failure of an error.
func failed(ctx context.Context, err error) *failure {
	var private *privateError
	if errors.As(err, &private) {
		return &failure{OutcomeRefused, http.StatusForbidden, diag.RequestPrivate, private.Error()}
	}
	if errors.Is(err, errRepeats) {
		return &failure{OutcomeRefused, http.StatusBadGateway, diag.RequestRefused, err.Error()}
	}
	if cause := context.Cause(ctx); cause != nil && errors.Is(cause, errStalled) {
		err = cause
	}
	code := diag.RequestFailed
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) { // our fault, not upstream's
		code = diag.NoSpace
	}
	return &failure{OutcomeFailed, http.StatusBadGateway, code, safeError(err)}
}

// safeError is an error's text without the URL that net/http puts in, which may hold secrets.
func safeError(err error) string {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return err.Error()
}
