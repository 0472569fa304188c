package builder

import (
	"context"
	"sync"

	"github.com/selfsame-build/selfsame/builder/daemon"
)

// StartBuilders starts the builders that Repeat will ask for with these options, and does not wait for them: whoever has read the evidence may
// fetch the inputs meanwhile. They start empty and build nothing. What goes wrong is left to Repeat, which asks for them again.
//
// The function that it returns lets them go, once however often it is called. It must be called before Repeat, which waits until nobody uses a
// builder that it has to replace, and before they are ended. It waits for one that is still starting, also when ctx has ended: of a builder that
// is half started nobody who ends builders would know.
func (h *Host) StartBuilders(ctx context.Context, o RepeatOptions) func() {
	ctx = context.WithoutCancel(ctx)
	worlds, err := h.repeatWorlds(o)
	if err != nil {
		return func() {}
	}
	leases := make([]*daemon.Lease, len(worlds))
	var starting sync.WaitGroup
	for i, w := range worlds {
		starting.Go(func() {
			if l, err := h.Daemons.Acquire(ctx, w.spec()); err == nil {
				leases[i] = l
			}
		})
	}
	return func() {
		starting.Wait()
		for _, l := range leases {
			if l != nil {
				l.Release()
			}
		}
	}
}

// repeatWorlds are the surroundings of the builders that a build is repeated on: the one auditor's, or both twins'.
func (h *Host) repeatWorlds(o RepeatOptions) ([]world, error) {
	if !o.Twice {
		return []world{h.worldAudit(o.RootBytes)}, nil
	}
	a, b, _, err := h.worlds(Options{})
	return []world{a.within(o.RootBytes), b.within(o.RootBytes)}, err
}
