package builder

import (
	"context"

	"github.com/selfsame-build/selfsame/provenance/intoto"
	"github.com/selfsame-build/selfsame/recipes"
	"github.com/selfsame-build/selfsame/recipes/lock"
)

// checkLock says whether the lock is fresh. Who signs a link of it here vouches for what was read, not for having recorded it.
func (h *Host) checkLock(ctx context.Context, r *recipes.Recipe, l *lock.Lock, o LockOptions) (*LockResult, error) {
	res := &LockResult{Path: lockPath(r.Path), Entries: len(l.Entries)}
	if r.Source.Git != "" {
		if err := stale(res.Path, l.Header, ofCommit(r, l)); err != nil || o.Links.signer(intoto.StepSource) == nil && o.Links.signer(intoto.StepLock) == nil {
			return res, err
		}
		p, err := h.locked(ctx, r, l, true)
		if err != nil {
			return res, err
		}
		res.Links, err = h.keepLinks(ctx, o.Links, p, l.Digest(), false)
		return res, err
	}
	p, err := h.open(ctx, r, o.Links, o.Out)
	if err == nil {
		err = stale(res.Path, l.Header, p.header)
	}
	if err == nil {
		res.Links, err = h.keepLinks(ctx, o.Links, p, l.Digest(), false)
	}
	return res, err
}
