package inputs

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/recipes/lock"
)

// RecorderOptions says what a recorder may reach and how patient it is. Only Now is required.
type RecorderOptions struct {
	// Private lists host or host:port names that may be on loopback, link-local or private addresses.
	Private []string
	// Mirrors maps a URL prefix as steps see it ("http://debian.invalid/") to the prefix really asked. A mirror's host may
	// be private, for mapped requests only.
	Mirrors map[string]string
	// Previous are answers of an older lock to keep: served as they are, without asking upstream, where the store has them.
	Previous []lock.Entry
	// KeepRefusals has refusals among them kept too, for a recording that asks nobody.
	KeepRefusals bool
	// Secrets are values that may not be in anything that is kept.
	Secrets [][]byte
	// Proxy chooses the machine's own way out, as http.Transport.Proxy does; nil: direct. Behind a proxy only URLs are
	// checked, since the proxy does the dialling.
	Proxy func(*http.Request) (*url.URL, error)
	// TLS adds trust roots; nil: the system's.
	TLS *tls.Config
	// Transport overrides the guarded transport; for tests that inject faults, since dialled addresses then go unchecked.
	Transport http.RoundTripper
	// Now is the clock.
	Now func() time.Time
	// MaxBody bounds one response in bytes (0: 4 GiB).
	MaxBody int64
	// Attempts is how often one request is tried (0: 5); Backoff the first pause, doubled each time (0: 250 ms).
	Attempts int
	Backoff  time.Duration
	// Stall is how long upstream may send nothing (0: 60 s).
	Stall time.Duration
}

// maxKeys bounds what one recorder keeps: a lock may not have more lines.
const maxKeys = 200_000

// recorder asks upstream once for each key and keeps the answer.
type recorder struct {
	o       RecorderOptions
	store   *Store
	ctx     context.Context // the server's life
	running sync.WaitGroup

	direct, mirrored         http.RoundTripper
	directGuard, mirrorGuard *guard

	mu      sync.Mutex
	flights map[key]*flight
	real    map[string]realURL // by redacted URL
}

// realURL is a URL with its secrets. It lives in memory only.
type realURL struct {
	url    string
	direct bool // sent by a client, not learned from a redirect
}

// NewRecorder makes a server that asks upstream and keeps every answer in store.
func NewRecorder(store *Store, token string, o RecorderOptions) (*Server, error) {
	o.MaxBody = orElse(o.MaxBody, 4<<30)
	o.Attempts = orElse(o.Attempts, 5)
	o.Backoff = orElse(o.Backoff, 250*time.Millisecond)
	o.Stall = orElse(o.Stall, time.Minute)
	m := &recorder{o: o, store: store, flights: map[key]*flight{}, real: map[string]realURL{}}
	m.directGuard = newGuard(o.Private)
	hosts, err := mirrorHosts(o.Mirrors)
	if err != nil {
		return nil, err
	}
	m.mirrorGuard = newGuard(append(hosts, o.Private...))
	m.direct, m.mirrored = m.directGuard.transport(o), m.mirrorGuard.transport(o)
	if o.Transport != nil {
		m.direct, m.mirrored = o.Transport, o.Transport
	}
	m.keep(o.Previous)
	s, err := newServer(store, token, o.Now, m)
	if err != nil {
		return nil, err
	}
	s.hidden = o.Secrets
	m.ctx, s.stop = context.WithCancel(context.Background())
	return s, nil
}

// keep enters answers of an older lock; the first of two for one key wins.
func (m *recorder) keep(previous []lock.Entry) {
	for _, e := range previous {
		k := key{e.Key, e.Accept}
		web := e.Kind == lock.KindResponse || e.Kind == lock.KindHTTP
		if !web || e.Evidence == EvidenceRefused && !m.o.KeepRefusals || // what was refused then may be allowed now
			m.flights[k] != nil || !m.store.Has(e.Digest) || !m.store.Has(e.Headers) {
			continue
		}
		f, a := newFlight(), lockedAnswer(e)
		if e.Evidence == EvidenceRefused {
			a.refused = &failure{OutcomeRefused, e.Status, diag.RequestRefused, "refused when it was recorded"}
		}
		f.end(a, nil)
		m.flights[k] = f
	}
}

func orElse[T int | int64 | time.Duration](v, fallback T) T {
	if v <= 0 {
		return fallback
	}
	return v
}

// mirrorHosts lists the hosts that mapped requests go to.
func mirrorHosts(mirrors map[string]string) ([]string, error) {
	var hosts []string
	for from, to := range mirrors {
		u, err := url.Parse(to)
		if err != nil || u.Hostname() == "" || u.User != nil || !strings.HasSuffix(from, "/") || !strings.HasSuffix(to, "/") {
			return nil, fmt.Errorf("mirror %q for %q: both must be URL prefixes that end in / and hold no user info", to, from)
		}
		hosts = append(hosts, u.Hostname())
	}
	return hosts, nil
}

// mirror is the longest prefix of target that Mirrors maps; empty if none.
func (m *recorder) mirror(target string) string {
	best := ""
	for from := range m.o.Mirrors {
		if strings.HasPrefix(target, from) && len(from) > len(best) {
			best = from
		}
	}
	return best
}

// upstream is the URL to ask for target, and through which transport.
func (m *recorder) upstream(target string) (string, http.RoundTripper, *guard) {
	from := m.mirror(target)
	if from == "" {
		return target, m.direct, m.directGuard
	}
	return m.o.Mirrors[from] + strings.TrimPrefix(target, from), m.mirrored, m.mirrorGuard
}

// unmirror removes from an answer's headers what tells one mirror from another, so that the choice of a mirror moves
// neither the lock nor the image.
func (m *recorder) unmirror(target string, h http.Header) {
	from := m.mirror(target)
	if from == "" {
		return
	}
	dropMirrors(h)
	if path, ok := strings.CutPrefix(h.Get("Location"), m.o.Mirrors[from]); ok {
		h.Set("Location", from+path)
	}
}

// serve joins the key's flight, or starts it.
func (m *recorder) serve(s *Server, w http.ResponseWriter, r *http.Request, k key, target string, req *Request) {
	f, first, fail := m.join(k, target, r)
	if fail != nil {
		s.reject(w, req, fail.outcome, fail.status, fail.code, fail.reason)
		return
	}
	select {
	case <-f.ready:
	case <-r.Context().Done():
		s.abandon(req, f, !first)
		return
	}
	a, fail, ended := f.result()
	switch {
	case fail != nil:
		s.reject(w, req, fail.outcome, fail.status, fail.code, fail.reason)
	case ended:
		s.replay(w, r, a, req, !first)
	default:
		s.stream(w, r, f, req, !first)
	}
}

// join finds or starts the flight of k. Only a GET starts one.
func (m *recorder) join(k key, target string, r *http.Request) (f *flight, first bool, fail *failure) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if f := m.flights[k]; f != nil && (!f.unauthorized() || !withCredentials(r)) {
		return f, false, nil
	}
	switch {
	case r.Method != http.MethodGet:
		return nil, false, &failure{OutcomeRefused, http.StatusMethodNotAllowed, diag.RequestRefused, "HEAD of something that no GET has fetched yet"}
	case len(m.flights) >= maxKeys:
		return nil, false, &failure{OutcomeRefused, http.StatusServiceUnavailable, diag.RequestRefused, "more different requests than a lock can hold"}
	case m.ctx.Err() != nil:
		return nil, false, &failure{OutcomeFailed, http.StatusBadGateway, diag.RequestFailed, "the build is over"}
	}
	real, ok := m.secrets(k.url, target)
	if !ok {
		return nil, false, &failure{OutcomeRefused, http.StatusBadGateway, diag.RequestRefused, "two URLs that differ only in a redacted value"}
	}
	f = newFlight()
	m.flights[k] = f
	m.running.Add(1)
	header := forwardHeaders(r.Header)
	go func() {
		defer m.running.Done()
		m.fly(f, k, real, header)
	}()
	return f, true, nil
}

// secrets gives the URL to ask upstream for: the client's own, or the one that a redirect gave away. m.mu is held.
func (m *recorder) secrets(safe, target string) (string, bool) {
	if safe == target {
		if known, ok := m.real[safe]; ok {
			return known.url, true
		}
		return target, true
	}
	if known, ok := m.real[safe]; ok && known.direct && known.url != target {
		return "", false
	}
	m.real[safe] = realURL{target, true}
	return target, true
}

// stream serves a flight while it grows.
func (s *Server) stream(w http.ResponseWriter, r *http.Request, f *flight, req *Request, cached bool) {
	body, err := f.follow(r.Context())
	if err != nil {
		<-f.done // the file got its final name in between
		s.settle(w, r, f, req, cached)
		return
	}
	defer body.Close()
	s.writeHead(w, req, f.status, f.kept, f.length)
	if r.Method != http.MethodHead && bodyAllowed(f.status) {
		err = copyBody(flusher{w}, body, func() { s.abandon(req, f, cached) })
	}
	s.abandon(req, f, cached)
	if err != nil {
		panic(http.ErrAbortHandler) // the client must not take what it got for the whole
	}
}

// settle answers from a flight that has ended.
func (s *Server) settle(w http.ResponseWriter, r *http.Request, f *flight, req *Request, cached bool) {
	a, fail, _ := f.result()
	if fail != nil {
		s.reject(w, req, fail.outcome, fail.status, fail.code, fail.reason)
		return
	}
	s.replay(w, r, a, req, cached)
}

// abandon waits for the flight's end and notes it, for a request whose client needs nothing more.
func (s *Server) abandon(req *Request, f *flight, cached bool) {
	<-f.done
	a, fail, _ := f.result()
	if fail == nil {
		s.served(req, a, cached)
		return
	}
	s.journal.change(req, func(r *Request) {
		r.Outcome, r.Status, r.Code, r.Reason = fail.outcome, fail.status, fail.code, fail.reason
	})
}

// flusher sends each piece at once, so that a client sees progress.
type flusher struct{ w http.ResponseWriter }

func (f flusher) Write(p []byte) (int, error) {
	n, err := f.w.Write(p)
	if err == nil {
		_ = http.NewResponseController(f.w).Flush()
	}
	return n, err
}
