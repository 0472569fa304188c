package breakglass

import (
	"testing"
	"time"

	"github.com/selfsame-build/selfsame/trust"
)

// Expressions that overlap: of an identity that stands under two roles that exclude each other it cannot be said who it is.
func TestWhoeverIsTwoMayNot(t *testing.T) {
	const issuer, shop = "https://i.example", "registry.example.com/team/shop"
	like := func(name, pattern string, roles ...trust.Role) trust.Signer {
		r, err := trust.IdentityPattern(issuer, pattern)
		if err != nil {
			t.Fatal(err)
		}
		return trust.Signer{Name: name, Identities: []trust.IdentityRule{r}, Roles: roles}
	}
	ops := like("ops", "ops-.*", trust.BreakGlass)
	for name, c := range map[string]struct {
		who  Who
		want bool
	}{
		"alone":              {Who{Signers: []trust.Signer{ops}}, true},
		"releases, too":      {Who{Signers: []trust.Signer{ops, like("ci", ".*-1", trust.Release)}}, false},
		"rebuilds, too":      {Who{Signers: []trust.Signer{ops}, Owners: []trust.Signer{like("qa", ".*-1", trust.Rebuilder, trust.Finding)}}, false},
		"another is the two": {Who{Signers: []trust.Signer{ops, like("ci", ".*-2", trust.Release)}}, true},
	} {
		by, err := c.who.may(trust.Party{Identity: trust.Identity{Issuer: issuer, Subject: "ops-1"}}, time.Time{}, shop)
		if (err == nil) != c.want || c.want && by.Name != "ops" {
			t.Errorf("%s: %q, %v", name, by.Name, err)
		}
	}
}
