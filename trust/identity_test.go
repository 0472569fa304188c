package trust_test

import (
	"testing"

	"github.com/selfsame-build/selfsame/trust"
)

// CVE-2025-29778 and its like: a pattern that is ignored, or matches a part.
func TestN8IdentityRules(t *testing.T) {
	const issuer = "https://issuer.example"
	exact := func(issuer, subject string) trust.IdentityRule {
		t.Helper()
		r, err := trust.ExactIdentity(issuer, subject)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	pattern := func(p string) trust.IdentityRule {
		t.Helper()
		r, err := trust.IdentityPattern(issuer, p)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	for name, c := range map[string]struct {
		rule trust.IdentityRule
		id   trust.Identity
		want bool
	}{
		"same":                            {exact(issuer, "a@b.example"), trust.Identity{Issuer: issuer, Subject: "a@b.example"}, true},
		"another subject":                 {exact(issuer, "a@b.example"), trust.Identity{Issuer: issuer, Subject: "a@b.exampl"}, false},
		"another case of letters":         {exact(issuer, "a@b.example"), trust.Identity{Issuer: issuer, Subject: "A@b.example"}, false},
		"another issuer":                  {exact(issuer, "a@b.example"), trust.Identity{Issuer: issuer + "/", Subject: "a@b.example"}, false},
		"a subject that is no pattern":    {exact(issuer, "a.b"), trust.Identity{Issuer: issuer, Subject: "aXb"}, false},
		"nobody":                          {exact(issuer, "a"), trust.Identity{}, false},
		"zero rule, nobody":               {trust.IdentityRule{}, trust.Identity{}, false},
		"zero rule, somebody":             {trust.IdentityRule{}, trust.Identity{Issuer: issuer, Subject: "a"}, false},
		"pattern":                         {pattern(`.*@b\.example`), trust.Identity{Issuer: issuer, Subject: "a@b.example"}, true},
		"pattern, longer":                 {pattern(`.*@b\.example`), trust.Identity{Issuer: issuer, Subject: "a@b.example.evil"}, false},
		"pattern, part":                   {pattern(`b`), trust.Identity{Issuer: issuer, Subject: "abc"}, false},
		"pattern of two, each whole":      {pattern(`a|b`), trust.Identity{Issuer: issuer, Subject: "ab"}, false},
		"pattern, a line more":            {pattern(`a`), trust.Identity{Issuer: issuer, Subject: "a\n"}, false},
		"pattern in multi-line mode":      {pattern(`(?m)^a$`), trust.Identity{Issuer: issuer, Subject: "x\na"}, false},
		"pattern, another issuer":         {pattern(`.+`), trust.Identity{Issuer: "https://other.example", Subject: "a"}, false},
		"pattern with anchors of its own": {pattern(`^a$`), trust.Identity{Issuer: issuer, Subject: "a"}, true},
	} {
		if got := c.rule.Matches(c.id); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
	for _, bad := range []string{"", "(", "a)|(b", ".*", "a|"} {
		if _, err := trust.IdentityPattern(issuer, bad); err == nil {
			t.Errorf("pattern %q is taken", bad)
		}
	}
	for _, bad := range [][2]string{{"", "a"}, {issuer, ""}} {
		if _, err := trust.ExactIdentity(bad[0], bad[1]); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	if _, err := trust.IdentityPattern("", "a"); err == nil {
		t.Error("a pattern for any issuer is taken")
	}
}
