package faults

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/selfsame-build/selfsame/registry/local"
)

// faulty is a registry on loopback with something in front of it that may spoil requests.
type faulty struct {
	t    *testing.T
	host string
	back http.Handler
	mu   sync.Mutex
	seen map[string]int // method and path
}

// fault answers a request, or hands it on.
type fault func(w http.ResponseWriter, r *http.Request, next http.Handler)

func newRegistry(t *testing.T, f fault) *faulty {
	t.Helper()
	back, err := local.Handler(local.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	reg := &faulty{t: t, back: back, seen: map[string]int{}}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reg.mu.Lock()
		reg.seen[r.Method+" "+r.URL.Path]++
		reg.mu.Unlock()
		if f == nil {
			back.ServeHTTP(w, r)
			return
		}
		f(w, r, back)
	}))
	reg.host = strings.TrimPrefix(srv.URL, "http://")
	t.Cleanup(func() { srv.CloseClientConnections(); srv.Close() })
	return reg
}

// tags lists a repository's tags, past the fault.
func (f *faulty) tags(repo string) []string {
	f.t.Helper()
	w := httptest.NewRecorder()
	f.back.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/v2/"+repo+"/tags/list", nil))
	var list struct{ Tags []string }
	if w.Code == http.StatusNotFound {
		return nil
	}
	if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil {
		f.t.Fatalf("listing tags: %d %s", w.Code, w.Body)
	}
	return list.Tags
}

// untagged fails if the repository has any tag but those of referrers.
func (f *faulty) untagged(repo string) {
	f.t.Helper()
	for _, tag := range f.tags(repo) {
		if !strings.HasPrefix(tag, "sha256-") {
			f.t.Errorf("tag %s was written", tag)
		}
	}
}

func status(code int, header ...string) fault {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		_, _ = io.Copy(io.Discard, r.Body)
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, "\x1b[31mno\n")
	}
}

// only limits a fault to a method and a part of the path.
func only(method, path string, f fault) fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method == method && strings.Contains(r.URL.Path, path) {
			f(w, r, next)
			return
		}
		next.ServeHTTP(w, r)
	}
}

// stalls takes a request and says nothing.
func stalls(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

// twice applies a fault to the first two requests.
func twice(f fault) fault {
	var mu sync.Mutex
	n := 0
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		mu.Lock()
		n++
		bad := n <= 2
		mu.Unlock()
		if bad {
			f(w, r, next)
			return
		}
		next.ServeHTTP(w, r)
	}
}

// TestRegistryFaults pushes to registries that refuse, fail or are busy. What fails leaves no tag.
func TestRegistryFaults(t *testing.T) {
	t.Parallel()
	home := newMachine(t)
	dir := scratch(t)
	home.must(0, dir, words("lock -q"))
	digest := home.build(0, dir).Digest
	for name, c := range map[string]struct {
		fault fault
		code  int
		words []string
	}{
		"401 everywhere":          {status(401), 17, []string{"A0510", "docker login"}},
		"401 with a challenge":    {status(401, "WWW-Authenticate", `Basic realm="x"`), 17, []string{"A0510", "docker login"}},
		"403 on upload":           {only("POST", "/blobs/", status(403)), 17, []string{"A0510"}},
		"429 then ok":             {only("POST", "/blobs/", twice(status(429, "Retry-After", "0"))), 0, nil},
		"429 on the tag then ok":  {only("PUT", "/manifests/v1", twice(status(429, "Retry-After", "0"))), 0, nil},
		"500 on upload":           {only("POST", "/blobs/", status(500, "Retry-After", "0")), 17, []string{"A0511"}},
		"500 on the tag":          {only("PUT", "/manifests/v1", status(500, "Retry-After", "0")), 17, []string{"A0511"}},
		"500 on manifests":        {only("PUT", "/manifests/sha256:", status(500, "Retry-After", "0")), 17, []string{"A0511"}},
		"hangs up in an upload":   {only("PUT", "/blobs/", func(http.ResponseWriter, *http.Request, http.Handler) { panic(http.ErrAbortHandler) }), 17, []string{"A0511"}},
		"stalls":                  {only("POST", "/blobs/", stalls), 17, []string{"A0511", "stalled"}},
		"says yes and keeps none": {only("PUT", "/manifests/", status(201)), 17, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := home.on(t)
			reg := newRegistry(t, c.fault)
			out := t.TempDir()
			r := m.must(c.code, dir, []string{"build", "-q", "--unsigned", "--out", out, "--push=" + reg.host + "/team/app:v1"}, c.words...)
			if strings.Contains(r.err, "\x1b") {
				t.Errorf("an escape code of the registry's reached the terminal:\n%q", r.err)
			}
			if c.code != 0 {
				reg.untagged("team/app")
				if r.out != "" {
					t.Errorf("stdout holds %q", r.out)
				}
				return
			}
			if want := reg.host + "/team/app@" + digest + "\n"; r.out != want {
				t.Errorf("stdout holds %q, want %q", r.out, want)
			}
		})
	}
}
