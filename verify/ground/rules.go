package ground

import (
	"context"
	"errors"
	"fmt"

	"github.com/selfsame-build/selfsame/freshness"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/policy"
)

// rules is a signed policy that counted, and where it was read.
type rules struct {
	place  freshness.Place
	pinned string
	bundle []byte
}

// Policy reads the policy that is to decide (Setup.ReadPolicy); there must be one. Where a signed one cannot be read, the one that was given
// last, or is kept from before the process, is given with the error, if it counts by the trust file and deny list of now. Where it does
// not, the error has policy.ErrRevoked in its chain: whoever it was given to must not go on with it. A plain file of a lower version than
// one that was given before, also before a restart, is refused (A0903).
func (g *Ground) Policy(ctx context.Context) (*policy.Policy, error) {
	g.reading.Lock()
	defer g.reading.Unlock()
	o := g.Options()
	at, d := g.c.policyAt(o)
	switch {
	case at == "":
		none := diag.Errorf("A0650", "no policy is named").WithWhy("without one nothing may run").WithHelp("name one in the configuration, or in the trust file: policy: {at: REF}")
		if g.rules != nil { // it was signed; a plain file has a place
			if err := g.stands(); err != nil {
				g.rules = nil
				return nil, fmt.Errorf("%w: %w", none, err)
			}
		}
		return nil, none
	case g.c.ownPolicy():
		return g.ownPolicy(at)
	}
	signed, d, err := g.c.signedPolicy(ctx, o, at, d)
	if err == nil {
		return signed.Policy, g.given(at, signed)
	}
	known, why := g.knownPolicy(at, d)
	switch {
	case why == nil:
		return known.Policy, err
	case g.rules != nil:
		g.rules = nil
		return nil, fmt.Errorf("%w: %w: %w", err, policy.ErrRevoked, why)
	case errors.Is(why, errNone):
		return nil, err
	}
	return nil, fmt.Errorf("%w; the one that is kept on this machine: %w", err, why)
}

// Stands says, without asking anybody, that the signed policy which Policy gave last does not count any more by the trust file and deny list of
// now: the error has policy.ErrRevoked in its chain. nil: it does, or none was given. Where another place is named by now, a policy goes on
// only until Policy has read that one, and where none is, until its own end or a restart; and only if who signed it still may sign policies.
func (g *Ground) Stands() error {
	g.reading.Lock()
	defer g.reading.Unlock()
	if g.rules == nil || g.c.ownPolicy() {
		return nil
	}
	return g.stands()
}

// stands is Stands where a signed policy was given.
func (g *Ground) stands() error {
	o := g.Options()
	at, d := g.c.policyAt(o)
	err := g.c.speakers(o, &d)
	if err == nil {
		_, err = g.knownPolicy(at, d)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", policy.ErrRevoked, err)
	}
	return nil
}

// given keeps a policy that was read.
func (g *Ground) given(at string, signed *freshness.SignedPolicy) error {
	place, err := freshness.OpenPolicyPlace(g.c.Client, at)
	if err != nil {
		return err
	}
	g.rules = &rules{place, signed.Place, signed.Bundle}
	if place.Name() == "" { // a file is kept already, by whoever wrote it
		return nil
	}
	return g.shelf.write(keptPolicy, place.String(), signed.Bundle)
}

// knownPolicy is the signed policy that was given last, or else the one that is kept, if it meets the demand. Of one that was given from another
// place than at, number and age are not demanded: those are at's.
func (g *Ground) knownPolicy(at string, d freshness.Demand) (*freshness.SignedPolicy, error) {
	if len(d.Trust.Keys) == 0 && d.Trust.Root == nil {
		return nil, errors.New("nobody may sign policies")
	}
	place, err := freshness.OpenPolicyPlace(g.c.Client, at)
	if g.rules != nil {
		if err != nil || place.String() != g.rules.place.String() {
			d.Minimum, d.MaxAge = 0, 0 // of the other place
		}
		d.Memory = nil // it was compared when it was read
		return freshness.ReopenPolicy(g.rules.place, g.rules.pinned, g.rules.bundle, d)
	}
	if err != nil {
		return nil, err
	}
	bundle, err := g.shelf.read(keptPolicy, place.String())
	if err != nil {
		return nil, err
	}
	known, err := freshness.ReopenPolicy(place, place.String(), bundle, d)
	if err == nil {
		g.rules = &rules{place, place.String(), bundle}
	}
	return known, err
}

// ownPolicy reads a plain file, and compares its version with the highest that was in force on this machine. Nobody has signed the number:
// this is against a file of yesterday that somebody puts back by mistake. One that is over already would deny everything and is not
// remembered, so that a wrong `expires:` can be taken back.
func (g *Ground) ownPolicy(at string) (*policy.Policy, error) {
	p, err := policy.Load(at)
	if err != nil || g.c.Memory == nil {
		return p, err
	}
	m, err := g.c.Memory()
	if err != nil || m == nil || !p.Expires().IsZero() && !g.c.Now().Before(p.Expires()) {
		return p, err
	}
	is := p.Edition()
	series := freshness.Seen{Kind: "policy file", Name: is.Name, Sequence: int64(is.Version)}
	before, known, err := m.Recall(series)
	switch {
	case err != nil:
		return nil, err
	case known && series.Sequence < before.Sequence:
		return nil, diag.Errorf(diag.CodeGuardPolicy, "policy %s, version %d, is older than version %d, which was in force here", is.Name, is.Version, before.Sequence).
			WithWhy("who puts an old file back by mistake would have its old rules in force again").
			WithHelp(fmt.Sprintf("raise `version:` with each change; to go back on purpose, give the old rules a version above %d, or stop the guard, remove `%s`, and start it", before.Sequence, m.Path(series)))
	}
	if _, _, err := m.Advance(series); err != nil {
		return nil, err
	}
	return p, nil
}
