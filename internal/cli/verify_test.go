package cli

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/signing"
)

// TestVerifyAsksAtOnce: an image that is named by its digest is read while its evidence is listed, one trip to the registry and not two.
func TestVerifyAsksAtOnce(t *testing.T) {
	listed := make(chan struct{})
	var once sync.Once
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		switch {
		case strings.Contains(r.URL.Path, "/referrers/"):
			once.Do(func() { close(listed) })
		case strings.Contains(r.URL.Path, "/manifests/sha256:"):
			select {
			case <-listed:
			case <-time.After(10 * time.Second):
				t.Error("the evidence was not asked for while the image was read")
			}
		}
		http.NotFound(rw, r)
	}))
	defer s.Close()
	_, public, err := signing.NewKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(t.TempDir(), "k.pub")
	if err := os.WriteFile(key, public, 0o600); err != nil {
		t.Fatal(err)
	}
	ref := strings.TrimPrefix(s.URL, "http://") + "/team/app@" + digest.FromString("x").String()
	var out, errs strings.Builder
	code := Main(t.Context(), []string{"verify", "--key", key, ref}, Streams{Out: &out, Err: &errs, Env: func(string) string { return "" }})
	if code != diag.ExitUndecided || !strings.Contains(errs.String(), "A0513") {
		t.Errorf("exit %d\n%s%s", code, out.String(), errs.String())
	}
}
