package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// sessionKey: a token is for one repository, to read or to write.
type sessionKey struct {
	repo  string
	write bool
}

// maxSessions bounds the sessions that are kept. There are as many repositories as somebody makes up names, and a session costs some kB.
const maxSessions = 1024

// session is an authenticated way to one repository.
type session struct {
	mu    sync.Mutex // held while the handshake runs
	http  *http.Client
	guess *guess  // for as long as nothing but an answer says that no login is needed; nil: the handshake says
	host  url.URL // scheme and host; the transport puts the scheme that answers
	repo  name.Repository
}

// session gives the repository's session, making it on first use. A failed handshake is tried again by the next caller.
func (r *Repository) session(ctx context.Context, write bool) (*session, error) {
	key := sessionKey{r.repo.Name(), write}
	r.client.mu.Lock()
	s := r.client.sessions[key]
	if s == nil {
		if len(r.client.sessions) >= maxSessions {
			for some := range r.client.sessions { // who uses it goes on using it, and the next one logs in again
				delete(r.client.sessions, some)
				break
			}
		}
		s = &session{repo: r.repo}
		r.client.sessions[key] = s
	}
	r.client.mu.Unlock()

	s.mu.Lock()
	defer s.mu.Unlock()
	if s.http != nil || s.guess != nil {
		return s, nil
	}
	return s, s.open(ctx, r.client, write)
}

// open readies a session: with a guess where one may be made, or else with the handshake.
func (s *session) open(ctx context.Context, c *Client, write bool) error {
	ctx, cancel := context.WithTimeout(ctx, smallTimeout)
	defer cancel()
	auth, err := authn.Resolve(ctx, c.opts.Keychain, s.repo)
	if err != nil {
		return fmt.Errorf("reading the credentials for %s: %w", s.repo.RegistryStr(), err)
	}
	s.host = url.URL{Scheme: "https", Host: s.repo.RegistryStr()}
	if s.guess = guessFor(c, s.repo.Registry, auth); s.guess != nil && !write {
		return nil
	}
	s.guess = nil
	scope := s.repo.Scope(transport.PullScope)
	if write {
		scope = s.repo.Scope(transport.PushScope)
	}
	return s.handshake(ctx, c.base, auth, scope)
}

// handshake asks the registry, by way of base, how it wants to be talked to, and logs in.
func (s *session) handshake(ctx context.Context, base http.RoundTripper, auth authn.Authenticator, scope string) error {
	rt, err := transport.NewWithContext(ctx, s.repo.Registry, auth, base, []string{scope})
	if err != nil {
		return fmt.Errorf("logging in to %s: %w", s.repo.RegistryStr(), err)
	}
	s.http = &http.Client{Transport: rt, CheckRedirect: checkRedirect}
	return nil
}

// checkRedirect follows a registry to where it keeps its blobs, a few hops at most, and from another machine never back to
// this one. The watchdog refuses plain http.
func checkRedirect(req *http.Request, via []*http.Request) error {
	switch {
	case len(via) >= 5:
		return errors.New("more than 5 redirects")
	case loopback(req.URL.Hostname()) && !loopback(via[0].URL.Hostname()):
		return fmt.Errorf("redirect from %s to this machine", via[0].URL.Host)
	}
	return nil
}

// url gives the address of path below the repository, as in url("manifests", "sha256:...").
func (s *session) url(kind, item string) string {
	u := s.host
	u.Path = "/v2/" + s.repo.RepositoryStr() + "/" + kind + "/" + item
	return u.String()
}

// do sends a request without a body, or with one that can be had again.
func (s *session) do(ctx context.Context, method, address string, body io.Reader, header http.Header) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return nil, err
	}
	for k, v := range header {
		req.Header[k] = v
	}
	client, resp, err := s.ready(req)
	if err != nil {
		return nil, err
	}
	if resp == nil {
		if resp, err = client.Do(req); err != nil {
			return nil, err
		}
	}
	if resp.StatusCode != http.StatusUnauthorized {
		return resp, nil
	}
	if client, err = s.doubt(ctx, client); err != nil || client == nil {
		return resp, nil
	}
	discard(resp)
	return client.Do(req)
}
