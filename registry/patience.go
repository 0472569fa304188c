package registry

import (
	"net/http"
	"sync"
	"time"
)

// patience is how long a request may take, with its repetitions, before somebody is told that it is waited for. An upload takes
// as long as it takes.
const patience = 2 * time.Second

// patient tells once for each host that a request to it takes long, so that nobody takes a registry that hangs for a command that hangs.
type patient struct {
	inner http.RoundTripper
	tell  func(host string) // nil: nobody is told
	after time.Duration
	told  *sync.Map // host -> struct{}
}

// RoundTrip implements http.RoundTripper.
func (p patient) RoundTrip(req *http.Request) (*http.Response, error) {
	if p.tell == nil || req.Body != nil && req.Body != http.NoBody { // what is sent may take its time
		return p.inner.RoundTrip(req)
	}
	host := req.URL.Host
	done := make(chan struct{})
	timer := time.AfterFunc(p.after, func() {
		defer close(done)
		if _, already := p.told.LoadOrStore(host, struct{}{}); !already {
			p.tell(host)
		}
	})
	defer func() {
		if !timer.Stop() {
			<-done // whoever is told is not told while the caller goes on
		}
	}()
	return p.inner.RoundTrip(req)
}
