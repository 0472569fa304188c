// Package ground is what the engine gathers evidence with: verify/ground, which is opened when that becomes possible, and goes on being tried.
// A guard whose registry is down at its start serves all the same, and denies in words.
package ground

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/guard/breakglass"
	"github.com/selfsame-build/selfsame/policy"
	"github.com/selfsame-build/selfsame/trust"
	"github.com/selfsame-build/selfsame/verify/ground"
)

// Late implements engine.Gatherer and engine.Denier over a ground that may not be open yet. It is safe for use by many at once.
type Late struct {
	c      ground.Config
	ground atomic.Pointer[ground.Ground]
	failed atomic.Pointer[error]
}

// New makes one that is not open. Refresh opens it.
func New(c ground.Config) *Late { return &Late{c: c} }

// Epoch implements engine.Gatherer; the zero Epoch: it is not open.
func (l *Late) Epoch() policy.Epoch {
	if g := l.ground.Load(); g != nil {
		return g.Epoch()
	}
	return policy.Epoch{}
}

// firstReading is how long the first reading of lists may take before what this machine has kept of them counts. Registries are asked first,
// so that an older list never goes before a newer one that could be had; one that hangs is not waited for.
const firstReading = 3 * time.Second

// Refresh implements engine.Gatherer. Nobody calls it twice at once. It opens the ground as soon as the files on this machine can be read.
func (l *Late) Refresh(ctx context.Context) error {
	if g := l.ground.Load(); g != nil {
		return g.Refresh(ctx)
	}
	g, err := ground.Start(l.c)
	if err != nil {
		l.failed.Store(&err)
		return err
	}
	first, cancel := context.WithTimeoutCause(ctx, firstReading, fmt.Errorf("no answer within %s", firstReading))
	defer cancel()
	err = g.Refresh(first)
	l.ground.Store(g)
	return err
}

// RefreshFiles implements engine.FileRefresher.
func (l *Late) RefreshFiles() error {
	if g := l.ground.Load(); g != nil {
		return g.RefreshFiles()
	}
	return nil
}

// NameOf is the name that evidence bears for an image that is pulled by name.
func (l *Late) NameOf(name string) string {
	if g := l.ground.Load(); g != nil {
		return g.NameOf(name)
	}
	return name
}

// Gather implements engine.Gatherer.
func (l *Late) Gather(ctx context.Context, name string, d digest.Digest) (policy.Evidence, error) {
	if g := l.ground.Load(); g != nil {
		return g.Gather(ctx, name, d)
	}
	return policy.Evidence{}, l.notOpen()
}

// Policy is an engine.PolicySource.
func (l *Late) Policy(ctx context.Context) (*policy.Policy, error) {
	if g := l.ground.Load(); g != nil {
		return g.Policy(ctx)
	}
	return nil, l.notOpen()
}

// Stands is engine.Config's.
func (l *Late) Stands() error {
	if g := l.ground.Load(); g != nil {
		return g.Stands()
	}
	return nil
}

func (l *Late) notOpen() error {
	if err := l.failed.Load(); err != nil {
		return fmt.Errorf("nothing is known yet: %w", *err)
	}
	return errors.New("nothing is known yet: trust file and deny list are being read")
}

// Denied implements engine.Denier: what the deny list in force says of a digest by itself.
func (l *Late) Denied(d digest.Digest) (policy.Block, bool, error) {
	g := l.ground.Load()
	if g == nil {
		return policy.Block{}, false, l.notOpen()
	}
	deny := g.Options().Deny
	switch err := g.Lacking(); {
	case err != nil:
		return policy.Block{}, false, err
	case deny == nil:
		return policy.Block{}, false, nil
	case !l.c.Now().Before(deny.Until):
		return policy.Block{}, false, fmt.Errorf("it does not count any more since %s", deny.Until.UTC().Format(time.RFC3339))
	}
	e, ok := deny.Image(d)
	return policy.Block{Verdict: "denied", Reason: fmt.Sprintf("%s denies it: %s", deny.Source(), e.Reason), ExitCode: 14}, ok, nil
}

// DenyListTimes implements engine.DenyListTimer.
func (l *Late) DenyListTimes() (issued, until time.Time) {
	if g := l.ground.Load(); g != nil {
		if deny := g.Options().Deny; deny != nil {
			return deny.Issued, deny.Until
		}
	}
	return time.Time{}, time.Time{}
}

// Lacking implements engine.DenyListTimer.
func (l *Late) Lacking() error {
	if g := l.ground.Load(); g != nil {
		return g.Lacking()
	}
	return nil
}

// BreakGlass is whose break-glass statements count; false: nobody knows yet.
func (l *Late) BreakGlass() (breakglass.Who, bool) {
	g := l.ground.Load()
	if g == nil {
		return breakglass.Who{}, false
	}
	o := g.Options()
	who := breakglass.Who{Trust: o.Trust, Signers: o.Signers}
	if o.Roster != nil {
		who.Owners = o.Roster.Owners
	}
	if deny := o.Deny; deny != nil {
		who.Denied = func(by trust.Party, at time.Time) string {
			e, denied := deny.Signer(by, at)
			if !denied {
				return ""
			}
			return fmt.Sprintf("%s: %s (%s)", e.Subject(), e.Reason, deny.Source())
		}
	}
	return who, true
}
