package registry_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/registry/local"
)

type login struct{ user, password string }

func (l login) Resolve(authn.Resource) (authn.Authenticator, error) {
	return authn.FromConfig(authn.AuthConfig{Username: l.user, Password: l.password}), nil
}

// guarded asks for a bearer token, which it gives for a user and password; each token is good for a few requests only.
func guarded(tokens *atomic.Int32, scopes *atomic.Value) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		var left sync.Map // of each token; requests that come at once may each have asked for one
		spent := func(req *http.Request) bool {
			n, ok := left.Load(strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer "))
			return !ok || n.(*atomic.Int32).Add(-1) < 0
		}
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if req.URL.Path == "/token" {
				user, password, _ := req.BasicAuth()
				if user != "ann" || password != "secret" {
					w.WriteHeader(http.StatusUnauthorized)
					return
				}
				asked, _ := scopes.Load().(string)
				scopes.Store(asked + " " + strings.Join(req.URL.Query()["scope"], " "))
				token, uses := fmt.Sprintf("t%d", tokens.Add(1)), &atomic.Int32{}
				uses.Store(5)
				left.Store(token, uses)
				fmt.Fprintf(w, `{"token":%q}`, token)
				return
			}
			if spent(req) {
				w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="http://%s/token",service="test"`, req.Host))
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			next.ServeHTTP(w, req)
		})
	}
}

// TestTokens pushes, attaches and pulls where every request needs a token that runs out again and again.
func TestTokens(t *testing.T) {
	var tokens atomic.Int32
	var scopes atomic.Value
	host := serve(t, local.Options{}, guarded(&tokens, &scopes))
	dir, image := testImage(t, 1000)
	c := registry.New(registry.Options{Keychain: login{"ann", "secret"}, Jobs: 1})
	pushed, err := c.Push(t.Context(), dir, image.Digest, host+"/team/app:1", nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := scopes.Load(); !strings.Contains(got.(string), "repository:team/app:push") {
		t.Errorf("scope %q", got)
	}
	if _, err := pushed.Repository.Attach(t.Context(), pushed.Descriptor, evidence(1)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Pull(t.Context(), host+"/team/app:1", t.TempDir()); err != nil {
		t.Fatal(err)
	}
	if tokens.Load() < 3 {
		t.Errorf("%d tokens: none ran out", tokens.Load())
	}
	_, err = registry.New(registry.Options{Keychain: login{"ann", "wrong"}}).Resolve(t.Context(), host+"/team/app:1")
	wantCode(t, err, "A0510")
	_, err = newClient(t).Resolve(t.Context(), host+"/team/app:1")
	wantCode(t, err, "A0510")
	if !strings.Contains(fmt.Sprint(err), host) {
		t.Errorf("%v does not name the registry", err)
	}
}

// TestDockerConfig finds credentials where docker keeps them, and sends them to no host that a blob is redirected to.
func TestDockerConfig(t *testing.T) {
	var leaked atomic.Bool
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		leaked.Store(leaked.Load() || req.Header.Get("Authorization") != "")
		w.WriteHeader(http.StatusNotFound)
	}))
	defer elsewhere.Close()
	host := serve(t, local.Options{}, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if user, password, _ := req.BasicAuth(); user != "ann" || password != "secret" {
				w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			if req.Method == http.MethodGet && strings.Contains(req.URL.Path, "/blobs/") {
				http.Redirect(w, req, elsewhere.URL+"/blob", http.StatusTemporaryRedirect)
				return
			}
			next.ServeHTTP(w, req)
		})
	})
	home := t.TempDir()
	config := fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, host, base64.StdEncoding.EncodeToString([]byte("ann:secret")))
	if err := os.WriteFile(filepath.Join(home, "config.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DOCKER_CONFIG", home)
	dir, image := testImage(t, 1000)
	c := registry.New(registry.Options{})
	pushed, err := c.Push(t.Context(), dir, image.Digest, host+"/app:1", nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = pushed.Repository.Blob(t.Context(), artifact.Descriptor{MediaType: "x", Digest: image.Digest, Size: image.Size}, 1<<20)
	wantCode(t, err, "A0513")
	if leaked.Load() {
		t.Error("credentials went to another host")
	}
}
