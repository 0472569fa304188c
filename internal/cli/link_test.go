//go:build !front

package cli

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// TestLinkWaits: a registry that takes its time is named, while there is nothing else to see.
func TestLinkWaits(t *testing.T) {
	w := newTrusting(t, "scanner")
	slow := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(2500 * time.Millisecond): // longer than registry's patience of two seconds
		case <-r.Context().Done():
		}
		http.NotFound(rw, r)
	}))
	t.Cleanup(slow.Close)
	host := strings.TrimPrefix(slow.URL, "http://")
	if code, _, errs := w.run("link", "scan", host+"/team/shop:v1", "--key", "scanner.key"); code == 0 || !strings.Contains(errs, "waiting for "+host+", which has not answered yet") {
		t.Errorf("exit %d: %s", code, errs)
	}
}

// TestLinkFlagsWithoutUse: what would change nothing is said, and not passed over.
func TestLinkFlagsWithoutUse(t *testing.T) {
	for command, says := range map[string]string{
		"lock . --signing-config c --trusted-root r":                                "are for links",
		"lock . --trusted-root r":                                                   "are for links",
		"lock . --link-key ci.key --trusted-root r":                                 "times beside a key need",
		"build . --link-identity-token sign=ci --signing-config c --trusted-root r": "a link of the step sign needs --key or --keyless",
	} {
		wrong(t, nil, 10, says, strings.Fields(command)...)
	}
}

// TestN7PanicIsNoSuccess: a bug that ends a command is no verdict (CVE-2026-44310: a panic, and exit 0).
func TestN7PanicIsNoSuccess(t *testing.T) {
	var out, errs bytes.Buffer
	code := Main(t.Context(), []string{"verify", "image", "--key", "k"}, Streams{Out: &out, Err: &errs, Env: func(string) string { panic("a bug") }})
	if code != diag.ExitInternal || out.Len() > 0 || !strings.Contains(errs.String(), "internal error: a bug") {
		t.Errorf("exit %d: %s%s", code, out.String(), errs.String())
	}
}
