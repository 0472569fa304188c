package registry_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/registry/local"
)

// TestN16TokensElsewhere: CVE-2025-27403, CVE-2026-33540. A registry that sends us for a token to some other machine of the private network, or to one
// that redirects there, has no credentials sent to it.
func TestN16TokensElsewhere(t *testing.T) {
	var asked atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		fmt.Fprint(w, `{"token":"t"}`)
	}))
	defer elsewhere.Close()
	dir, image := testImage(t, 1000)
	for name, realm := range map[string]func(host string) string{
		"another port":   func(string) string { return elsewhere.URL + "/token" },
		"a redirect":     func(host string) string { return "http://" + host + "/redirected" },
		"metadata":       func(string) string { return "http://169.254.169.254/token" },
		"no address":     func(string) string { return "/token" },
		"another scheme": func(string) string { return "file:///etc/passwd" },
	} {
		host := serve(t, local.Options{}, func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				if req.URL.Path == "/redirected" {
					http.Redirect(w, req, elsewhere.URL+"/token", http.StatusTemporaryRedirect)
					return
				}
				w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm=%q,service="test"`, realm(req.Host)))
				w.WriteHeader(http.StatusUnauthorized)
			})
		})
		c := registry.New(registry.Options{Keychain: login{"ann", "secret"}, Attempts: 1})
		if _, err := c.Push(t.Context(), dir, image.Digest, host+"/team/app:1", nil); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: pushing: %v", name, err)
		}
		if _, err := c.Resolve(t.Context(), host+"/team/app:1"); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: resolving: %v", name, err)
		}
	}
	if asked.Load() != 0 {
		t.Errorf("the other machine was asked %d times", asked.Load())
	}
}
