package verify

import (
	"fmt"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/policy"
	"github.com/selfsame-build/selfsame/trust"
)

// TestElsewhere: evidence of other images that is attached to this one is counted by the image that it is about, if somebody signed it whose
// word counts; what is about a platform of this image is its own.
func TestElsewhere(t *testing.T) {
	c := newCouncil(t)
	c.publish(nil)
	if e := c.facts(nil); e.Elsewhere != nil {
		t.Fatalf("of its own evidence: %+v", e.Elsewhere)
	}
	c.add(trust.Signer{Name: "scan", Roles: []trust.Role{trust.Finding}})
	most, some := digest.FromString("most"), digest.FromString("some")
	for n, about := range []digest.Digest{some, most, most, c.build.Images[0].Manifest.Digest, digest.FromString("a"), digest.FromString("b")} {
		c.say("scan", day(20), c.about(about, shop, typeTest, fmt.Sprintf(`{"run":%d}`, n)))
	}
	c.say("scan", time.Time{}, c.about(some, shop, typeTest, `{"run":0}`)) // the same words again
	e := c.facts(nil)
	if len(e.Elsewhere) != maxElsewhere || e.Elsewhere[0] != (policy.Elsewhere{Digest: most.String(), Statements: 2}) || e.Elsewhere[1].Statements != 1 || e.Elsewhere[2].Statements != 1 {
		t.Errorf("%+v", e.Elsewhere)
	}
	if len(e.Statements) != 0 {
		t.Errorf("it counts for the image: %+v", e.Statements)
	}
}
