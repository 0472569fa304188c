package inputs

import (
	"context"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// Server answers the GETs of one solve, from upstream (recorder) or from the lock (sealed). Make it with NewRecorder or
// NewSealed, then Start. All methods are safe for concurrent use.
type Server struct {
	store    *Store
	token    string
	answers  answerer
	journal  journal
	hidden   hidden
	withheld withheld

	mu   sync.Mutex
	base string // "http://host:port/", set by Start
	http *http.Server
	stop context.CancelFunc // ends upstream requests
}

// key is what an answer depends on, and nothing else may (DESIGN §11).
type key struct{ url, accept string }

// answerer is the difference between recording and replay.
type answerer interface {
	// serve answers a GET or HEAD of k. target is the URL with its secrets, for upstream. It fills in req through s.journal.
	serve(s *Server, w http.ResponseWriter, r *http.Request, k key, target string, req *Request)
}

// NewToken makes the random part of a Server's URLs out of 32 bytes of random.
func NewToken(random io.Reader) (string, error) {
	b := make([]byte, 32)
	if _, err := io.ReadFull(random, b); err != nil {
		return "", fmt.Errorf("making a token: %w", err)
	}
	return hex.EncodeToString(b), nil
}

// newServer is what both modes share.
func newServer(store *Store, token string, now func() time.Time, a answerer) (*Server, error) {
	if len(token) < 32 || strings.ContainsAny(token, "/?#% ") {
		return nil, errors.New("the input server's token is too short or not fit for a URL")
	}
	if now == nil {
		return nil, errors.New("the input server needs a clock")
	}
	return &Server{store: store, token: token, answers: a, journal: journal{now: now}, stop: func() {}}, nil
}

// Start serves on ln until Close. public is host:port as the builders' proxies reach ln; empty: ln's own address.
func (s *Server) Start(ln net.Listener, public string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.http != nil {
		return errors.New("the input server has been started before")
	}
	if public == "" {
		public = ln.Addr().String()
	}
	s.base = "http://" + public + "/"
	s.http = &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    256 << 10,
		ErrorLog:          log.New(io.Discard, "", 0), // what matters is in the journal
	}
	go func() { _ = s.http.Serve(ln) }() // returns when Close is called
	return nil
}

// Close stops serving at once, breaks off upstream requests and waits until nothing writes to the store any more.
func (s *Server) Close() error {
	s.mu.Lock()
	h := s.http
	s.mu.Unlock()
	if r, ok := s.answers.(*recorder); ok {
		r.mu.Lock() // after this no flight starts
		s.stop()
		r.mu.Unlock()
		r.running.Wait()
	}
	if h == nil {
		return nil
	}
	return h.Close()
}

// ServeHTTP answers one request of a builder's proxy.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	token, rest, _ := strings.Cut(strings.TrimPrefix(r.RequestURI, "/"), "/")
	if subtle.ConstantTimeCompare([]byte(token), []byte(s.token)) != 1 {
		s.refuse(w, http.StatusNotFound, Request{Method: r.Method}, "wrong token: a request that did not come through BuildKit's proxy")
		return
	}
	route, target, ok := decodeURL(rest)
	if !ok {
		s.refuse(w, http.StatusBadRequest, Request{Method: r.Method}, "no URL that this server made")
		return
	}
	safe, secret := redactURL(target)
	if route == RouteStep {
		s.withheld.arrive(safe)
	}
	k := key{safe, normalAccept(r.Header.Values("Accept"))}
	req := Request{Method: r.Method, Route: route, URL: k.url, Accept: k.accept, Notes: notes(r, secret || strings.Contains(safe, "="+redacted))}
	if s.hidden.in(k.url) || s.hidden.in(k.accept) {
		req.URL, req.Accept = withoutPath(target), ""
		s.refuse(w, http.StatusForbidden, req, "the request holds the value of a secret where the lock would show it: send it in a header such as Authorization")
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		s.refuse(w, http.StatusMethodNotAllowed, req, "only GET can be sealed")
		return
	}
	if entry := s.journal.begin(req); entry != nil {
		s.answers.serve(s, w, r, k, target, entry)
		return
	}
	http.Error(w, "selfsame: too many requests in one build", http.StatusServiceUnavailable)
}

// notes are what a reader of the lock should know of a request.
func notes(r *http.Request, secret bool) []string {
	var out []string
	if secret {
		out = append(out, NoteSecret)
	}
	if r.Header.Get("Authorization") != "" {
		out = append(out, NoteCredentials)
	}
	if r.Header.Get("Cookie") != "" {
		out = append(out, NoteCookie)
	}
	return out
}

// refuse answers and notes a request that is not allowed.
func (s *Server) refuse(w http.ResponseWriter, status int, req Request, reason string) {
	if e := s.journal.begin(req); e != nil {
		s.reject(w, e, OutcomeRefused, status, diag.RequestRefused, reason)
	}
}

// reject answers a request with an error of ours and says in the journal why.
func (s *Server) reject(w http.ResponseWriter, req *Request, o Outcome, status int, code diag.Code, reason string) {
	s.journal.change(req, func(r *Request) { r.Outcome, r.Status, r.Code, r.Reason = o, status, code, reason })
	w.Header()["Date"] = nil
	http.Error(w, "selfsame: "+string(o)+": "+req.Method+" "+req.URL+": "+reason, status)
}

// Owns says whether a source identifier is already a URL of this server: what BuildKit asks about again after a CONVERT.
// The policy callback allows these.
func (s *Server) Owns(identifier string) bool {
	return strings.HasPrefix(identifier, s.prefix())
}

// prefix is how all of this server's URLs begin.
func (s *Server) prefix() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.base + s.token + "/"
}

// ConvertURL maps an http or https source identifier, as BuildKit's policy callback gets it for a request of a step, to
// this server's URL. False: it is no http(s) URL, or it is refused (user info in it, this server's own address), which
// Refused then lists.
func (s *Server) ConvertURL(identifier string) (string, bool) {
	return s.convert(RouteStep, identifier)
}

// SourceURL is ConvertURL for an ADD of a URL, which the daemon fetches itself, following redirects without asking the
// policy: on this route redirects lead back to this server.
func (s *Server) SourceURL(identifier string) (string, bool) {
	return s.convert(RouteSource, identifier)
}

func (s *Server) convert(route Route, identifier string) (string, bool) {
	prefix := s.prefix()
	normal, err := normalURL(identifier)
	if err == nil && strings.HasPrefix(normal, strings.TrimSuffix(prefix, s.token+"/")) {
		err = errOwnURL
	}
	if err != nil {
		if !errors.Is(err, errNotHTTP) {
			url := withoutUserInfo(identifier)
			if s.hidden.in(url) {
				url = withoutPath(url)
			}
			e := s.journal.begin(Request{Method: http.MethodGet, Route: route, URL: url})
			if e != nil {
				s.journal.change(e, func(r *Request) { r.Outcome, r.Code, r.Reason = OutcomeRefused, diag.RequestRefused, err.Error() })
			}
		}
		return "", false
	}
	if route == RouteStep {
		safe, _ := redactURL(normal)
		s.withheld.ask(safe, s.journal.now())
	}
	return prefix + encodeURL(route, normal), true
}

// OriginalURL is the inverse of ConvertURL and SourceURL, for URLs in BuildKit's log. Its result is a Request's URL:
// default port removed, secret-like query values redacted.
func (s *Server) OriginalURL(serverURL string) (string, bool) {
	rest, ok := strings.CutPrefix(serverURL, s.prefix())
	if !ok {
		return "", false
	}
	_, normal, ok := decodeURL(rest)
	safe, _ := redactURL(normal)
	return safe, ok
}

// withoutUserInfo makes a refused URL fit for a report.
func withoutUserInfo(raw string) string {
	scheme, rest, _ := strings.Cut(raw, "://")
	authority, path, ok := strings.Cut(rest, "/")
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		authority = redacted + authority[i:]
	}
	if ok {
		path = "/" + path
	}
	safe, _ := redactURL(scheme + "://" + authority + path)
	return safe
}
