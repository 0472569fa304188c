package verify

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/registry/local"
)

// waves is a registry that answers nothing until nobody asks for more, and then all at once: so the number of its waves is how many
// round trips were made one after the other. A slow machine may make them more, and nothing makes them fewer.
type waves struct {
	inner http.Handler
	quiet time.Duration
	slow  time.Duration // before each answer

	mu      sync.Mutex
	open    bool // answers at once, and counts nothing
	waiting chan struct{}
	timer   *time.Timer
	rounds  int
	asked   []string
}

func (w *waves) ServeHTTP(rw http.ResponseWriter, req *http.Request) {
	if gate := w.enter(req); gate != nil {
		<-gate
	}
	time.Sleep(w.slow)
	w.inner.ServeHTTP(rw, req)
}

func (w *waves) enter(req *http.Request) chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.open {
		return nil
	}
	if w.waiting == nil {
		w.waiting = make(chan struct{})
		w.rounds++
		w.timer = time.AfterFunc(w.quiet, w.release)
	}
	w.timer.Reset(w.quiet)
	w.asked = append(w.asked, req.Method+" "+req.URL.Path)
	return w.waiting
}

func (w *waves) release() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.waiting != nil {
		close(w.waiting)
		w.waiting = nil
	}
}

// count gives the rounds of f, and what was asked.
func (w *waves) count(f func()) (rounds int, asked []string) {
	w.mu.Lock()
	w.open, w.rounds, w.asked = false, 0, nil
	w.mu.Unlock()
	f()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open = true
	return w.rounds, w.asked
}

// anonymous keeps the tests away from the credentials of whoever runs them.
type anonymous struct{}

func (anonymous) Resolve(authn.Resource) (authn.Authenticator, error) { return authn.Anonymous, nil }

// TestRounds pins how many round trips a cold verification makes one after the other (issue 6). An index takes three: it and what is
// attached to it are asked for at once; then the manifests of that and, for all platforms at once, what is attached to those; then
// the manifests of what is attached to the platforms. A manifest alone takes two: small bundles travel in their manifests. Nothing asks how the
// registry wants to be talked to.
func TestRounds(t *testing.T) {
	w := newWorld(t)
	w.publish(nil)
	h, err := local.Handler(local.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	gate := &waves{inner: h, quiet: 100 * time.Millisecond, open: true}
	server := httptest.NewServer(gate)
	defer server.Close()
	ref := strings.TrimPrefix(server.URL, "http://") + "/team/shop:v1"
	client := func() *registry.Client { return registry.New(registry.Options{Keychain: anonymous{}}) }
	if _, err := client().Push(t.Context(), w.store.Name(), w.build.Index.Digest, ref, nil); err != nil {
		t.Fatal(err)
	}
	cold := func(t *testing.T, change func(*Options)) {
		repo, err := client().Repository(strings.TrimSuffix(ref, ":v1"))
		if err != nil {
			t.Fatal(err)
		}
		o := w.options()
		o.Source = repo
		change(&o)
		w.must(o, VerdictVerified, "")
	}
	for _, c := range []struct {
		name string
		o    func(*Options)
		want int
	}{
		{"index of two platforms", func(*Options) {}, 3},
		{"manifest", func(o *Options) { o.Digest = w.build.Images[0].Manifest.Digest }, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			var rounds int
			var asked []string
			for range 10 { // on a busy machine several of them have a round too many
				rounds, asked = gate.count(func() { cold(t, c.o) })
				if rounds == c.want {
					gate.slow = 20 * time.Millisecond
					start := time.Now()
					cold(t, c.o)
					t.Logf("%d requests in %d round trips; %s at 20 ms a request", len(asked), rounds, time.Since(start))
					gate.slow = 0
					return
				}
			}
			t.Errorf("%d round trips, want %d:\n%s", rounds, c.want, strings.Join(asked, "\n"))
		})
	}
}
