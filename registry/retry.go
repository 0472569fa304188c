package registry

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"
)

// maxWait bounds one wait between attempts, whatever Retry-After says.
const maxWait = 30 * time.Second

// retrier repeats requests that failed in a way that may pass. A request whose body cannot be had again is not repeated
// here; whoever made it starts over.
type retrier struct {
	inner    http.RoundTripper
	attempts int
	first    time.Duration // wait before the second attempt; each later one is twice as long
	sleep    func(context.Context, time.Duration) error
	jitter   func() float64 // in [0,1)
}

// RoundTrip implements http.RoundTripper.
func (r *retrier) RoundTrip(req *http.Request) (*http.Response, error) {
	wait := r.first
	for attempt := 1; ; attempt++ {
		// A fresh body at the first attempt too: when a token ran out, go-containerregistry sends one request twice and
		// leaves its body at the end.
		req, err := fresh(req)
		if err != nil {
			return nil, err
		}
		resp, err := r.inner.RoundTrip(req)
		again := req.Body == nil || req.Body == http.NoBody || req.GetBody != nil
		if attempt >= r.attempts || !again || !mayPass(resp, err) || req.Context().Err() != nil {
			return resp, err
		}
		pause := wait/2 + time.Duration(r.jitter()*float64(wait))
		if resp != nil {
			if asked, ok := retryAfter(resp.Header); ok {
				pause = min(asked, maxWait)
			}
			discard(resp)
		}
		if err := r.sleep(req.Context(), pause); err != nil {
			return nil, err
		}
		wait = min(wait*2, maxWait)
	}
}

// fresh gives the request with its body at the begin, if it can be had again.
func fresh(req *http.Request) (*http.Request, error) {
	if req.GetBody == nil {
		return req, nil
	}
	body, err := req.GetBody()
	if err != nil {
		return nil, err
	}
	req = req.Clone(req.Context())
	req.Body = body
	return req, nil
}

// mayPass says whether the same request may succeed later.
func mayPass(resp *http.Response, err error) bool {
	if err != nil {
		return lostConnection(err)
	}
	switch resp.StatusCode {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

func lostConnection(err error) bool {
	var timeout net.Error
	var name *net.DNSError
	if errors.As(err, &name) { // a name server that is busy (many look-ups at once), not one that says no
		return name.Temporary() && !name.IsNotFound
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) ||
		errors.Is(err, syscall.EPIPE) || (errors.As(err, &timeout) && timeout.Timeout() && !errors.Is(err, errStalled))
}

// retryAfter reads the header in both of its forms (RFC 9110 §10.2.3); a date counts from the answer's own Date, so that no
// clock of ours is needed.
func retryAfter(h http.Header) (time.Duration, bool) {
	v := h.Get("Retry-After")
	if s, err := strconv.Atoi(v); err == nil && s >= 0 {
		return time.Duration(min(s, 3600)) * time.Second, true
	}
	at, err := http.ParseTime(v)
	if err != nil {
		return 0, false
	}
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return 0, false
	}
	return max(at.Sub(now), 0), true
}

// discard reads a little of a body that nobody wants, so that the connection can be used again.
func discard(resp *http.Response) {
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10)
	resp.Body.Close()
}
