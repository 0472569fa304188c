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

// trusting reads the trust file, if there is one, and has each audit ask the deny list that flags or trust file name. Who must have signed the
// list is read now, but for the trust file's, which is read with each list: whoever lost that role there signs none for a watch that goes on.
func (f *auditFlags) trusting(ctx context.Context, a *app, c *registry.Client) error {
	lists, err := a.lists(ctx, f.fresh)
	if err != nil {
		return err
	}
	s := ground.Setup{
		Trust: f.trust, Root: f.Release.Root, Lists: lists, Client: c, Now: time.Now,
		Memory: func() (*freshness.Memory, error) { return a.memory(f.fresh.stateless) },
	}
	asked := lists.Deny != ""
	if f.trust != "" {
		l, err := a.load(ctx, s, verify.Options{})
		if err != nil {
			return err
		}
		f.Release, f.Signers, asked = l.Options.Trust, l.Options.Signers, l.Options.Deny != nil
	}
	if !asked {
		return nil
	}
	f.Deny = func(ctx context.Context, o *verify.Options) error {
		l, err := s.Load(ctx, verify.Options{})
		o.Deny = l.Options.Deny
		return byFlags(s, err)
	}
	return nil
}
