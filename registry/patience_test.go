package registry

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"
)

// tripper answers when it is let.
type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// TestPatience has one host that hangs and one that does not.
func TestPatience(t *testing.T) {
	told := make(chan string, 10)
	answer := tripper(func(req *http.Request) (*http.Response, error) {
		if req.URL.Host == "slow" {
			<-req.Context().Done()
			return nil, req.Context().Err()
		}
		return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
	})
	p := patient{inner: answer, tell: func(host string) { told <- host }, after: 10 * time.Millisecond, told: &sync.Map{}}
	ask := func(ctx context.Context, host string) error {
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
	if err := ask(t.Context(), "fast"); err != nil {
		t.Error(err)
	}
	for range 2 {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		if err := ask(ctx, "slow"); err == nil {
			t.Error("no failure")
		}
		cancel()
	}
	time.Sleep(30 * time.Millisecond) // of the answer that came in time nobody is told
	if len(told) != 1 || <-told != "slow" {
		t.Errorf("told %d times, want once, of slow", len(told))
	}
}
