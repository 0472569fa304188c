package registry_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/registry/local"
)

// journal notes what a registry is asked, with the kind of credentials that come along.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) note(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		kind, _, _ := strings.Cut(req.Header.Get("Authorization"), " ")
		path := req.URL.Path
		if i := strings.LastIndex(path, "sha256:"); i >= 0 {
			path = path[:i] + "D"
		}
		scheme := "http"
		if req.TLS != nil {
			scheme = "https"
		}
		j.mu.Lock()
		j.lines = append(j.lines, strings.TrimSpace(scheme+" "+path+" "+kind))
		j.mu.Unlock()
		next.ServeHTTP(w, req)
	})
}

func (j *journal) take() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	lines := j.lines
	j.lines = nil
	return lines
}

// TestGuess pins what a registry is asked on the way to an image's config: a read goes out at once where no credentials can go astray, and
// everything that is not answered is asked again as before (N16).
func TestGuess(t *testing.T) {
	const manifest, child, blob = "/v2/team/app/manifests/1", "/v2/team/app/manifests/D", "/v2/team/app/blobs/D"
	all := func(*http.Request) bool { return true }
	for _, c := range []struct {
		name    string
		tls     bool
		basic   bool                     // asks for a password rather than a token
		guarded func(*http.Request) bool // wants a token; nil: nothing does
		keys    authn.Keychain
		want    []string
	}{
		{"plain", false, false, nil, anonymous{}, []string{"http " + manifest, "http " + child, "http " + blob}},
		// This machine's own registry with TLS refuses plain HTTP, and the handshake finds it.
		{"tls on this machine", true, false, nil, anonymous{}, []string{"https /v2/", "https " + manifest, "https " + child, "https " + blob}},
		{"token", false, false, all, anonymous{}, []string{
			"http " + manifest, "http /v2/", "http /token", "http " + manifest + " Bearer", "http " + child + " Bearer", "http " + blob + " Bearer",
		}},
		// Some may be read without a login, and not all.
		// Over https the first answer is half of the handshake already.
		{"token at another machine", true, false, all, anonymous{}, []string{
			"https " + manifest, "https /token", "https " + manifest + " Bearer", "https " + child + " Bearer", "https " + blob + " Bearer",
		}},
		{"credentials at another machine", true, true, all, login{"ann", "secret"}, []string{
			"https /v2/", "https " + manifest + " Basic", "https " + child + " Basic", "https " + blob + " Basic",
		}},
		{"token for blobs", false, false, func(req *http.Request) bool { return !strings.Contains(req.URL.Path, "/manifests/") }, anonymous{}, []string{
			"http " + manifest, "http " + child, "http " + blob, "http /v2/", "http /token", "http " + blob + " Bearer",
		}},
		{"credentials", false, true, all, login{"ann", "secret"}, []string{
			"http /v2/", "http " + manifest + " Basic", "http " + child + " Basic", "http " + blob + " Basic",
		}},
		{"credentials nobody asks for", false, false, nil, login{"ann", "secret"}, []string{
			"http /v2/", "http " + manifest + " Basic", "http " + child + " Basic", "http " + blob + " Basic",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var j journal
			plain := serveAt(t, false, &j, nil, false)
			opts := registry.Options{Keychain: c.keys, Attempts: 1}
			dir, image := testImage(t, 100)
			h := plain.handler
			if _, err := registry.New(registry.Options{Keychain: anonymous{}}).Push(t.Context(), dir, image.Digest, plain.host+"/team/app:1", nil); err != nil {
				t.Fatal(err)
			}
			s := serveHandler(t, c.tls, &j, h, c.guarded, c.basic)
			if c.tls {
				through := s.server.Client().Transport.(*http.Transport).Clone()
				through.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
					return new(net.Dialer).DialContext(ctx, network, s.host)
				}
				opts.Transport = through
			}
			host := s.host
			if strings.HasSuffix(c.name, "another machine") {
				host = "example.com" // as the test server's certificate says
			}
			j.take()
			got, err := registry.New(opts).ResolveImage(t.Context(), host+"/team/app:1", "linux/amd64")
			if err != nil || len(got.Config) == 0 {
				t.Fatal(err)
			}
			if asked := j.take(); !slices.Equal(asked, c.want) {
				t.Errorf("asked\n%s\nwant\n%s", strings.Join(asked, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}

type served struct {
	server  *httptest.Server
	handler http.Handler
	host    string
}

func serveAt(t *testing.T, tls bool, j *journal, guarded func(*http.Request) bool, basic bool) served {
	t.Helper()
	h, err := local.Handler(local.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return serveHandler(t, tls, j, h, guarded, basic)
}

func serveHandler(t *testing.T, tls bool, j *journal, h http.Handler, guarded func(*http.Request) bool, basic bool) served {
	t.Helper()
	scheme, start := "http", httptest.NewServer
	if tls {
		scheme, start = "https", httptest.NewTLSServer
	}
	s := start(j.note(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		challenge := fmt.Sprintf(`Bearer realm="%s://%s/token",service="test"`, scheme, req.Host)
		want := "Bearer t"
		if basic {
			challenge, want = `Basic realm="test"`, "Basic "+base64.StdEncoding.EncodeToString([]byte("ann:secret"))
		}
		switch {
		case req.URL.Path == "/token":
			_, _ = w.Write([]byte(`{"token":"t"}`))
		case guarded != nil && guarded(req) && req.Header.Get("Authorization") != want:
			w.Header().Set("WWW-Authenticate", challenge)
			w.WriteHeader(http.StatusUnauthorized)
		default:
			h.ServeHTTP(w, req)
		}
	})))
	t.Cleanup(s.Close)
	return served{s, h, strings.TrimPrefix(s.URL, scheme+"://")}
}
