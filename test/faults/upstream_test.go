package faults

import (
	"net"
	"net/http"
	"sync"
	"testing"
)

// upstream is a web server on loopback whose answer can change, and that can go away and come back at the same address.
type upstream struct {
	t       *testing.T
	host    string
	mu      sync.Mutex
	body    string
	hits    int
	headers map[string]string
	srv     *http.Server
}

func newUpstream(t *testing.T, body string) *upstream {
	t.Helper()
	u := &upstream{t: t, host: "127.0.0.1:0", body: body}
	u.start()
	t.Cleanup(u.stop)
	return u
}

func (u *upstream) start() {
	u.t.Helper()
	ln, err := net.Listen("tcp", u.host)
	if err != nil {
		u.t.Fatal(err)
	}
	u.host = ln.Addr().String()
	u.srv = &http.Server{Handler: u}
	go func(s *http.Server) { _ = s.Serve(ln) }(u.srv)
}

func (u *upstream) stop() { _ = u.srv.Close() }

func (u *upstream) set(body string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.body = body
}

// header sends one more header with each answer.
func (u *upstream) header(name, value string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.headers = map[string]string{name: value}
}

// ServeHTTP answers every path alike. Last-Modified is fixed, so that BuildKit gives the file one time.
func (u *upstream) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.hits++
	w.Header().Set("Last-Modified", "Tue, 14 Nov 2023 22:13:20 GMT")
	w.Header().Set("Content-Type", "text/plain")
	for name, value := range u.headers {
		w.Header().Set(name, value)
	}
	_, _ = w.Write([]byte(u.body))
}

// asked counts the requests so far.
func (u *upstream) asked() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.hits
}
