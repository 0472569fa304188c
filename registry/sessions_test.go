package registry

import (
	"fmt"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
)

type nobody struct{}

func (nobody) Resolve(authn.Resource) (authn.Authenticator, error) { return authn.Anonymous, nil }

// TestSessionsAreBounded: whoever may have images of ever other names asked about, below a path that a policy names, would fill the memory of
// a guard that runs for months. A session that had to go is made again.
func TestSessionsAreBounded(t *testing.T) {
	c := New(Options{Keychain: nobody{}})
	first, err := c.Repository("127.0.0.1:1/team/first")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 * maxSessions {
		r, err := c.Repository(fmt.Sprintf("127.0.0.1:1/team/app-%d", i))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.session(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		if n := len(c.sessions); n > maxSessions {
			t.Fatalf("%d sessions after %d names", n, i+1)
		}
	}
	for range 2 {
		if s, err := first.session(t.Context(), false); err != nil || s.repo.Name() != first.repo.Name() || c.sessions[sessionKey{first.repo.Name(), false}] != s {
			t.Errorf("%+v, %v", s, err)
		}
	}
}
