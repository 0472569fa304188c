//go:build !front

package cli

import (
	"context"
	"time"

	"github.com/selfsame-build/selfsame/freshness"
	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/verify"
	"github.com/selfsame-build/selfsame/verify/ground"
)

// denying has each audit ask the deny list that the flags name, if they name one. Who must have signed it is read now.
func (f *auditFlags) denying(ctx context.Context, a *app, c *registry.Client) error {
	lists, err := a.lists(ctx, f.fresh)
	if err != nil || lists.Deny == "" {
		return err
	}
	s := ground.Setup{
		Root: f.Release.Root, Lists: lists, Client: c, Now: time.Now,
		Memory: func() (*freshness.Memory, error) { return a.memory(f.fresh.stateless) },
	}
	f.Deny = func(ctx context.Context, o *verify.Options) error {
		l, err := a.load(ctx, s, verify.Options{})
		o.Deny = l.Options.Deny
		return err
	}
	return nil
}
