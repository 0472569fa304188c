package registry

import (
	"errors"
	"strings"
	"testing"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// TestAPathThatIsAName: a folder's path that is misspelt reads as a name at Docker Hub, and the next step says so.
func TestAPathThatIsAName(t *testing.T) {
	for ref, want := range map[string]bool{"selfsame-out/imag": true, "registry.example.com/team/shop": false} {
		r, err := New(Options{}).parse(ref)
		if err != nil {
			t.Fatal(err)
		}
		for _, cause := range []error{errors.New("no such host"), &statusError{status: 401}, &statusError{status: 404}} {
			all := diag.All(r.repo.explain(t.Context(), "resolving", cause))
			if len(all) != 1 || strings.Contains(all[0].Help, "if a folder or file of this machine was meant") != want {
				t.Errorf("%s, %v: %v", ref, cause, all)
			}
		}
	}
}
