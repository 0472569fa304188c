//go:build !front

package cli

import (
	"context"
	"time"

	"github.com/selfsame-build/selfsame/freshness"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/verify"
	"github.com/selfsame-build/selfsame/verify/ground"
)

// trusting has each audit ask the deny list that the flags name; with a trust file, read who counts there, and ask the list that it names.
// Whoever signs a list that a flag names is read now.
func (f *auditFlags) trusting(ctx context.Context, a *app, c *registry.Client) error {
	lists, err := a.lists(ctx, f.fresh)
	if err != nil {
		return err
	}
	s := ground.Setup{
		Trust: f.trust, Root: f.Release.Root, Lists: lists, Client: c, Now: time.Now,
		Memory: func() (*freshness.Memory, error) { return a.memory(f.fresh.stateless) },
	}
	switch {
	case f.trust != "":
		return f.byTrustFile(a, s)
	case lists.Deny != "":
		f.Ground = func(ctx context.Context, o *verify.Options) error {
			l, err := s.Load(ctx, verify.Options{})
			o.Deny = l.Options.Deny
			return byFlags(s, err)
		}
	}
	return nil
}

// byTrustFile says now what is wrong with the trust file, and has each audit read it again: whoever lost a role there has lost it for a watch that
// goes on, too. A deny list that is not named there any more is an error until the command is started anew, because a file that was written
// by halves must not end the asking.
func (f *auditFlags) byTrustFile(a *app, s ground.Setup) error {
	first, err := s.Read(verify.Options{})
	for _, w := range first.Warnings {
		a.warn(w)
	}
	listed := first.Options.DenyAt != nil
	if err == nil && listed && s.Lists.Deny != "" {
		err = ground.ErrTwoLists
	}
	if err != nil {
		return byFlags(s, err)
	}
	f.Release, f.Signers = first.Options.Trust, first.Options.Signers
	f.Ground = func(ctx context.Context, o *verify.Options) error {
		l, err := s.Load(ctx, verify.Options{})
		if err != nil {
			return byFlags(s, err)
		}
		if listed && l.Options.DenyAt == nil {
			return diag.Errorf("A0564", "`%s` named a deny list when this began, and names none any more", s.Trust).WithHelp("name it again, or start anew if that is meant")
		}
		o.Trust, o.Signers, o.Deny = l.Options.Trust, l.Options.Signers, l.Options.Deny
		return nil
	}
	return nil
}
