package freshness_test

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/selfsame-build/selfsame/freshness"
)

// TestTwoOperatorsAtOnce: five operators, each with a client and a memory of its own, take back something at the same time; all of it is
// in the list, on a registry where a write is now and then under way for long.
func TestTwoOperatorsAtOnce(t *testing.T) {
	var n int
	var mu sync.Mutex
	host := serve(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if req.Method == http.MethodPut && strings.HasSuffix(req.URL.Path, "/manifests/latest") {
				mu.Lock()
				n++
				wait := time.Duration(n%4) * 200 * time.Millisecond
				mu.Unlock()
				time.Sleep(wait)
			}
			next.ServeHTTP(w, req)
		})
	})
	const operators = 5
	for name, where := range map[string]string{"registry": host + "/ops/denylist", "file": filepath.Join(t.TempDir(), "deny.json")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first := newDesk(t, where)
			first.create()
			start := time.Now()
			var wg sync.WaitGroup
			for i := range operators {
				wg.Go(func() {
					d := first
					place, err := freshness.OpenPlace(newClient(), where)
					if err != nil {
						t.Error(err)
						return
					}
					d.place, d.dir = place, t.TempDir()
					p := d.publisher()
					p.Now = time.Now
					p.Sleep = func(_ context.Context, wait time.Duration) error { time.Sleep(wait); return nil }
					if _, err := p.Change(t.Context(), false, adding(fmt.Sprint(i))); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			got, err := first.publisher().Current(t.Context())
			if err != nil || len(got.Entries) != operators {
				t.Errorf("%d of %d entries, %v", len(got.Entries), operators, err)
			}
			t.Logf("%d operators in %v, sequence %d", operators, time.Since(start).Round(time.Millisecond), got.Sequence)
		})
	}
}

// TestRenewExpired: a list that has ended is renewed with its entries, and an operator who remembers it goes on from its number.
func TestRenewExpired(t *testing.T) {
	d := newDesk(t, serve(t, nil)+"/ops/denylist")
	d.create()
	d.add("bad")
	p := d.publisher()
	p.Now = func() time.Time { return noon.Add(30 * day) }
	out, err := p.Change(t.Context(), true, adding("bad"))
	if err != nil || out.Sequence != 3 || len(out.Entries) != 1 || !out.Expires.Equal(noon.Add(37*day)) {
		t.Errorf("%+v, %v", out, err)
	}
}
