package trust_test

import (
	"testing"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/trust"
)

// TestAmbiguous: expressions that overlap pass when the file is loaded; whoever is met that both match is found then.
func TestAmbiguous(t *testing.T) {
	const issuer = "https://i.example"
	like := func(name, pattern, owner string, roles ...trust.Role) trust.Signer {
		r, err := trust.IdentityPattern(issuer, pattern)
		if err != nil {
			t.Fatal(err)
		}
		return trust.Signer{Name: name, Identities: []trust.IdentityRule{r}, Roles: roles, Owner: owner}
	}
	owner := func(name, pattern string) trust.Signer {
		return like(name, pattern, name, trust.Rebuilder, trust.Finding)
	}
	type signers = []trust.Signer
	for name, c := range map[string]struct {
		signers, owners signers
		want            diag.Code
	}{
		"one entry":                {signers{like("a", "ci-.*", "", trust.Release)}, nil, ""},
		"another's pattern":        {signers{like("a", "ci-.*", "", trust.Release), like("b", "qa-.*", "", trust.Finding)}, nil, ""},
		"release and finding":      {signers{like("a", "ci-.*", "", trust.Release), like("b", ".*-1", "", trust.Finding)}, nil, "A0607"},
		"release and revoker":      {signers{like("a", "ci-.*", "", trust.Revoker), like("b", ".*-1", "", trust.Release)}, nil, "A0607"},
		"waiver and promoter":      {signers{like("a", "ci-.*", "", trust.Waiver), like("b", ".*-1", "", trust.Promoter)}, nil, "A0607"},
		"release and promoter":     {signers{like("a", "ci-.*", "", trust.Release), like("b", ".*-1", "", trust.Promoter)}, nil, ""},
		"rebuilders, two owners":   {signers{like("a", "ci-.*", "x", trust.Rebuilder), like("b", ".*-1", "y", trust.Rebuilder)}, nil, "A0610"},
		"rebuilders, one owner":    {signers{like("a", "ci-.*", "x", trust.Rebuilder), like("b", ".*-1", "x", trust.Rebuilder)}, nil, ""},
		"owners of the roster":     {nil, signers{owner("x", "ci-.*"), owner("y", ".*-1")}, "A0610"},
		"waiver and an owner":      {signers{like("a", ".*-1", "", trust.Waiver)}, signers{owner("x", "ci-.*")}, "A0607"},
		"break-glass and an owner": {signers{like("a", ".*-1", "", trust.BreakGlass)}, signers{owner("x", "ci-.*")}, "A0607"},
		"release and an owner":     {signers{like("a", ".*-1", "", trust.Release)}, signers{owner("x", "ci-.*")}, ""}, // a warning of the roster's; he counts as the maker
	} {
		err := trust.Ambiguous(trust.Party{Identity: trust.Identity{Issuer: issuer, Subject: "ci-1"}}, c.signers, c.owners)
		if list := diag.All(err); (err == nil) != (c.want == "") || len(list) > 0 && list[0].Code != c.want {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if err := trust.Ambiguous(trust.Party{Identity: trust.Identity{Issuer: issuer, Subject: "ci-2"}}, c.signers, c.owners); err != nil {
			t.Errorf("%s: an identity of one entry: %v", name, err)
		}
	}
}
