package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// errStalled is a request during which no byte moved for too long.
var errStalled = errors.New("the registry stalled")

// watchdog ends a request during which no byte moves for a while, and refuses plain http to other machines.
type watchdog struct {
	inner     http.RoundTripper
	stall     time.Duration
	plainHTTP bool
}

// RoundTrip implements http.RoundTripper.
func (w *watchdog) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme != "https" && !w.plainHTTP && !loopback(req.URL.Hostname()) {
		return nil, fmt.Errorf("refusing %s to %s: only this machine is talked to without TLS", req.URL.Scheme, req.URL.Host)
	}
	ctx, cancel := context.WithCancelCause(req.Context())
	timer := time.AfterFunc(w.stall, func() { cancel(fmt.Errorf("%w: no byte for %s", errStalled, w.stall)) })
	moved := func() { timer.Reset(w.stall) }
	stop := func() { timer.Stop(); cancel(nil) }

	out := req.Clone(ctx)
	if req.Body != nil && req.Body != http.NoBody {
		out.Body = &body{ReadCloser: req.Body, ctx: ctx, moved: moved, end: func() {}}
	}
	resp, err := w.inner.RoundTrip(out)
	if err != nil {
		err = because(ctx, err)
		stop()
		return nil, err
	}
	moved()
	resp.Body = &body{ReadCloser: resp.Body, ctx: ctx, moved: moved, end: stop}
	return resp, nil
}

// because prefers the reason for which a context was ended to what the transport made of it.
func because(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); errors.Is(cause, errStalled) {
		return cause
	}
	return err
}

// body tells the watchdog of every byte.
type body struct {
	io.ReadCloser
	ctx   context.Context
	moved func()
	end   func()
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 {
		b.moved()
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = because(b.ctx, err)
	}
	return n, err
}

// Close implements io.Closer.
func (b *body) Close() error {
	defer b.end()
	return b.ReadCloser.Close()
}

func loopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
