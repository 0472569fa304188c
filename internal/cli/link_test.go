//go:build !front

package cli

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
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
