package docs

import (
	"strings"
	"testing"

	"github.com/selfsame-build/selfsame/policy"
)

// TestPoliciesArePolicies reads every policy that a page shows.
func TestPoliciesArePolicies(t *testing.T) {
	n := 0
	for page, text := range pages(t) {
		for _, b := range blocks(page, text) {
			if b.info != "yaml" || !strings.Contains("\n"+b.body, "\npolicy: v1") {
				continue
			}
			n++
			p, err := policy.Parse("policy.yaml", []byte(b.body))
			if err != nil {
				t.Errorf("%s:%d: %v", page, b.line, err)
				continue
			}
			if w := p.Warnings(); len(w) > 0 {
				t.Errorf("%s:%d: %v", page, b.line, w)
			}
		}
	}
	if n < 1 {
		t.Error("found no policy; this test would prove nothing")
	}
}
