package trust

import (
	"errors"
	"fmt"
	"regexp"
)

// IdentityRule says which identities are meant: those of one issuer, exactly, with this very subject, or with a subject that Pattern matches
// from end to end. The zero rule matches nobody.
type IdentityRule struct {
	Issuer  string
	Subject string
	Pattern *regexp.Regexp
}

// ExactIdentity is the rule for one identity. Both parts must be there: a subject without its issuer is anybody who calls himself so.
func ExactIdentity(issuer, subject string) (IdentityRule, error) {
	if issuer == "" || subject == "" {
		return IdentityRule{}, errors.New("an identity needs an issuer and a subject")
	}
	return IdentityRule{Issuer: issuer, Subject: subject}, nil
}

// IdentityPattern is the rule for all subjects of one issuer that a pattern (RE2) matches as a whole: "a" matches "a" and not "ba", with
// or without anchors of its own. A pattern that matches the empty subject is refused: it was not meant.
func IdentityPattern(issuer, pattern string) (IdentityRule, error) {
	if issuer == "" || pattern == "" {
		return IdentityRule{}, errors.New("an identity needs an issuer and a pattern")
	}
	whole, err := anchored(pattern)
	if err != nil {
		return IdentityRule{}, fmt.Errorf("the pattern of an identity: %w", err)
	}
	if whole.MatchString("") {
		return IdentityRule{}, errors.New("the pattern of an identity matches nothing at all")
	}
	return IdentityRule{Issuer: issuer, Pattern: whole}, nil
}

// anchored compiles an expression that has to match the whole text.
func anchored(expression string) (*regexp.Regexp, error) {
	if _, err := regexp.Compile(expression); err != nil { // so that ")" cannot end the group below
		return nil, err
	}
	return regexp.Compile(`\A(?:` + expression + `)\z`)
}

// Matches tells whether id is meant. An empty rule or identity is nobody's (CVE-2025-29778 ignored the expression and took anybody's).
func (r IdentityRule) Matches(id Identity) bool {
	switch {
	case r.Issuer == "" || r.Issuer != id.Issuer || id.Subject == "":
		return false
	case r.Pattern != nil:
		return r.Pattern.MatchString(id.Subject)
	}
	return r.Subject == id.Subject
}
