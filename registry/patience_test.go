package registry

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// tripper answers when it is let.
type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// TestPatience has one host that hangs and one that does not. Who tells needs no lock: it is done when the request is.
func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []string
		answer := tripper(func(req *http.Request) (*http.Response, error) {
			if req.URL.Host == "slow" {
				<-req.Context().Done()
				return nil, req.Context().Err()
			}
			return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
		})
		p := patient{inner: answer, tell: func(host string) { told = append(told, host) }, after: patience, told: &sync.Map{}}
		ask := func(host string, timeout time.Duration) error {
			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			defer cancel()
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+host+"/", http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := p.RoundTrip(req)
			if err == nil {
				_ = resp.Body.Close()
			}
			return err
		}
		for _, c := range []struct {
			host    string
			timeout time.Duration
			told    int
		}{{"fast", time.Hour, 0}, {"slow", patience - 1, 0}, {"slow", time.Hour, 1}, {"slow", time.Hour, 1}} {
			if err := ask(c.host, c.timeout); (err == nil) != (c.host == "fast") {
				t.Errorf("%s: %v", c.host, err)
			}
			if len(told) != c.told {
				t.Errorf("%s, %s: told %q, want %d times", c.host, c.timeout, told, c.told)
			}
		}
		time.Sleep(time.Hour) // of the answer that came in time nobody is told
		if len(told) != 1 || told[0] != "slow" {
			t.Errorf("told %q, want once, of slow", told)
		}
	})
}
