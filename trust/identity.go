package trust

import (
	"errors"
	"fmt"
	"regexp"
)

// IdentityRule says which identities count: one issuer, exactly, and a subject, exactly or by a pattern. The zero rule matches nobody.
type IdentityRule struct {
	issuer  string
	subject string
	pattern *regexp.Regexp
}

// ExactIdentity is the rule for one identity. Both parts must be there: a subject without its issuer is anybody who calls himself so.
func ExactIdentity(issuer, subject string) (IdentityRule, error) {
	if issuer == "" || subject == "" {
		return IdentityRule{}, errors.New("an identity needs an issuer and a subject")
	}
	return IdentityRule{issuer: issuer, subject: subject}, nil
}

// IdentityPattern is the rule for all subjects of one issuer that a pattern (RE2) matches as a whole: "a" matches "a" and not "ba", with
// or without anchors of its own. A pattern that matches the empty subject is refused: it was not meant.
func IdentityPattern(issuer, pattern string) (IdentityRule, error) {
	if issuer == "" || pattern == "" {
		return IdentityRule{}, errors.New("an identity needs an issuer and a pattern")
	}
	if _, err := regexp.Compile(pattern); err != nil { // or "a)|(b" would be good within the group below
		return IdentityRule{}, fmt.Errorf("the pattern of an identity: %w", err)
	}
	whole, err := regexp.Compile(`\A(?:` + pattern + `)\z`)
	if err != nil {
		return IdentityRule{}, fmt.Errorf("the pattern of an identity: %w", err)
	}
	if whole.MatchString("") {
		return IdentityRule{}, errors.New("the pattern of an identity matches nothing at all")
	}
	return IdentityRule{issuer: issuer, pattern: whole}, nil
}

// Matches tells whether id is meant.
func (r IdentityRule) Matches(id Identity) bool {
	if id.Issuer == "" || id.Subject == "" || r.issuer != id.Issuer {
		return false
	}
	if r.pattern != nil {
		return r.pattern.MatchString(id.Subject)
	}
	return r.subject == id.Subject
}
