package starter_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/selfsame-build/selfsame/policy"
	"github.com/selfsame-build/selfsame/policy/cases"
	"github.com/selfsame-build/selfsame/policy/starter"
)

// TestStarters: each loads without a warning, its cases pass, and they see each rule pass and fail.
func TestStarters(t *testing.T) {
	for _, name := range starter.Names {
		s, ok := starter.Get(name)
		if !ok {
			t.Errorf("there is no %s", name)
			continue
		}
		p, err := policy.Parse(name+".yaml", s.Policy)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if w := p.Warnings(); len(w) > 0 || p.Edition().Name != name || !strings.HasSuffix(s.Title, ".") {
			t.Errorf("%s: %v, %q", name, w, s.Title)
		}
		set, err := cases.Parse(name+"_test.yaml", s.Cases)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		r, err := cases.Run(context.Background(), p, set)
		if err != nil || r.Failed > 0 || len(r.Cases) < 4 || len(r.Untried) > 0 {
			t.Errorf("%s: %v, untried %v\n%s", name, err, r.Untried, r.Text())
		}
	}
	for _, name := range []string{"", "signed-by-us_test", "../starter", "none"} {
		if _, ok := starter.Get(name); ok {
			t.Errorf("there is a policy %q", name)
		}
	}
}

// TestAllAreNamed: a file that Names forgets is of no use to anybody.
func TestAllAreNamed(t *testing.T) {
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), "_test.yaml") {
			n++
		}
	}
	if n != len(starter.Names) {
		t.Errorf("%d policies, %d names", n, len(starter.Names))
	}
}
