package trust

import (
	"github.com/selfsame-build/selfsame/internal/diag"
)

// Ambiguous says why it cannot be said who p is: two entries name it that must not be one party. Keys and exact subjects are found when a file
// is loaded, and whether two expressions overlap cannot be told then; but of an identity that was met it can. signers are a trust file's,
// owners a roster's. nil: there is no such doubt. Diagnostics: A0607 roles that exclude each other, A0610 two owners.
func Ambiguous(p Party, signers, owners []Signer) error {
	if p.Identity == (Identity{}) {
		return nil // a key is found when the file is loaded
	}
	mine, theirs := named(p, signers), named(p, owners)
	for _, a := range apart {
		for _, bad := range a.from {
			for _, s := range mine {
				for _, o := range mine {
					if s.May(a.role) && o.May(bad) && s.Name != o.Name {
						return bothAre(diag.CodeTrustRoles, p, s, o, "their roles "+string(a.role)+" and "+string(bad)+" exclude each other", a.why)
					}
				}
			}
		}
	}
	for i, s := range mine {
		for _, o := range mine[:i] {
			if s.May(Rebuilder) && o.May(Rebuilder) && s.OwnedBy() != o.OwnedBy() {
				return bothAre(diag.CodeTrustShared, p, o, s, "they have two owners", "one party would count as two owners")
			}
		}
	}
	if len(theirs) > 1 {
		return bothAre(diag.CodeTrustShared, p, theirs[0], theirs[1], "they are two owners of the roster", "one party would count as two owners")
	}
	for _, o := range theirs {
		for _, s := range mine {
			if role, why, bad := excludes(s, o); bad {
				return bothAre(diag.CodeTrustRoles, p, s, o, "the one has the role "+string(role)+", and the other is an owner of the roster", why)
			}
		}
	}
	return nil
}

// named are the entries that p is.
func named(p Party, all []Signer) []Signer {
	var out []Signer
	for _, s := range all {
		if s.Is(p) {
			out = append(out, s)
		}
	}
	return out
}

func bothAre(code diag.Code, p Party, a, b Signer, what, why string) error {
	return diag.Errorf(code, "%s is both `%s` and `%s`, and %s", p, a.Name, b.Name, what).WithWhy(why).
		WithHelp("write the expressions (`subjectRegexp`) so that one identity matches one of them, or write `subject:` with the subject itself")
}
