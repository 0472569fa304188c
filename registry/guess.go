package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// guess spares the round trips in which a registry is asked how it wants to be talked to (GET /v2/): a read is sent at once, and its
// answer tells as much. It is only made where nothing but the question can be lost by it:
//   - there are no credentials for the registry, so none can go astray (N16);
//   - the scheme is https, or http to a port of this machine, which the handshake would come to as well;
//   - what is not answered with 200 is asked again after a handshake like any other. Over https the answer 401 is that handshake's
//     first half: it names the token server as the answer to GET /v2/ does (distribution-spec, "token authentication").
type guess struct {
	scheme string
	client *Client
	auth   authn.Authenticator
}

// guessFor gives nil where no guess may be made.
func guessFor(c *Client, reg name.Registry, auth authn.Authenticator) *guess {
	if auth != authn.Anonymous {
		return nil
	}
	g := &guess{reg.Scheme(), c, auth}
	if host := (&url.URL{Host: reg.RegistryStr()}).Hostname(); g.scheme != "https" && !loopback(host) {
		return nil // https might answer too
	}
	return g
}

// ready gives the client to send req with, or the answer to it if a guess came true.
func (s *session) ready(req *http.Request) (*http.Client, *http.Response, error) {
	s.mu.Lock()
	client, g := s.http, s.guess
	s.mu.Unlock()
	if client != nil {
		return client, nil, nil
	}
	resp, err := g.try(req)
	if err != nil && (req.Context().Err() != nil || errors.Is(err, errStalled)) {
		return nil, nil, err
	}
	known := g.base(s.repo.RegistryStr(), resp)
	if resp != nil && resp.StatusCode != http.StatusOK {
		discard(resp)
		resp = nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.http == nil {
		ctx, cancel := context.WithTimeout(req.Context(), smallTimeout)
		defer cancel()
		if err := s.handshake(ctx, known, g.auth, s.repo.Scope(transport.PullScope)); err != nil {
			if resp != nil {
				discard(resp)
			}
			return nil, nil, err
		}
		if resp == nil {
			s.guess = nil
		}
	}
	return s.http, resp, nil
}

// doubt makes a handshake in place of a guess that a later answer shows to be wrong: some of a repository may be read without a login, and
// not all. It gives the client to ask again with; nil where that would change nothing.
func (s *session) doubt(ctx context.Context, used *http.Client) (*http.Client, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.http != used {
		return s.http, nil
	}
	if s.guess == nil {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, smallTimeout)
	defer cancel()
	if err := s.handshake(ctx, s.guess.client.base, s.guess.auth, s.repo.Scope(transport.PullScope)); err != nil {
		return nil, err
	}
	s.guess = nil
	return s.http, nil
}

// try sends the request once. Whatever becomes of it, it may be sent again.
func (g *guess) try(req *http.Request) (*http.Response, error) {
	first := req.Clone(req.Context())
	first.URL.Scheme = g.scheme
	once := &http.Client{Transport: transport.NewUserAgent(g.client.once, ""), CheckRedirect: checkRedirect}
	return once.Do(first)
}

// base is what the handshake goes by: told, where the answer tells it, what the registry would have answered to GET /v2/.
func (g *guess) base(host string, resp *http.Response) http.RoundTripper {
	switch {
	case resp == nil:
	case resp.StatusCode == http.StatusOK:
		return &told{g.client.base, g.scheme, host, http.StatusOK, nil}
	case resp.StatusCode == http.StatusUnauthorized && g.scheme == "https" && resp.Request.URL.Scheme == "https" && resp.Request.URL.Host == host:
		return &told{g.client.base, g.scheme, host, http.StatusUnauthorized, resp.Header.Values("WWW-Authenticate")}
	}
	return g.client.base
}

// told answers GET /v2/ of one registry with what is known already, and passes on everything else.
type told struct {
	inner        http.RoundTripper
	scheme, host string
	status       int
	challenges   []string
}

// RoundTrip implements http.RoundTripper.
func (t *told) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Host != t.host || strings.Trim(req.URL.Path, "/") != "v2" {
		return t.inner.RoundTrip(req)
	}
	if req.URL.Scheme != t.scheme {
		return nil, fmt.Errorf("%s answers to %s", t.host, t.scheme)
	}
	header := http.Header{"Www-Authenticate": t.challenges}
	return &http.Response{StatusCode: t.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: header, Body: http.NoBody, Request: req}, nil
}
