package trust

import (
	"fmt"
	"strings"
	"time"
)

// Level is a SLSA build level: 1 to 3, or 0 where none is known.
type Level int

// String is "L1" to "L3".
func (l Level) String() string { return fmt.Sprintf("L%d", int(l)) }

// Signer is one entry of a trust file or roster: who it is, and what it may say. The zero value of a bound is no bound, except
// that a signer without roles may say nothing.
type Signer struct {
	Name       string
	Keys       []Key
	Identities []IdentityRule
	Roles      []Role
	// Builders are the builder.id values that this signer may claim, each with the level that it is trusted up to. nil: those
	// that the verifier knows by itself, at L1.
	Builders map[string]Level
	// Verifiers are the verifier.id values that this signer may claim in a verdict that is handed on. nil: selfsame's own.
	Verifiers []string
	// From and Until are when its word counts: From <= time < Until.
	From, Until time.Time
	// Names are the repositories that it may speak for: exact, or ending in "/*" for all below. nil: all.
	Names []string
	// Unnamed says that its statements count also where they name no repository. Such a statement is good wherever the image is.
	Unnamed bool
	// Owner is the person or organisation behind it, by whom rebuilds are counted; empty: its own name.
	Owner string
	// Environment is the class of surroundings that it builds in, in the verifier's own words.
	Environment string
	// Index is where an owner of a roster publishes what it has said, so that nobody else can delete it unnoticed; nil: nowhere.
	Index *Index
}

// Is says whether p is this signer. A key is compared by its hash, an identity by issuer and subject.
func (s Signer) Is(p Party) bool {
	if p.Identity != (Identity{}) {
		for _, r := range s.Identities {
			if r.Matches(p.Identity) {
				return true
			}
		}
		return false
	}
	for _, k := range s.Keys {
		if k.Hint != "" && k.Hint == p.Key.Hint {
			return true
		}
	}
	return false
}

// May says whether the signer has one of the roles.
func (s Signer) May(roles ...Role) bool {
	for _, have := range s.Roles {
		for _, r := range roles {
			if have == r {
				return true
			}
		}
	}
	return false
}

// SpeaksFor says whether the signer may speak for a repository ("registry.example.com/team/shop").
func (s Signer) SpeaksFor(name string) bool {
	if len(s.Names) == 0 {
		return true
	}
	for _, n := range s.Names {
		if below, ok := strings.CutSuffix(n, "*"); n == name || ok && strings.HasPrefix(name, below) && name != below {
			return true
		}
	}
	return false
}

// OwnedBy is who stands behind the signer: its owner, or itself.
func (s Signer) OwnedBy() string {
	if s.Owner != "" {
		return s.Owner
	}
	return s.Name
}

// Timing is how a statement's time stands to a signer's window.
type Timing int

// The timings.
const (
	InTime      Timing = iota
	OutOfTime          // the time is known, and outside
	TimeUnknown        // there is a window, and nobody trusted says when it was signed
)

// Timing judges t, the time that a trusted party vouches for; zero: nobody does. A key without a timestamp cannot be expired or
// revoked "since": where there is a window, its statements are of unknown time.
func (s Signer) Timing(t time.Time) Timing {
	switch {
	case s.From.IsZero() && s.Until.IsZero():
		return InTime
	case t.IsZero():
		return TimeUnknown
	case t.Before(s.From), !s.Until.IsZero() && !t.Before(s.Until):
		return OutOfTime
	}
	return InTime
}
