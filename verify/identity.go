package verify

import (
	"time"

	"github.com/selfsame-build/selfsame/trust"
)

// counts tells whether somebody whose signature holds was asked for. A key is: Trust names keys one by one. Of identities a root vouches
// for everybody's, and those alone count that a rule names (CVE-2025-29778: an identity that was asked for and not looked at).
func (o Options) counts(by trust.Party) bool {
	if by.Identity == (trust.Identity{}) {
		return by.Key != (trust.Key{})
	}
	for _, r := range o.Identities {
		if r.Matches(by.Identity) {
			return true
		}
	}
	return false
}

// signers is what to call those who signed.
func signers(parties map[trust.Party]bool) string {
	for p := range parties {
		if p.Identity != (trust.Identity{}) {
			return "signer(s)"
		}
	}
	return "key(s)"
}

// signedAt says when the statements were signed, where somebody trusted says so of all of them. How old is too old is not decided here.
func signedAt(f *findings, e *evidence) {
	latest := time.Time{}
	for _, s := range e.trusted {
		if s.time.IsZero() {
			f.skip("time", "", "a signature by a key carries no trusted time, so neither age nor expiry is known")
			return
		}
		if s.time.After(latest) {
			latest = s.time
		}
	}
	f.ok("time", e.trusted[0].by.String(), "signed by %s, as a timestamp authority or a log says", latest.Format(time.RFC3339))
}
