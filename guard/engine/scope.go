package engine

import (
	"errors"
	"fmt"

	"github.com/selfsame-build/selfsame/policy"
)

// Hopeless says why no image of a name could be allowed now, whatever its digest and its evidence.
type Hopeless struct {
	Class Class
	Why   string
}

// Error implements error.
func (h Hopeless) Error() string { return h.Why }

// Fix says what to do about it.
func (h Hopeless) Fix() string { return fixes[h.Class] }

// Scope says whether an image of this name could be allowed at all: a rule of the policy in force is about the name. Of others nothing has to
// be known. An error is Hopeless.
func (e *Engine) Scope(name string) error {
	p := e.policy.Load()
	switch {
	case p == nil:
		return Hopeless{ClassNoPolicy, e.noPolicy().Error()}
	case !p.InScope(e.c.NameOf(name)):
		return Hopeless{ClassRule, fmt.Sprintf("no rule of policy %s, version %d, is about images of %s", p.Edition().Name, p.Edition().Version, clip(name))}
	}
	return nil
}

// noPolicy says why there is none: nobody read one yet, nobody could, or the one that was in force does not count any more.
func (e *Engine) noPolicy() error {
	why := e.failed.Load()
	switch {
	case why != nil && errors.Is(*why, policy.ErrRevoked):
		return fmt.Errorf("no policy is in force: %w", *why)
	case why != nil && e.dropped.Load() != nil:
		return fmt.Errorf("no policy is in force: %w, and no other could be read: %w", policy.ErrRevoked, *why)
	case why != nil:
		return fmt.Errorf("no policy has been read yet: %w", *why)
	}
	return fmt.Errorf("no policy has been read yet: the guard has just been started")
}
